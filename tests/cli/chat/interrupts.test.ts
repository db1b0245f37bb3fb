/** Ctrl-C, wherever it can be pressed. That of an answer and of an input is in screen.test.ts. */
import { expect, setDefaultTimeout, test } from "bun:test";
import process from "node:process";
import { until } from "../../support/fake_runtime.ts";
import { testLimitMs } from "../../support/test_limit.ts";
import { TemporaryFolder } from "../../support/temporary_folder.ts";
import { emptyPrompt, openChat, program, say } from "./support.ts";

setDefaultTimeout(testLimitMs);

const hint = "Press Ctrl-C again, or Ctrl-D, to leave";

test("Ctrl-C leaves a search with the draft as it was, and the next one empties that", async () => {
  using folder = new TemporaryFolder();
  await using pty = openChat(["chat", "tiny"], { folder });
  await say(pty, "first", "u(first)", "");
  pty.type("draft\x12fir");
  await pty.shows("(search 'fir') first");
  pty.type("\x03");
  await pty.shows(">>> draft");
  pty.type("\x03");
  await pty.shows(emptyPrompt);
  pty.type("\x03");
  await pty.until(() => pty.output.includes(hint));
});

test.each([['"""one\rtwo', ['>>> """one', "... two"]], ["one\\\rtwo", [">>> one", "... two"]]])(
  "Ctrl-C empties an entry of several lines that was begun with %j",
  async (typed, rows) => {
    using folder = new TemporaryFolder();
    await using pty = openChat(["chat", "tiny"], { folder });
    await pty.shows(emptyPrompt);
    pty.type(typed);
    await pty.shows(...rows);
    pty.type("\x03");
    await pty.shows(emptyPrompt);
    expect(pty.screen.text).not.toContain(hint);
    await say(pty, "next", "u(next)", "");
  },
);

test.each([['"""one\r'], ["one\\\r"]])(
  "Ctrl-C forgets an entry that was begun with %j on a dumb terminal",
  async (typed) => {
    using folder = new TemporaryFolder();
    await using pty = openChat(["chat", "tiny"], { folder, env: { TERM: "dumb" } });
    await pty.shows("tiny on fake device", ">>>");
    pty.type(typed);
    await pty.until(({ text }) => text.at(-1) === "...");
    pty.kill("SIGINT");
    await pty.until(({ text }) => text.at(-1) === ">>>" && text.length > 3);
    expect(pty.screen.text).not.toContain(hint);
    pty.type("next\r");
    await pty.until(({ text }) => text.at(-1) === ">>>" && text.includes("u(next)"));
  },
);

test("the second Ctrl-C leaves a dumb terminal with 130", async () => {
  using folder = new TemporaryFolder();
  await using pty = openChat(["chat", "tiny"], { folder, env: { TERM: "dumb" } });
  await pty.shows("tiny on fake device", ">>>");
  // On a busy machine seconds may pass between the two: then they are pressed again.
  let isOver = false;
  void pty.exited.then(() => isOver = true);
  for (let pressed = 0; pressed < 10 && !isOver; pressed++) {
    const { length } = pty.output;
    pty.kill("SIGINT");
    await pty.until(() => isOver || pty.output.length > length);
  }
  expect(await pty.exited).toBe(130);
  expect(pty.screen.text).toContain(hint);
});

test.each([
  ["waits for the next message", "", ""],
  ["answers", "endless\n", "word1 word2 word3 word4 "],
])("SIGINT ends a conversation through pipes with 130 while it %s", async (_, input, answer) => {
  using folder = new TemporaryFolder();
  const child = Bun.spawn([process.execPath, program, "chat", "tiny"], {
    cwd: folder.path,
    env: { HOME: folder.path },
    stdin: "pipe",
    stdout: "pipe",
    stderr: "pipe",
  });
  try {
    let stdout = "";
    const reading = (async () => {
      const decoder = new TextDecoder();
      for await (const bytes of child.stdout) stdout += decoder.decode(bytes, { stream: true });
    })();
    // Both have an answer first: then the program listens for signals.
    child.stdin.write(`first\n${input}`);
    await child.stdin.flush();
    await until(() => stdout.endsWith(answer === "" ? "u(first)\n" : answer));
    child.kill("SIGINT");
    expect(await child.exited).toBe(130);
    await reading;
    expect(stdout.trimEnd()).toBe(`u(first)\n${answer}`.trimEnd());
    expect(await new Response(child.stderr).text()).not.toContain("error");
  } finally {
    child.kill("SIGKILL");
  }
});
