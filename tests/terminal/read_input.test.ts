import { afterEach, beforeEach, expect, jest, setDefaultTimeout, test } from "bun:test";
import { RawTerminal } from "../../src/terminal/raw_terminal.ts";
import { type InputEnd, readInput } from "../../src/terminal/read_input.ts";
import { testLimitMs } from "../support/test_limit.ts";

setDefaultTimeout(testLimitMs);

beforeEach(() => void jest.useFakeTimers());
afterEach(() => void jest.useRealTimers());

/** An input that is being written; keys come as bytes, and time passes by command. */
function beginInput() {
  let give: (bytes: Uint8Array) => void = () => {};
  let written = "";
  let end: InputEnd | undefined;
  const input = {
    setRawMode() {},
    on(event: string, listener: (bytes: Uint8Array) => void) {
      if (event === "data") give = listener;
    },
    resume() {},
    pause() {},
  };
  const terminal = new RawTerminal(input, { columns: 80, rows: 24, write: (text) => written += text });
  terminal.enter();
  void readInput(terminal, {
    prompts: { first: "> ", next: ". " },
    placeholders: [],
    history: [],
    continued: () => undefined,
    interruptHint: "HINT",
    paint: (_, text) => text,
    complete: () => ({ from: 0, candidates: [] }),
    openEditor: (text) => ({ text }),
  }).then((given) => end = given);
  const settle = async () => {
    for (let i = 0; i < 10; i++) await Promise.resolve();
  };
  return {
    async press(keys: string) {
      written = "";
      give(new TextEncoder().encode(keys));
      await settle();
    },
    async wait(ms: number) {
      written = "";
      jest.advanceTimersByTime(ms);
      await settle();
    },
    get written() {
      return written;
    },
    get end() {
      return end;
    },
  };
}

test("a second Ctrl-C leaves as long as the hint stands there, which is three seconds", async () => {
  const input = beginInput();
  await input.press("\x03");
  expect(input.written).toContain("HINT");
  await input.wait(2900);
  expect(input.written).toBe("");
  await input.press("\x03");
  expect(input.end).toEqual({ type: "interrupt" });
});

test("a second Ctrl-C shows the hint again once that has gone, by time or by a key", async () => {
  const input = beginInput();
  await input.press("\x03");
  await input.wait(3000);
  expect(input.written).not.toBe("");
  for (const key of ["\x03", "\x1b[C", "\x03"]) await input.press(key);
  expect(input.end).toBeUndefined();
  expect(input.written).toContain("HINT");
  await input.press("\x03");
  expect(input.end).toEqual({ type: "interrupt" });
});
