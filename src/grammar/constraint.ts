import { RequestError } from "../base/errors.ts";

/**
 * What an answer must be. It holds from the first token on, and the answer ends where it can only end; an answer that
 * was cut off is the beginning of one.
 */
export type Constraint =
  /** A JSON object. */
  | { readonly type: "json" }
  /** JSON that is valid under a JSON schema. */
  | { readonly type: "json_schema"; readonly schema: unknown }
  /** A grammar in GBNF, whose first rule is `root`. */
  | { readonly type: "grammar"; readonly text: string }
  /** A regular expression that fits from the first character to the last. */
  | { readonly type: "regex"; readonly pattern: string }
  /** One of some texts. */
  | { readonly type: "choice"; readonly choices: readonly string[] }
  | CallConstraint;

/**
 * Function calls: each is the `begin` of one of the forms, JSON that is valid under its `schema`, and its `end`. The
 * runtime makes this of `tools` and `toolChoice`.
 */
export interface CallConstraint {
  readonly type: "calls";
  readonly forms: readonly {
    /** Of the function. */
    readonly name: string;
    readonly begin: string;
    readonly schema: unknown;
    readonly end: string;
    /** With `inText`: the beginning of `begin` that makes a call of what is written; no other form's begins with it. */
    readonly trigger: string;
  }[];
  /** Any text may stand around calls, and be the whole answer. Otherwise there is nothing but calls, at least one. */
  readonly inText: boolean;
  /** Whether there may be more than one. Without text around them they stand behind each other with `; ` between. */
  readonly several: boolean;
  /** What the answer may be instead; only beside a single call, and not with `inText`. */
  readonly otherwise?: Constraint;
}

/** What a constraint may cost before it is compiled. Each refusal names the limit. */
export const limits = {
  /** Of a schema in JSON, or a grammar. */
  characters: 65_536,
  /** Levels of a schema, and groups of a pattern within each other. */
  depth: 32,
  /** That lead to each other, one by one. */
  references: 200,
  patternCharacters: 1024,
  /** Most that a pattern or a schema may count to. */
  repeats: 1_000_000,
  choices: 1000,
  /** Of the grammar that a schema or a pattern becomes. */
  grammarCharacters: 524_288,
} as const;

/** A constraint that cannot be kept to, or that says nothing. */
export function refuse(message: string, remedy?: string): never {
  throw new RequestError(message, { code: "invalid_grammar", remedy });
}
