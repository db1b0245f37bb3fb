/**
 * What a program announces on stderr; goes on reading, so that the pipe never fills.
 *
 * @param pattern its first group is the answer
 * @throws {Error} If the program ends before.
 */
export function announced(
  child: Bun.Subprocess<"ignore", "ignore", "pipe">,
  pattern: RegExp,
  program: string,
): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  let text = "";
  void (async () => {
    const decoder = new TextDecoder();
    for await (const bytes of child.stderr) {
      text = (text + decoder.decode(bytes, { stream: true })).slice(-4096);
      const found = text.match(pattern)?.[1];
      if (found) resolve(found);
    }
    reject(new Error(`${program} ended before it was ready, and said: ${text.trim()}`));
  })();
  return promise;
}
