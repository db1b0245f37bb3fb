/**
 * Whether a server may rightly wait for more of a request: its head has no end yet, or its body has less than the head
 * says. Where the head says nothing that is certain, a server can answer at once.
 *
 * @param sent all bytes of a connection, as Latin-1
 */
export function isIncomplete(sent: string): boolean {
  return endOfFirst(sent) === undefined;
}

/** Whether something stands behind the first request, which is whole. */
export function isFollowed(sent: string): boolean {
  const end = endOfFirst(sent);
  return end !== undefined && end < sent.length;
}

/** Where the first request ends, or can be refused; nothing where it is not whole. */
function endOfFirst(sent: string): number | undefined {
  const begin = /^(\r\n)*/.exec(sent)![0].length; // empty lines before a request are nothing (RFC 9112, 2.2)
  const headEnd = sent.indexOf("\r\n\r\n", begin);
  if (headEnd < 0) return undefined;
  const lines = sent.slice(begin, headEnd).split("\r\n").slice(1);
  const values = (name: string) =>
    lines.filter((line) => line.toLowerCase().startsWith(`${name}:`)).map((line) =>
      line.slice(name.length + 1).trim()
    );
  const bodyAt = headEnd + 4;
  const [lengths, codings] = [values("content-length"), values("transfer-encoding")];
  if (codings.length > 0) return lengths.length > 0 ? bodyAt : endOfChunks(sent, bodyAt);
  if (lengths.length !== 1 || !/^\d+$/.test(lengths[0]!)) return bodyAt;
  const end = bodyAt + Number(lengths[0]);
  return end <= sent.length ? end : undefined;
}

/** Where chunks come to their end, or to something that is none. */
function endOfChunks(text: string, begin: number): number | undefined {
  for (let at = begin;;) {
    const lineEnd = text.indexOf("\r\n", at);
    if (lineEnd < 0) return undefined;
    const size = /^([0-9a-fA-F]+)(?:;.*)?$/.exec(text.slice(at, lineEnd))?.[1];
    if (size === undefined) return at;
    const length = parseInt(size, 16);
    if (length === 0) {
      const trailerEnd = text.indexOf("\r\n\r\n", lineEnd);
      return trailerEnd < 0 ? undefined : trailerEnd + 4;
    }
    at = lineEnd + 2 + length + 2;
    if (at > text.length) return undefined;
  }
}
