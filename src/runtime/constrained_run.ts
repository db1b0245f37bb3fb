import { RequestError } from "../base/errors.ts";
import type { EngineEvent, EngineRequest, MaskAnswer } from "../engine/protocol.ts";
import type { Constraint } from "../grammar/constraint.ts";
import type { GrammarPool } from "../grammar/grammar_pool.ts";
import type { GrammarSession } from "../grammar/grammar_session.ts";
import type { Vocabulary } from "../grammar/vocabulary.ts";
import type { Frontend } from "./prompt.ts";
import type { GenerateRequest } from "./request.ts";

/** The tokens that a grammar may be made of. */
export function vocabularyOf({ tokenizer, config }: Frontend): Vocabulary {
  const size = config.text.vocabSize;
  const spellings = Array.from({ length: size }, (_, id) => tokenizer.spelling(id));
  return { spellings: spellings.join(" "), size, endId: tokenizer.bosId };
}

/**
 * Holds one request to its constraint: follows the tokens of its choices, and answers the engine's questions for
 * masks.
 */
export class ConstrainedRun {
  readonly #session: GrammarSession;
  readonly #answer: (answer: MaskAnswer) => void;
  readonly #stopIds: ReadonlySet<number>;
  readonly #constraint: Constraint;
  readonly #failed = new AbortController();

  private constructor(
    session: GrammarSession,
    constraint: Constraint,
    stopIds: readonly number[],
    answer: (answer: MaskAnswer) => void,
  ) {
    this.#session = session;
    this.#constraint = constraint;
    this.#answer = answer;
    this.#stopIds = new Set(stopIds);
  }

  /**
   * Compiles the constraint.
   *
   * @param stopIds tokens that end an answer
   * @param answer takes the masks to the engine
   * @param signal ends the wait for a turn, which is that of the request's client
   * @throws {RequestError} If it cannot be kept to (see `GrammarPool.open`), or not beside another field.
   */
  static async open(
    pool: GrammarPool,
    constraint: Constraint,
    request: GenerateRequest,
    stopIds: readonly number[],
    answer: (answer: MaskAnswer) => void,
    signal?: AbortSignal,
  ): Promise<ConstrainedRun> {
    if (request.ignoreEos) {
      throw new RequestError(
        '"ignore_eos" must be false where the answer is held to a form, which has an end',
        {
          param: "ignore_eos",
          code: "invalid_value",
        },
      );
    }
    const end = { stopIds, minTokens: request.sampling?.minTokens ?? 0 };
    const session = await pool.open(constraint, end, request.n ?? 1, { client: request.client, signal })
      .catch((error) => {
        throw namingField(error, constraint);
      });
    return new ConstrainedRun(session, constraint, stopIds, answer);
  }

  /** The caller's signal, which also ends the run when the constraint cannot be kept to. */
  signal(signal?: AbortSignal): AbortSignal {
    return signal ? AbortSignal.any([signal, this.#failed.signal]) : this.#failed.signal;
  }

  /** Hears of everything that happens to the request. */
  follow(event: EngineEvent): void {
    if (event.type === "token" && !this.#stopIds.has(event.token)) {
      this.#session.push(event.choice, event.token);
    }
    if (event.type !== "mask_wanted") return;
    const { id, choice, after } = event;
    this.#session.mask(choice).then(
      (mask) => this.#answer({ id, choice, after, mask }),
      (error) => this.#failed.abort(namingField(error, this.#constraint)),
    );
  }

  close(): void {
    this.#session.close();
  }
}

/** Where requests have what their constraints are made of. */
const fields: Readonly<Record<Constraint["type"], string>> = {
  json: "response_format",
  json_schema: "response_format",
  grammar: "grammar",
  regex: "regex",
  choice: "choice",
  calls: "tools",
};

/** A refusal of the constraint itself, with the field at fault. */
function namingField(error: unknown, { type }: Constraint): unknown {
  if (!(error instanceof RequestError) || error.details.code === "queue_full") return error;
  return new RequestError(error.message, { ...error.details, param: fields[type] });
}

/**
 * The engine's part of a request that is held to a constraint. Stop ids are forbidden by masks, which know where there
 * is nothing else: the engine must not forbid them as well.
 */
export function constrained(request: Omit<EngineRequest, "id">): Omit<EngineRequest, "id"> {
  return { ...request, constraint: true, sampling: { ...request.sampling, minTokens: 0 } };
}
