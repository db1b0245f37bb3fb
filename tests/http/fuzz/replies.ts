/** One answer as it came over the wire. */
export interface Reply {
  readonly status: number;
  readonly headers: ReadonlyMap<string, string>;
  readonly body: string;
  /** Whether all of it is there. */
  readonly complete: boolean;
}

/**
 * Reads the answers that a connection has brought.
 *
 * @param most answers to read
 * @throws {Error} If something is no HTTP/1.1 answer.
 */
export function readReplies(received: string, most: number): Reply[] {
  const replies: Reply[] = [];
  for (let at = 0; at < received.length && replies.length < most;) {
    const headEnd = received.indexOf("\r\n\r\n", at);
    if (headEnd < 0) {
      if (!/^HTTP\/1\.1 \d{3}/.test(received.slice(at)) && received.length - at > 12) {
        throw new Error(`No answer: ${JSON.stringify(received.slice(at, at + 80))}`);
      }
      return replies;
    }
    const head = received.slice(at, headEnd);
    const match = /^HTTP\/1\.1 (\d{3}) ?[^\r\n]*((?:\r\n[\w-]+: ?[^\r\n]*)*)$/.exec(head);
    if (match === null) throw new Error(`No head of an answer: ${JSON.stringify(head.slice(0, 200))}`);
    const status = Number(match[1]);
    const headers = new Map(
      match[2]!.split("\r\n").slice(1).map((line): [string, string] => {
        const colon = line.indexOf(":");
        return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
      }),
    );
    const body = readBody(received, headEnd + 4, status, headers);
    replies.push({ status, headers, body: body.text, complete: body.end !== undefined });
    at = body.end ?? received.length;
  }
  return replies;
}

function readBody(
  text: string,
  at: number,
  status: number,
  headers: ReadonlyMap<string, string>,
): { text: string; end: number | undefined } {
  if (status < 200 || status === 204) return { text: "", end: at };
  if (headers.get("transfer-encoding") === "chunked") return readChunks(text, at);
  // Without a length it goes on to the end of the connection, as HTTP/1.0 has it.
  const length = Number(headers.get("content-length") ?? text.length - at);
  const end = at + length <= text.length ? at + length : undefined;
  return { text: text.slice(at, at + length), end };
}

function readChunks(text: string, begin: number): { text: string; end: number | undefined } {
  const parts: string[] = [];
  for (let at = begin;;) {
    const lineEnd = text.indexOf("\r\n", at);
    if (lineEnd < 0) return { text: parts.join(""), end: undefined };
    const size = text.slice(at, lineEnd);
    if (!/^[0-9a-fA-F]{1,8}$/.test(size)) {
      throw new Error(`No chunk size: ${JSON.stringify(size.slice(0, 80))}`);
    }
    const length = parseInt(size, 16);
    const from = lineEnd + 2;
    parts.push(text.slice(from, from + length));
    if (from + length + 2 > text.length) return { text: parts.join(""), end: undefined };
    at = from + length + 2;
    if (length === 0) return { text: parts.join(""), end: at };
  }
}
