import { ExplainedError } from "../../base/errors.ts";
import { UsageError } from "../exit_codes.ts";
import { refusalError, unreachable } from "../server_address.ts";
import { chatRequest, type Manner, type Target } from "./ask.ts";
import type { Failure } from "./outcome.ts";

/**
 * Asks the first question, to learn in which manner the server understands it: some do not know `stream_options`.
 *
 * @throws {Error} If it cannot be answered: then no other can. Or the reason of `stop`.
 */
export async function findManner(
  target: Target,
  question: Readonly<Record<string, unknown>>,
  stream: boolean,
  stop: AbortSignal,
): Promise<Manner> {
  const asked = { stream, withUsage: stream };
  const first = await chatRequest(target, question, asked, stop)();
  stop.throwIfAborted();
  if (first.kind !== "failure") return asked;
  if (stream && (first.status === 400 || first.status === 422)) {
    const plain = { stream, withUsage: false };
    const second = await chatRequest(target, question, plain, stop)();
    stop.throwIfAborted();
    if (second.kind === "answer") return plain;
  }
  throw failureError(target, first);
}

function failureError({ base, key }: Target, { reason, detail, status }: Failure): Error {
  if (reason === "no connection") return unreachable(base, detail);
  const said = `${reason}${detail === "" ? "" : `: ${detail}`}`;
  if (status === 401 || status === 403) return refusalError(base, status, key, said);
  if (status === 404) {
    return new UsageError(
      `The server at ${base.origin} does not have what is asked for: ${said}`,
      `Look whether ${base.href}models lists the model, and whether that is its address`,
    );
  }
  const remedy = reason === "no event stream"
    ? "Measure whole answers with --no-stream"
    : status === undefined || status === 429 || status >= 500
    ? "Look at what the server says of it, or ask again later"
    : "Ask it in another way: llamav bench serve --help lists how";
  return new ExplainedError(`The server at ${base.origin} did not answer the first request: ${said}`, remedy);
}
