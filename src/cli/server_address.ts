import { AccessError } from "../base/errors.ts";
import { ServerUnreachableError, UsageError } from "./exit_codes.ts";
import { responseText } from "./response_text.ts";

const timeoutMs = 10_000;
/** More than a server has to say of itself. */
const maxBytes = 4 << 20;

/**
 * An address as people write it: the scheme may be left out.
 *
 * @throws {UsageError} If it is none.
 */
export function serverUrl(text: string): URL {
  const full = text.includes("://") ? text : `http://${text}`;
  const url = URL.canParse(full) ? new URL(full) : undefined;
  // A bare number would be read as an address of four bytes.
  if (url && /^https?:$/.test(url.protocol) && !/^\d+$/.test(text)) return url;
  throw new UsageError(
    `URL must be an http(s) address or HOST:PORT, not "${text}"`,
    "Write it as serve prints it",
  );
}

/** What tells a server who asks. */
export function keyHeaders(key: string | undefined): Record<string, string> {
  return key === undefined ? {} : { Authorization: `Bearer ${key}` };
}

/**
 * What a server answers to GET, as text.
 *
 * @param remedy what helps where the server is there and has no answer
 * @throws {ServerUnreachableError} If nobody answers, or not with text of a few megabytes.
 * @throws {AccessError} If the server wants a key, or another one.
 * @throws {UsageError} If it has nothing of that name.
 */
export async function fetchText(url: URL, key: string | undefined, remedy?: string): Promise<string> {
  let response: Response;
  let text: string | undefined;
  try {
    response = await fetch(url, {
      headers: keyHeaders(key),
      // A key is for the server that was named.
      redirect: "error",
      signal: AbortSignal.timeout(timeoutMs),
    });
    text = await responseText(response, maxBytes);
  } catch (error) {
    const isLate = error instanceof DOMException && error.name === "TimeoutError";
    const reason = isLate ? `it says nothing in ${timeoutMs / 1000} s` : connectionTrouble(error);
    throw unreachable(url, reason, error);
  }
  if (response.ok && text) return text;
  throw refusalError(url, response.status, key, `it answers ${response.status} to ${url.pathname}`, remedy);
}

/** What the runtime says of these speaks of its own functions. */
const troubles: Readonly<Record<string, string>> = {
  ECONNREFUSED: "nobody listens there",
  ECONNRESET: "the connection was closed without an answer",
  ENOTFOUND: "there is no such host",
};

/** Why a request came to nothing, in words for people. */
export function connectionTrouble(error: unknown): string {
  const { code, message } = error as Error & { code?: string };
  return troubles[code ?? ""] ?? message;
}

/** Nobody answers. */
export function unreachable(url: URL, reason: string, cause?: unknown): ServerUnreachableError {
  return new ServerUnreachableError(
    `No server answers at ${url.origin}: ${reason}`,
    "Start one with llamav serve, or give the address of another",
    { cause },
  );
}

/** What a refusal by this status means to the one who named the address. */
export function refusalError(
  url: URL,
  status: number,
  key: string | undefined,
  detail: string,
  remedy = "Give the URL that the server prints, or ask again later",
): Error {
  if (status === 401 || status === 403) {
    return new AccessError(
      `The server at ${url.origin} ${key === undefined ? "asks for a key" : "does not take this key"}`,
      "Give it with --api-key-file",
    );
  }
  if (status === 404) {
    return new UsageError(
      `The server at ${url.origin} does not have what is asked for: ${detail}`,
      "Give the URL that the server prints, and the path of its API if that is not /v1",
    );
  }
  return new ServerUnreachableError(
    `The server at ${url.origin} is there and does not serve: ${detail}`,
    remedy,
  );
}
