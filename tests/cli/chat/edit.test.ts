/** A question that is changed and asked again: what was said before stays until it is answered. */
import { expect, setDefaultTimeout, test } from "bun:test";
import { cpSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { picturePath } from "../../support/executable.ts";
import type { Pty } from "../../support/pty.ts";
import { TemporaryFolder } from "../../support/temporary_folder.ts";
import { testLimitMs } from "../../support/test_limit.ts";
import { emptyPrompt, openChat, say, unsentHint } from "./support.ts";

setDefaultTimeout(testLimitMs);

/** Asks two questions, the second about a picture, and begins to change that. */
async function beginEdit(pty: Pty): Promise<void> {
  await say(pty, "one", "u(one)", "");
  await say(pty, "two @cat.png", "u(one) a(u(one)) u1(two)", "");
  await say(pty, "/image dog.png", "[image 2: dog.png 64×48 → 1 tile]");
  pty.type("/edit\r");
  await pty.shows(">>> /edit", ">>> two");
}

function folderWithPictures(): TemporaryFolder {
  const folder = new TemporaryFolder();
  for (const name of ["cat.png", "dog.png"]) cpSync(picturePath("gray.png"), join(folder.path, name));
  return folder;
}

function keptTexts(folder: TemporaryFolder): string[] {
  const sessions = join(folder.path, "state/llamav/sessions");
  const [file] = readdirSync(sessions);
  const { turns } = JSON.parse(readFileSync(join(sessions, file!), "utf8"));
  return turns.map(({ text }: { text: string }) => text);
}

test.each([
  ["Ctrl-C", "\x03"],
  ["Ctrl-C after some keys", " and\x03"],
  ["Esc", "\x1b"],
  ["an empty line", "\x15\r"],
  ["a command", "\x15/image dog.png\r"],
])("%s at the edit leaves the question and its answer as they were", async (_, keys) => {
  using folder = folderWithPictures();
  await using pty = openChat(["chat", "tiny"], { folder });
  await beginEdit(pty);
  pty.type(keys);
  await pty.until(({ text }) =>
    text.at(-1) === emptyPrompt && /^Nothing was changed|image 3/.test(text.at(-2)!)
  );
  expect(keptTexts(folder)).toEqual(["one", "u(one)", "two", "u(one) a(u(one)) u1(two)"]);
  await say(pty, "/undo", "The conversation has 2 messages now");
});

test("an edited question takes the place of the last one with its pictures, and leaves those that wait", async () => {
  using folder = folderWithPictures();
  await using pty = openChat(["chat", "tiny"], { folder });
  await beginEdit(pty);
  pty.type(" three\r");
  await pty.shows("u(one) a(u(one)) u1(two three)", "", emptyPrompt);
  expect(keptTexts(folder)).toEqual(["one", "u(one)", "two three", "u(one) a(u(one)) u1(two three)"]);
  await say(pty, "four", "u(one) a(u(one)) u1(two three) a(u(one) a(u(one)) u1(two three)) u1(four)", "");
});

test("an edited question that is refused leaves the turn, and /retry and /edit bring it to its place", async () => {
  using folder = folderWithPictures();
  await using pty = openChat(["chat", "tiny"], { folder });
  const refusal = ["error: The prompt is too long", "Ask for less", unsentHint] as const;
  await beginEdit(pty);
  pty.type("\x15refused\r");
  await pty.shows(...refusal, emptyPrompt);
  expect(keptTexts(folder)).toEqual(["one", "u(one)", "two", "u(one) a(u(one)) u1(two)"]);
  await say(pty, "/retry", ">>> /retry", "", ...refusal);
  pty.type("/edit\r");
  await pty.shows(">>> /edit", ">>> refused");
  pty.type("\x15four\r");
  await pty.shows("u(one) a(u(one)) u1(four)", "", emptyPrompt);
  expect(keptTexts(folder)).toEqual(["one", "u(one)", "four", "u(one) a(u(one)) u1(four)"]);
});

test("on a dumb terminal the question to edit is shown, and Ctrl-C leaves it as it was", async () => {
  using folder = new TemporaryFolder();
  await using pty = openChat(["chat", "tiny"], { folder, env: { TERM: "dumb" } });
  const shows = (...rows: string[]) =>
    pty.until(({ text }) => rows.every((row, i) => text.at(i - rows.length) === row));
  await shows(">>>");
  pty.type("one\r");
  await shows("u(one)", ">>>");
  pty.type("/edit\r");
  await shows("one", ">>>");
  pty.kill("SIGINT");
  await shows("Nothing was changed", ">>>");
  pty.type("/edit\r");
  await shows("one", ">>>");
  pty.type("two\r");
  await shows("u(two)", ">>>");
});
