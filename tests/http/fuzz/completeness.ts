/**
 * Whether a server may rightly wait for more of a request: its head has no end yet, or its body has less than the head
 * says. Where the head says nothing that is certain, a server can answer at once.
 *
 * @param sent all bytes of a connection, as Latin-1
 */
export function isIncomplete(sent: string): boolean {
  const text = sent.replace(/^(\r\n)+/, ""); // empty lines before a request are nothing (RFC 9112, 2.2)
  const headEnd = text.indexOf("\r\n\r\n");
  if (headEnd < 0) return true;
  const lines = text.slice(0, headEnd).split("\r\n").slice(1);
  const values = (name: string) =>
    lines.filter((line) => line.toLowerCase().startsWith(`${name}:`)).map((line) =>
      line.slice(name.length + 1).trim()
    );
  const body = text.slice(headEnd + 4);
  const [lengths, codings] = [values("content-length"), values("transfer-encoding")];
  if (codings.length > 0) return lengths.length === 0 && !hasLastChunk(body);
  if (lengths.length !== 1 || !/^\d+$/.test(lengths[0]!)) return false;
  return body.length < Number(lengths[0]);
}

/** Whether chunks come to their end, or to something that is none. */
function hasLastChunk(body: string): boolean {
  for (let at = 0;;) {
    const lineEnd = body.indexOf("\r\n", at);
    if (lineEnd < 0) return false;
    const size = /^([0-9a-fA-F]+)(?:;.*)?$/.exec(body.slice(at, lineEnd))?.[1];
    if (size === undefined) return true;
    const length = parseInt(size, 16);
    // A trailer belongs to it.
    if (length === 0) return body.indexOf("\r\n\r\n", lineEnd) >= 0;
    at = lineEnd + 2 + length + 2;
    if (at > body.length) return false;
  }
}
