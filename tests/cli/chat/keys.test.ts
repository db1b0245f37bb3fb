import { expect, setDefaultTimeout, test } from "bun:test";
import { cpSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { picturePath } from "../../support/executable.ts";
import { Pty } from "../../support/pty.ts";
import { TemporaryFolder } from "../../support/temporary_folder.ts";
import { testLimitMs } from "../../support/test_limit.ts";
import { emptyPrompt, openChat, program, say } from "./support.ts";

setDefaultTimeout(testLimitMs);

test("chat goes by words and to the ends of a line, and deletes under the cursor", async () => {
  using folder = new TemporaryFolder();
  await using pty = openChat(["chat", "tiny"], { folder });
  await pty.shows(emptyPrompt);
  pty.type("one two\x01\x1bfX\x1b[H\x1b[3~\x04\x1b[F!\x1b[1;5D\x1b[1;5Dy");
  await pty.shows(">>> yeX two!");
});

test("chat searches further back, and gives the draft back where the search is left", async () => {
  using folder = new TemporaryFolder();
  await using pty = openChat(["chat", "tiny", "--plain"], { folder });
  await say(pty, "first one", "u(first one)", "");
  await say(pty, "/clear", "A new conversation");
  await say(pty, "first two", "u(first two)", "");
  pty.type("draft\x12first");
  await pty.shows("(search 'first') first two");
  pty.type("\x12");
  await pty.shows("(search 'first') first one");
  pty.type("\x07");
  await pty.shows(">>> draft");
  pty.type("\x12zzz");
  await pty.shows("(no earlier input has 'zzz')");
  pty.type("\x1b");
  await pty.shows(">>> draft");
});

test("chat shows a pasted block before it is sent, and its control characters as text", async () => {
  using folder = new TemporaryFolder();
  await using pty = openChat(["chat", "tiny"], { folder });
  await pty.shows(emptyPrompt);
  pty.type("\x1b[200~a\rb\x1b[201~");
  await pty.shows(">>> a", "... b");
  pty.type("\x03");
  await pty.shows(emptyPrompt);
  pty.type("\x1b[200~a\x1b[2Jb\x03\x04\tc\x1b[201~Z");
  await pty.shows(">>> a\\x1b[2Jb\\x03\\x04    cZ");
  expect(pty.screen.unknown).toEqual([]);
});

test("chat takes several pictures that are dropped at once", async () => {
  using folder = new TemporaryFolder();
  for (const name of ["cat.png", "my cat.png"]) cpSync(picturePath("gray.png"), join(folder.path, name));
  await using pty = openChat(["chat", "tiny"], { folder, columns: 120 });
  await pty.shows(emptyPrompt);
  pty.type("\x1b[200~./cat.png my\\ cat.png\x1b[201~ which?\r");
  await pty.until(({ text }) =>
    text.some((row) => row.startsWith("[image 2: my cat.png")) && text.includes("u2(which?)")
  );
});

test("chat resumes by name, completes the name, and leaves with /bye", async () => {
  using folder = new TemporaryFolder();
  await using pty = openChat(["chat", "tiny"], { folder });
  await say(pty, "first", "u(first)", "");
  await say(pty, "/save one", 'Saved as "one"');
  await say(pty, "/clear", "A new conversation");
  pty.type("/load on\t");
  await pty.shows(">>> /load one");
  pty.type("\x03");
  await pty.shows(emptyPrompt);
  await say(pty, "/resume one", 'Goes on with "one", 2 messages', ">>> first", "    u(first)");
  pty.type("/bye\r");
  expect(await pty.exited).toBe(0);
});

test("chat completes what a command takes", async () => {
  using folder = new TemporaryFolder();
  cpSync(picturePath("gray.png"), join(folder.path, "gray.png"));
  await using pty = openChat(["chat", "tiny"], { folder });
  for (
    const [typed, completed] of [["/export m", "/export md"], ["/help exp", "/help export"], [
      "/image ./gr",
      "/image ./gray.png",
    ]]
  ) {
    await pty.shows(emptyPrompt);
    pty.type(`${typed}\t`);
    await pty.shows(`>>> ${completed}`);
    pty.type("\x03");
  }
});

test("chat stops loading a picture at Ctrl-C, and goes on", async () => {
  using folder = new TemporaryFolder();
  await using pty = openChat(["chat", "tiny"], { folder });
  await pty.shows(emptyPrompt);
  pty.type("/image http://pictures.example/slow.png\r");
  await pty.until(({ cursor, text }) => cursor.row === text.length); // below what was typed: it was taken
  pty.type("\x03");
  await pty.shows("(stopped)", emptyPrompt);
  await say(pty, "hello", "u(hello)", "");
});

test("chat lays an answer out anew when the window grows while it comes", async () => {
  using folder = new TemporaryFolder();
  await using pty = openChat(["chat", "tiny"], { folder, columns: 20, rows: 10 });
  await pty.until(({ text }) => text.at(-1)?.startsWith(">>>") === true);
  pty.type("endless\r");
  await pty.until(({ text }) => text.at(-1)!.includes("rd4"));
  await pty.resize(40, 10);
  await pty.until(({ text }) => text.at(-1) === "word1 word2 word3 word4");
  pty.type("\x03");
  await pty.until(({ text }) => text.includes("(stopped; /retry asks again)"));
  expect(pty.screen.everything.filter((row) => row.includes("word"))).toEqual(["word1 word2 word3 word4"]);
});

test("chat breaks rows between wide characters, and joins them when the window grows", async () => {
  using folder = new TemporaryFolder();
  await using pty = openChat(["chat", "tiny"], { folder, columns: 21, rows: 8 });
  await pty.until(({ text }) => text.at(-1)?.startsWith(">>>") === true);
  const family = "👨‍👩‍👧e\u0301";
  pty.type("漢".repeat(9) + family);
  await pty.shows(`>>> ${"漢".repeat(8)}`, `漢${family}`);
  await pty.resize(30, 8);
  await pty.shows(`>>> ${"漢".repeat(9)}${family}`);
});

test.skipIf(!Bun.which("setsid"))(
  "Ctrl-C stops the answer on a dumb terminal, as its driver sends it",
  async () => {
    using folder = new TemporaryFolder();
    // The driver turns the key into a signal only for whom the terminal belongs to.
    await using pty = new Pty(
      ["setsid", "--ctty", "--wait", process.execPath, program, "chat", "tiny"],
      { cwd: folder.path, env: { HOME: folder.path, TERM: "dumb" } },
    );
    await pty.shows("tiny on fake device", ">>>");
    pty.type("endless\r");
    await pty.until(({ text }) => text.at(-1)!.includes("word4"));
    pty.type("\x03");
    await pty.until(({ text }) => text.at(-1) === ">>>" && text.includes("(stopped; /retry asks again)"));
    pty.type("\x04");
    expect(await pty.exited).toBe(0);
  },
);
