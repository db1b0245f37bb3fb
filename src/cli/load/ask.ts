import { responseText } from "../response_text.ts";
import { connectionTrouble, keyHeaders } from "../server_address.ts";
import { eventData } from "./event_stream.ts";
import type { Answer, Failure, Outcome } from "./outcome.ts";

/** Where to ask, as whom, and how. */
export interface Target {
  /** Of the API, with a slash at the end: `http://127.0.0.1:8000/v1/`. */
  readonly base: URL;
  readonly key: string | undefined;
  readonly timeoutMs: number;
}

/** What a request wants of its answer. */
export interface Manner {
  readonly stream: boolean;
  /** Whether a stream is asked to say at its end how many tokens it had. */
  readonly withUsage: boolean;
}

/** The limit of a body that is read as a whole. */
const maxBodyBytes = 16 << 20;
const maxDetailChars = 300;

/** Something that went wrong with a request, in words to count it by. */
class Trouble extends Error {
  constructor(
    readonly reason: string,
    detail: string,
    readonly more: Pick<Failure, "status" | "retryAfterMs"> = {},
  ) {
    super(detail);
  }
}

/**
 * Makes one chat request.
 *
 * @param question fields of the request, without those that `manner` decides
 * @param stop ends the request, which then counts as abandoned
 * @returns what sends it and reads its answer to the end. Never throws: what goes wrong is an outcome.
 */
export function chatRequest(
  target: Target,
  question: Readonly<Record<string, unknown>>,
  { stream, withUsage }: Manner,
  stop: AbortSignal,
): () => Promise<Outcome> {
  const body = JSON.stringify({
    ...question,
    ...stream ? { stream } : {},
    ...stream && withUsage ? { stream_options: { include_usage: true } } : {},
  });
  return () => send(target, body, stream, stop);
}

async function send(target: Target, body: string, stream: boolean, stop: AbortSignal): Promise<Outcome> {
  const limit = AbortSignal.timeout(target.timeoutMs);
  const startMs = performance.now();
  let opened = false;
  try {
    const response = await fetch(new URL("chat/completions", target.base), {
      method: "POST",
      headers: { ...keyHeaders(target.key), "Content-Type": "application/json" },
      body,
      // A key is for the server that was named.
      redirect: "error",
      signal: AbortSignal.any([stop, limit]),
      // The silence of a long queue is no fault; how long is too long says the limit above.
      timeout: false,
    });
    opened = true;
    if (!response.ok) throw await refusal(response);
    const read = stream ? await readStream(response) : await readWhole(response);
    return { kind: "answer", startMs, endMs: performance.now(), ...read };
  } catch (error) {
    if (stop.aborted) return { kind: "abandoned" };
    const trouble = limit.aborted
      ? new Trouble("timeout", `no complete answer within ${target.timeoutMs / 1000} s`)
      : error instanceof Trouble
      ? error
      : new Trouble(opened ? "connection lost" : "no connection", connectionTrouble(error));
    const { reason, message, more } = trouble;
    return { kind: "failure", startMs, endMs: performance.now(), reason, detail: message, ...more };
  }
}

type Read = Omit<Answer, "kind" | "startMs" | "endMs">;

/** The parts of an answer, or of one of its chunks, that are looked at; a server may send anything. */
interface ChatBody {
  readonly choices?: readonly ({
    readonly finish_reason?: unknown;
    readonly delta?: Readonly<Record<string, unknown>>;
  } | undefined)[];
  readonly usage?: { readonly prompt_tokens?: unknown; readonly completion_tokens?: unknown } | null;
  readonly error?: unknown;
  readonly object?: unknown;
}

async function readStream(response: Response): Promise<Read> {
  const type = response.headers.get("content-type") ?? "no type";
  if (!type.startsWith("text/event-stream") || response.body === null) {
    throw new Trouble("no event stream", `the answer is ${type}, not text/event-stream`);
  }
  const piecesMs: number[] = [];
  let usage: ChatBody["usage"];
  let complete = false;
  try {
    for await (const data of eventData(response.body)) {
      if (data === "[DONE]") {
        complete = true;
        continue;
      }
      const chunk = parse(data);
      if ((chunk.error ?? null) !== null || chunk.object === "error") {
        throw new Trouble("error in the stream", messageOf(data));
      }
      const choice = chunk.choices?.[0];
      if (hasText(choice?.delta)) piecesMs.push(performance.now());
      // Servers differ in which of the two ends they send.
      if (typeof choice?.finish_reason === "string") complete = true;
      usage = chunk.usage ?? usage;
    }
  } catch (error) {
    throw error instanceof RangeError ? new Trouble("malformed answer", error.message) : error;
  }
  if (!complete) {
    throw new Trouble(
      "stream cut short",
      `it ended after ${piecesMs.length} pieces, without a finish_reason`,
    );
  }
  return { piecesMs, ...countsOf(usage) };
}

/** Whether a chunk brings something of the answer: text, thought or a call of a tool. Some servers send empty lists. */
function hasText(delta: Readonly<Record<string, unknown>> | undefined): boolean {
  const calls = delta?.tool_calls;
  if (Array.isArray(calls) && calls.length > 0) return true;
  return Boolean(delta?.content || delta?.reasoning_content || delta?.reasoning);
}

async function readWhole(response: Response): Promise<Read> {
  const text = await responseText(response, maxBodyBytes);
  if (text === undefined) throw new Trouble("malformed answer", `it has more than ${maxBodyBytes} bytes`);
  const { choices, usage } = parse(text);
  if (choices?.[0] === undefined) {
    throw new Trouble("malformed answer", `it has no choices: ${shorten(text)}`);
  }
  return { piecesMs: [], ...countsOf(usage) };
}

/** @throws {Trouble} If it is no JSON object. */
function parse(text: string): ChatBody {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    // Told below.
  }
  if (typeof value === "object" && value !== null) return value;
  throw new Trouble("malformed answer", `no JSON object: ${shorten(text)}`);
}

function countsOf(usage: ChatBody["usage"]): Pick<Answer, "promptTokens" | "completionTokens"> {
  const count = (value: unknown) => Number.isSafeInteger(value) ? value as number : undefined;
  return { promptTokens: count(usage?.prompt_tokens), completionTokens: count(usage?.completion_tokens) };
}

async function refusal(response: Response): Promise<Trouble> {
  const { status, statusText, headers } = response;
  const text = await responseText(response, maxBodyBytes) ?? "";
  return new Trouble(`${status} ${statusText}`.trimEnd(), messageOf(text), {
    status,
    retryAfterMs: retryAfterMs(headers.get("retry-after")),
  });
}

/** `Retry-After`: seconds, or the time of day. */
function retryAfterMs(text: string | null): number | undefined {
  if (text === null) return undefined;
  const ms = /^\d+$/.test(text.trim()) ? Number(text) * 1000 : Date.parse(text) - Date.now();
  return Number.isFinite(ms) ? Math.max(0, ms) : undefined;
}

/** What a server says of an error, in one of the forms that are in use. */
function messageOf(text: string): string {
  try {
    const { error, message, detail } = JSON.parse(text) as Record<string, unknown>;
    const found = [(error as { message?: unknown } | undefined)?.message, error, message, detail]
      .find((said) => typeof said === "string" && said !== "");
    if (found !== undefined) return shorten(found as string);
  } catch {
    // No JSON object: told as it is.
  }
  return shorten(text.trim());
}

function shorten(text: string): string {
  return text.length > maxDetailChars ? `${text.slice(0, maxDetailChars)}…` : text;
}
