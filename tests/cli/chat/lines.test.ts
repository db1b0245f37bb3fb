import { expect, setDefaultTimeout, test } from "bun:test";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { picturePath } from "../../support/executable.ts";
import { TemporaryFolder } from "../../support/temporary_folder.ts";
import { testLimitMs } from "../../support/test_limit.ts";
import { emptyPrompt, openChat, program, stylesOf } from "./support.ts";

setDefaultTimeout(testLimitMs);

/** A conversation through pipes. */
async function pipe(
  input: string | Uint8Array<ArrayBuffer>,
  args: readonly string[] = ["chat", "tiny"],
  folder = new TemporaryFolder(),
) {
  using used = folder;
  const child = Bun.spawn([process.execPath, program, ...args], {
    cwd: used.path,
    env: { HOME: used.path },
    stdin: new Blob([input]),
    stdout: "pipe",
    stderr: "pipe",
  });
  const [stdout, stderr] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
  ]);
  return { code: await child.exited, stdout, stderr, kept: existsSync(join(used.path, ".local")) };
}

test("with pipes every line is a message, and answers are all that is on stdout", async () => {
  const input = `/image ${picturePath("gray.png")}\none\\\ntwo\n"""three\nfour"""\n/set temp 1\nlast`;
  const { code, stdout, stderr, kept } = await pipe(input);
  const answers = ["u1(one⏎two)", "u1(one⏎two) a(u1(one⏎two)) u(three⏎four)"];
  expect(stdout.split("\n").slice(0, 2)).toEqual(answers);
  expect(stdout.split("\n")[2]).toEndWith("u(last) temp=1");
  expect(stderr).toMatch(/^\[image 1: gray\.png \d+×\d+ → 1 tile\]\ntemp is 1 from now on\n$/);
  expect({ code, kept }).toEqual({ code: 0, kept: false });
});

test("with pipes the first mistake ends the program with its code", async () => {
  expect(await pipe("/nothing\nnever asked\n")).toMatchObject({ code: 2, stdout: "" });
  expect(await pipe("refused\nnever asked\n")).toMatchObject({ code: 2, stdout: "" });
  expect(await pipe("")).toMatchObject({ code: 0, stdout: "", stderr: "" });
});

test("with pipes /save says that it needs --history, and keeps the conversation with it", async () => {
  const { code, stderr, kept } = await pipe("one\n/save mine\n");
  expect([code, kept]).toEqual([2, false]);
  expect(stderr).toEndWith("error: Conversations are not kept\nStart llamav chat with --history\n");
  const args = ["chat", "tiny", "--history"];
  expect(await pipe("one\n/save mine\n", args)).toMatchObject({ code: 0, kept: true });
});

test("with pipes the model's text passes unchanged, as it does from run", async () => {
  expect((await pipe("hostile\n")).stdout).toContain("\x1b]52;c;AAAA\x07b\x1b[2J");
});

test("a dumb terminal gets lines and no control sequence (C05)", async () => {
  using folder = new TemporaryFolder();
  await using pty = openChat(["chat", "tiny"], { folder, env: { TERM: "dumb" } });
  await pty.shows("tiny on fake device", ">>>");
  pty.type("hostile\r");
  await pty.until(({ text }) => text.at(-1) === ">>>" && text.length > 3);
  expect(pty.screen.text.slice(2)).toEqual([
    "a\\x1b]52;c;AAAA\\x07b\\x1b[2Jc\\x9b31md \\u202ee &#27;[2Jf &#x202e;g",
    ">>>",
  ]);
  pty.type('"""a\rb"""\r');
  await pty.until(({ text }) => text.at(-1) === ">>>" && text.at(-2)?.endsWith("u(a⏎b)") === true);
  expect(pty.output).not.toContain("\x1b");
  pty.type("endless\r");
  await pty.until(({ text }) => text.at(-1)!.includes("word4"));
  pty.kill("SIGINT");
  await pty.shows("word1 word2 word3 word4", "(stopped; /retry asks again)", ">>>");
  pty.kill("SIGINT");
  await pty.shows("Press Ctrl-C again, or Ctrl-D, to leave", ">>>");
  pty.type("\x04");
  expect(await pty.exited).toBe(0);
});

test("--plain shows answers as they come, without style", async () => {
  using folder = new TemporaryFolder();
  await using pty = openChat(["chat", "tiny", "--plain"], { folder });
  await pty.shows(emptyPrompt);
  pty.type("markdown\r");
  await pty.until(({ text }) => text.includes("End."));
  expect(pty.screen.text).toContain("# Title");
  pty.type("hostile\r");
  await pty.until(({ text }) => text.some((row) => row.startsWith("a\\x1b]52;c;AAAA\\x07b")));
  expect(stylesOf(pty.output)).toEqual([]);
  expect(pty.screen.strings).toEqual([]);
});

test("a terminal of one column stops nothing (C05)", async () => {
  using folder = new TemporaryFolder();
  await using pty = openChat(["chat", "tiny"], { folder, columns: 1, rows: 5 });
  await pty.until(({ modes }) => modes.size === 2);
  pty.type("wide\r/bye\r");
  expect(await pty.exited).toBe(0);
  expect(pty.screen.unknown).toEqual([]);
});

test("without HOME and without a terminal's name a conversation is possible (C05)", async () => {
  using folder = new TemporaryFolder();
  await using pty = openChat(["chat", "tiny", "--no-history"], {
    folder,
    env: { HOME: "", XDG_STATE_HOME: "", TERM: "" },
  });
  await pty.until(({ text }) => text.at(-1)?.startsWith(">>>") === true);
  pty.type("a\r");
  await pty.until(({ text }) => text.includes("u(a)"));
  pty.type("\x04");
  expect(await pty.exited).toBe(0);
});

test("a picture on stdin is no message", async () => {
  const picture = await pipe(await Bun.file(picturePath("gray.png")).bytes());
  expect([picture.code, picture.stdout]).toEqual([2, ""]);
  expect(picture.stderr).toContain("error: stdin holds a picture, and it is read as text\n");
  const named = await pipe("hello\n", ["chat", "tiny", "--image", "-"]);
  expect([named.code, named.stdout]).toEqual([2, ""]);
  expect(named.stderr).toContain("error: stdin is for the messages of a conversation\n");
});
