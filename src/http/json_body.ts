import { concatBytes } from "../base/bytes.ts";
import { HttpError } from "./errors.ts";
import type { Exchange } from "./exchange.ts";
import { limits } from "./limits.ts";

/**
 * Reads a request's JSON object within the limits: type and declared size are checked before a byte is read, the
 * real size while reading, nesting and number of values before parsing.
 *
 * @param exchange hears how much has arrived, and ends the reading with its signal's reason
 * @param uploadMs how long the whole body may take to arrive
 * @throws {HttpError} 415 for another type or encoding, 413 when too large, 429 when there is no memory for it, 408
 * when too slow, 400 when it is no JSON object.
 */
export async function readJsonObject(
  exchange: Exchange,
  uploadMs: number,
): Promise<Readonly<Record<string, unknown>>> {
  const { request } = exchange;
  checkHeaders(request.headers);
  const bytes = request.body === null
    ? new Uint8Array(0)
    : await readInTime(request.body.getReader(), exchange, uploadMs);
  const excess = new JsonStructure().excess(bytes);
  if (excess !== undefined) {
    throw new HttpError(400, `The body must not be more than ${excess}`, { code: "json_too_complex" });
  }
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    throw new HttpError(400, "The body is not valid JSON", { code: "invalid_json" });
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new HttpError(400, "The body must be a JSON object", { code: "invalid_json" });
  }
  return value as Record<string, unknown>;
}

function checkHeaders(headers: Headers): void {
  // A page of another site can post text/plain without asking first, but not application/json.
  const type = (headers.get("content-type") ?? "").toLowerCase();
  if (!/^application\/json\s*(;\s*charset\s*=\s*"?utf-8"?\s*)?$/.test(type)) {
    throw unsupported('The body must be JSON in UTF-8: send the header "Content-Type: application/json"');
  }
  const encoding = headers.get("content-encoding");
  if (encoding !== null && encoding.toLowerCase() !== "identity") {
    throw unsupported('The body must not be compressed: send it without the header "Content-Encoding"');
  }
  if (Number(headers.get("content-length") ?? 0) > limits.bodyBytes) throw tooLarge();
}

/** How many bytes of the body with these headers will be read, by its sender's word; 0 where it says nothing. */
export function announcedBytes(headers: Headers): number {
  const declared = headers.get("content-length") ?? "";
  return /^\d+$/.test(declared) ? Math.min(Number(declared), limits.bodyBytes) : 0;
}

type BodyReader = ReadableStreamDefaultReader<Uint8Array>;

/** However the reading ends early, the stream is cancelled: what is still on its way is not kept. */
async function readInTime(reader: BodyReader, exchange: Exchange, uploadMs: number): Promise<Uint8Array> {
  const { signal } = exchange;
  const { promise: givenUp, reject } = Promise.withResolvers<never>();
  const onAbort = () => reject(signal.reason);
  const timer = setTimeout(() => reject(tooSlow(uploadMs)), uploadMs);
  signal.addEventListener("abort", onAbort, { once: true });
  if (signal.aborted) onAbort();
  try {
    return await Promise.race([givenUp, readBounded(reader, exchange)]);
  } catch (error) {
    // Not awaited: nobody else reads the stream, and its sender may never react.
    reader.cancel(error).catch(() => {});
    throw error;
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", onAbort);
  }
}

async function readBounded(reader: BodyReader, exchange: Exchange): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let total = 0;
  for (let step = await reader.read(); !step.done; step = await reader.read()) {
    total += step.value.byteLength;
    if (total > limits.bodyBytes) throw tooLarge();
    if (!exchange.bodyArrived(total)) throw noMemory();
    chunks.push(step.value);
  }
  return concatBytes(chunks);
}

/** Nesting and number of values of JSON texts: each may be so deep, all of them together may have so many values. */
export class JsonStructure {
  #values = 0;

  /**
   * Looks at brackets, commas and colons outside strings; strings are skipped at the speed of `indexOf`.
   *
   * @returns the limit that is exceeded, in words
   */
  excess(bytes: Uint8Array): string | undefined {
    let depth = 0;
    for (let i = 0; i < bytes.length; i++) {
      switch (bytes[i]) {
        case 0x22: // "
          i = endOfString(bytes, i);
          break;
        case 0x5b: // [
        case 0x7b: // {
          if (++depth > limits.jsonDepth) return `${limits.jsonDepth} levels deep`;
          break;
        case 0x5d: // ]
        case 0x7d: // }
          depth--;
          break;
        case 0x2c: // ,
        case 0x3a: // :
          if (++this.#values > limits.jsonValues) return `${limits.jsonValues} values`;
      }
    }
    return undefined;
  }
}

/** Index of the quote that closes the string opened at `start`, or the end of the bytes. */
function endOfString(bytes: Uint8Array, start: number): number {
  let from = start + 1;
  for (;;) {
    const quote = bytes.indexOf(0x22, from);
    if (quote < 0) return bytes.length;
    let backslashes = 0;
    // The quote that opened the string stops this walk, so it never leaves the string.
    while (bytes[quote - 1 - backslashes] === 0x5c) backslashes++;
    if (backslashes % 2 === 0) return quote;
    from = quote + 1;
  }
}

function unsupported(message: string): HttpError {
  return new HttpError(415, message, { code: "unsupported_media_type" });
}

function tooLarge(): HttpError {
  return new HttpError(413, `The body must not be larger than ${limits.bodyBytes} bytes`, {
    code: "body_too_large",
    // What is still on its way belongs to this request: the connection cannot carry another one.
    headers: { connection: "close" },
  });
}

function noMemory(): HttpError {
  return new HttpError(
    429,
    "Requests take the memory that there is for bodies, or this client's share of it. Try again later",
    {
      code: "queue_full",
      headers: { connection: "close" }, // as above
    },
  );
}

function tooSlow(uploadMs: number): HttpError {
  return new HttpError(408, `The body must arrive within ${uploadMs / 1000} seconds`, {
    code: "body_too_slow",
    // SDKs repeat a 408, and the same line would be as slow again.
    headers: { connection: "close", "x-should-retry": "false" },
  });
}
