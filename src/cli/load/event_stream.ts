/** More than any event of an answer has; a server that never ends one must not fill the memory. */
const maxEventChars = 4 << 20;

/**
 * The data of each server-sent event, as it arrives. Comments, names and ids are left out; a last event without the
 * empty line that should end it counts.
 *
 * @throws {RangeError} If an event has no end.
 */
export async function* eventData(body: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let rest = "";
  let data: string[] = [];
  let chars = 0;
  for await (const bytes of body) {
    const lines = (rest + decoder.decode(bytes, { stream: true })).split("\n");
    rest = lines.pop()!;
    for (const line of lines) {
      const text = line.endsWith("\r") ? line.slice(0, -1) : line;
      chars += text.length;
      data.push(...dataOf(text));
      if (text !== "") continue;
      if (data.length > 0) yield data.join("\n");
      [data, chars] = [[], 0];
    }
    if (rest.length + chars > maxEventChars) throw new RangeError("an event of the stream has no end");
  }
  data.push(...dataOf(rest.trimEnd()));
  if (data.length > 0) yield data.join("\n");
}

function dataOf(line: string): string[] {
  return line.startsWith("data:") ? [line.slice(line[5] === " " ? 6 : 5)] : [];
}
