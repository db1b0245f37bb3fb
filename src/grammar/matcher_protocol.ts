import type { RequestError } from "../base/errors.ts";
import type { Vocabulary } from "./vocabulary.ts";

/** A `Constraint` as JSON, by which it is known. Only the thread reads it: even that may take long. */
export type ConstraintText = string;

/**
 * Grammars that stay compiled on one thread. They are counted, as the compiler does not tell their sizes; what one can
 * take is bounded by the time in which it must be compiled, and goes with its thread at the latest.
 */
export const keptGrammars = 8;

/** How the end of an answer is chosen. */
export interface EndOptions {
  /** Tokens that end an answer. They are allowed where the grammar may end, and nowhere else. */
  readonly stopIds: readonly number[];
  /** Tokens that an answer has at least, where the grammar does not end before. */
  readonly minTokens: number;
}

/** What a thread that compiles and matches can be asked for. Each is answered in turn. */
export type MatcherCall =
  /** Readies the thread; comes first, and once. */
  | { readonly type: "vocabulary"; readonly vocabulary: Vocabulary }
  | { readonly type: "compile"; readonly constraint: ConstraintText }
  /** A matcher of a constraint that can be compiled, at the beginning of an answer. */
  | {
    readonly type: "open";
    readonly matcher: number;
    readonly constraint: ConstraintText;
    readonly end: EndOptions;
  }
  /** Takes tokens that an answer has more by now. */
  | { readonly type: "follow"; readonly matcher: number; readonly tokens: readonly number[] }
  /** The same, and asks for the mask of the next one. */
  | { readonly type: "mask"; readonly matcher: number; readonly tokens: readonly number[] }
  | { readonly type: "close"; readonly matcher: number };

export interface MatcherAnswer {
  readonly mask?: Uint32Array;
  /** What is wrong with the constraint itself. */
  readonly wrong?: { readonly message: string; readonly details: RequestError["details"] };
  /** Why the grammar cannot be compiled. The thread is of no use from now on. */
  readonly refusal?: string;
  /** Why there is no answer. The thread is of no use from now on. */
  readonly failure?: string;
}
