import { expect, setDefaultTimeout, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { TemporaryFolder } from "../../support/temporary_folder.ts";
import { testLimitMs } from "../../support/test_limit.ts";
import { emptyPrompt, openChat, say, shortPrompt, unsentHint } from "./support.ts";

setDefaultTimeout(testLimitMs);

test("chat shows what is typed, the answer, and room for the next message", async () => {
  using folder = new TemporaryFolder();
  await using pty = openChat(["chat", "tiny"], { folder });
  await pty.shows("tiny on fake device", emptyPrompt);
  expect(pty.screen.cursor).toEqual({ row: 1, column: 4 });
  expect(pty.screen.modes).toEqual(new Set(["?2004", "kitty"]));
  pty.type("hello\r");
  await pty.shows("tiny on fake device", ">>> hello", "u(hello)", "", emptyPrompt);
  pty.type("\x04");
  expect(await pty.exited).toBe(0);
  await pty.until(({ modes }) => modes.size === 0);
  expect(pty.screen.unknown).toEqual([]);
  expect(pty.screen.text.at(-1)).toMatch(/^llamav chat --resume \d{8}-\d{6}-[0-9a-f]{4} goes on from here$/);
});

test("run without a prompt has a conversation at a terminal", async () => {
  using folder = new TemporaryFolder({ "config.json": "{}" });
  await using pty = openChat(["run", folder.path, "--temp", "0.5"], { folder });
  await say(pty, "hello", "u(hello) temp=0.5", "");
});

test("chat understands the keys of a line editor", async () => {
  using folder = new TemporaryFolder();
  await using pty = openChat(["chat", "tiny"], { folder });
  await pty.shows(emptyPrompt);
  pty.type("one twoo four\x1bb\x1b[D\x7f\x1b[D\x1b[D\x1b[D\x01\x06X\x05!");
  await pty.shows(">>> oXne two four!");
  pty.type("\x17\x15");
  await pty.shows(emptyPrompt);
  pty.type("\x19");
  await pty.shows(">>> oXne two");
  pty.type("\x15abc\x01\x0b");
  await pty.shows(emptyPrompt);
  pty.type("漢字\x1b[Da");
  await pty.shows(">>> 漢a字");
  expect(pty.screen.cursor.column).toBe(7);
  pty.type("\x03");
  await pty.shows(emptyPrompt);
});

test("chat takes a message of several lines, however they are typed", async () => {
  using folder = new TemporaryFolder();
  await using pty = openChat(["chat", "tiny"], { folder });
  const cases = [
    ["a\\\rb\r", "u(a⏎b)"],
    ['"""a\rb\r"""\r', "u(a⏎b)"],
    ["a\x1b\rb\r", "u(a⏎b)"],
    ["a\x1b[13;2ub\r", "u(a⏎b)"],
    ["a\x1b[27;2;13~b\r", "u(a⏎b)"],
    ["\x1b[200~a\rb\x1b[201~\r", "u(a⏎b)"],
    ["\x1b[200~a\r/bye\x1b[201~\r", "u(a⏎/bye)"],
    ["\x1b[200~/bye\ra\x1b[201~\r", "u(/bye⏎a)"],
  ] as const;
  for (const [typed, answer] of cases) {
    await pty.shows(emptyPrompt);
    pty.type(typed);
    await pty.shows(answer, "", emptyPrompt);
    pty.type("/clear\r");
    await pty.shows("A new conversation", emptyPrompt);
  }
  pty.type("a\\\rb");
  await pty.shows(">>> a", "... b");
  pty.type("\x1b[AX");
  await pty.shows(">>> aX", "... b");
});

test("chat remembers what was typed, also in the next conversation", async () => {
  using folder = new TemporaryFolder();
  {
    await using pty = openChat(["chat", "tiny"], { folder });
    await say(pty, "first message", "u(first message)", "");
    await say(pty, "/system Be brief", "The system message holds from now on");
  }
  await using pty = openChat(["chat", "tiny"], { folder });
  await pty.shows(emptyPrompt);
  pty.type("draft\x1b[A");
  await pty.shows(">>> /system Be brief");
  pty.type("\x1b[A");
  await pty.shows(">>> first message");
  pty.type("\x1b[B\x1b[B");
  await pty.shows(">>> draft");
  pty.type("\x03\x12fir");
  await pty.shows("(search 'fir') first message");
  pty.type("\r");
  await pty.shows(">>> first message", "u(first message)", "", emptyPrompt);
});

test("Ctrl-C stops an answer and keeps it, empties an input, and leaves when it is pressed twice", async () => {
  using folder = new TemporaryFolder();
  await using pty = openChat(["chat", "tiny"], { folder });
  await pty.shows(emptyPrompt);
  pty.type("endless story\r");
  await pty.shows(">>> endless story", "word1 word2 word3 word4");
  pty.type("\x03");
  await pty.shows("word1 word2 word3 word4", "(stopped; /retry asks again)", "", emptyPrompt);
  await say(pty, "go on", "u(endless story) a(word1 word2 word3 word4 ) u(go on)", "");
  pty.type("silent one\r");
  await pty.until(({ text }) => text.at(-1) === ">>> silent one");
  pty.type("\x03");
  await pty.shows("(stopped before it began)", "", unsentHint, emptyPrompt);
  pty.type("/edit\r");
  await pty.shows(">>> /edit", ">>> silent one");
  pty.type("\x03");
  await pty.shows(emptyPrompt);
  pty.type("\x03");
  // It says how long it holds: where it stands no longer, the next one does not leave.
  await pty.until(() => pty.output.includes("Press Ctrl-C again, or Ctrl-D, to leave"));
  await pty.shows(emptyPrompt);
  pty.type("\x03");
  pty.type("x");
  await pty.shows(">>> x");
  pty.type("\x7f\x03\x03");
  expect(await pty.exited).toBe(130);
  await pty.until(({ modes }) => modes.size === 0);
});

test("chat takes what was typed during an answer afterwards", async () => {
  using folder = new TemporaryFolder();
  await using pty = openChat(["chat", "tiny"], { folder });
  await pty.shows(emptyPrompt);
  pty.type("endless\r");
  await pty.until(({ text }) => text.at(-1)!.includes("word4"));
  pty.type("next\r\x03");
  await pty.shows(">>> next", "u(endless) a(word1 word2 word3 word4 ) u(next)", "", emptyPrompt);
});

test("Ctrl-G opens the message in the person's editor", async () => {
  using folder = new TemporaryFolder({
    "editor.sh": 'test "$2" != "" || { stty -a | grep -q " icanon" && printf " and more\\n" >> "$1"; }',
  });
  await using pty = openChat(["chat", "tiny"], { folder, env: { EDITOR: `sh ${folder.path}/editor.sh` } });
  await pty.shows(emptyPrompt);
  pty.type("some\x07");
  await pty.shows(">>> some and more");
  pty.type("\r");
  await pty.shows("u(some and more)", "", emptyPrompt);
});

test("an editor that fails leaves the message as it was", async () => {
  using folder = new TemporaryFolder();
  await using pty = openChat(["chat", "tiny"], { folder, env: { EDITOR: "no_such_editor", VISUAL: "" } });
  await pty.shows(emptyPrompt);
  pty.type("some\x07");
  await pty.shows(">>> some", "Cannot run no_such_editor: name your editor in the variable EDITOR");
  pty.type("!");
  await pty.shows(">>> some!");
});

test("Tab completes commands, their arguments and files", async () => {
  using folder = new TemporaryFolder({ "pictures/my cat.png": "", "pictures/notes.txt": "" });
  await using pty = openChat(["chat", "tiny"], { folder });
  await pty.shows(emptyPrompt);
  pty.type("/sy\t");
  await pty.shows(">>> /system");
  pty.type("\x15/s\t");
  await pty.shows(">>> /s", "save   set   show   stats   system");
  pty.type("\x15/set te\t");
  await pty.shows(">>> /set temp");
  pty.type("\x15look at @pic\tm\t");
  await pty.shows(">>> look at @pictures/my\\ cat.png");
});

test("Ctrl-L empties the screen and Ctrl-Z leaves the terminal as a shell needs it", async () => {
  using folder = new TemporaryFolder();
  await using pty = openChat(["chat", "tiny"], { folder });
  await say(pty, "hello", "u(hello)", "");
  pty.type("abc\x0c");
  await pty.until(({ text }) => Bun.deepEquals(text, [">>> abc"]));
  pty.type("\x1a");
  await pty.until(() => pty.output.includes("\x1b[<u\x1b[?2004l"));
  await pty.until(({ text, modes }) => {
    // It may be about to stop.
    pty.kill("SIGCONT");
    return modes.size === 2 && text.at(-1) === ">>> abc";
  });
  pty.type("d");
  await pty.shows(">>> abcd");
});

test("SIGTERM leaves the terminal as it was", async () => {
  using folder = new TemporaryFolder();
  await using pty = openChat(["chat", "tiny"], { folder });
  await pty.shows(emptyPrompt);
  pty.kill("SIGTERM");
  expect(await pty.exited).toBe(143);
  await pty.until(({ modes }) => modes.size === 0);
});

test("chat ends with its terminal, and keeps what was said", async () => {
  using folder = new TemporaryFolder();
  await using pty = openChat(["chat", "tiny"], { folder });
  await pty.shows(emptyPrompt);
  pty.type("endless\r");
  await pty.until(({ text }) => text.at(-1)!.includes("word4"));
  pty.hangUp();
  await pty.exited;
  const sessions = join(folder.path, "state/llamav/sessions");
  const { turns } = JSON.parse(readFileSync(join(sessions, readdirSync(sessions)[0]!), "utf8"));
  expect(turns[1]).toEqual({
    role: "assistant",
    text: "word1 word2 word3 word4 ",
    pictures: [],
    stopped: true,
  });
});

test("chat shows markdown as what it means, and no control sequence of the model (C03)", async () => {
  using folder = new TemporaryFolder();
  await using pty = openChat(["chat", "tiny"], { folder });
  await say(
    pty,
    "markdown",
    "Title",
    "═════",
    "",
    "Some bold text.",
    "",
    "  • one",
    "  • two",
    "",
    "┌─",
    "│ code",
    "└─",
    "",
    "End.",
    "",
  );
  await say(pty, "hostile", "a\\x1b]52;c;AAAA\\x07b\\x1b[2Jc\\x9b31md \\u202ee [2Jf \\u202eg", "");
  expect(pty.screen.strings).toEqual([]);
  expect(pty.screen.unknown).toEqual([]);
});

test("a narrow terminal, wide characters and changes of size spoil nothing", async () => {
  using folder = new TemporaryFolder();
  await using pty = openChat(["chat", "tiny"], { folder, columns: 40, rows: 12 });
  await pty.shows("tiny on fake device", shortPrompt);
  pty.type("wide\r");
  await pty.shows(">>> wide", "漢字".repeat(10), "漢字".repeat(10), "漢字".repeat(10), "", shortPrompt);
  pty.type("x".repeat(36));
  await pty.until(({ cursor }) => cursor.column === 0);
  expect(pty.screen.text.at(-1)).toBe(`>>> ${"x".repeat(36)}`);
  await pty.resize(21, 12);
  await pty.shows("", `>>> ${"x".repeat(17)}`, "x".repeat(19));
  expect(pty.screen.everything.filter((row) => row.startsWith(">>> x"))).toHaveLength(1);
  await pty.resize(60, 12);
  await pty.shows("", `>>> ${"x".repeat(36)}`);
  expect(pty.screen.everything.filter((row) => row.startsWith(">>> x"))).toHaveLength(1);
  pty.type("\x03long\r");
  await pty.shows("line 39", "line 40", "", shortPrompt);
  expect(pty.screen.everything.filter((row) => row.startsWith("line "))).toHaveLength(40);
});
