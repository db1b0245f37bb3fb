import { expect, setDefaultTimeout, test } from "bun:test";
import { cpSync } from "node:fs";
import { join } from "node:path";
import { commands } from "../../../src/cli/chat/commands.ts";
import { picturePath } from "../../support/executable.ts";
import { testLimitMs } from "../../support/test_limit.ts";
import { TemporaryFolder } from "../../support/temporary_folder.ts";
import { openChat, shortPrompt } from "./support.ts";

setDefaultTimeout(testLimitMs);

test("chat lays an answer out anew when the window gets narrower while it comes", async () => {
  using folder = new TemporaryFolder();
  await using pty = openChat(["chat", "tiny"], { folder, columns: 40, rows: 10 });
  await pty.until(({ text }) => text.at(-1)?.startsWith(">>>") === true);
  pty.type("endless\r");
  await pty.until(({ text }) => text.at(-1) === "word1 word2 word3 word4");
  await pty.resize(14, 10);
  await pty.shows("word1 word2 wo", "rd3 word4");
  pty.type("\x03");
  await pty.until(({ text }) => text.at(-1)?.startsWith(">>>") === true);
  // Once, however its rows are broken.
  const all = pty.screen.everything.join(" ").replaceAll(/\s+/g, "");
  expect(all.match(/word1.*word4/)?.[0]).toBe("word1word2word3word4");
  expect(all.match(/word1/g)).toHaveLength(1);
  expect(pty.screen.unknown).toEqual([]);
});

test("a system message is shown as it was written, and not broken between words", async () => {
  using folder = new TemporaryFolder();
  await using pty = openChat([
    "chat",
    "tiny",
    "--system",
    "a  bc\n def   ghi jkl mno pqr stu vwxyz 1234567890",
  ], {
    ...{ folder, columns: 40, rows: 60 },
  });
  const written = ["a  bc", " def   ghi jkl mno pqr stu vwxyz 1234567", "890"];
  await pty.shows(shortPrompt);
  pty.type("/system\r");
  await pty.shows(">>> /system", ...written, shortPrompt);
  pty.type("/show\r");
  await pty.until(({ text }) => text.at(-1) === shortPrompt && text.some((row) => row.startsWith("memory")));
  expect(pty.screen.text.join("\n")).toContain(`system              ${written.join("\n")}\n`);
});

test("a terminal of 40 columns gets help, a thumbnail, a table, code and wide letters that fit (C05)", async () => {
  using folder = new TemporaryFolder();
  cpSync(picturePath("gray.png"), join(folder.path, "cat.png"));
  await using pty = openChat(["chat", "tiny"], {
    ...{ folder, columns: 40, rows: 100 },
    env: { TERM: "xterm-256color" },
  });
  const prompt = shortPrompt;
  await pty.shows(prompt);
  pty.type("/help\r");
  await pty.until(({ text }) => text.at(-1) === prompt && text.length > 30);
  for (const row of ["/undo", "    take back the last question and its", "    answer"]) {
    expect(pty.screen.text).toContain(row);
  }
  const help = pty.screen.text.join("").replaceAll(/\s+/g, "");
  for (const { name, help: line } of commands) {
    expect(help).toContain(`/${name}`);
    expect(help).toContain(line.replaceAll(/\s+/g, ""));
  }
  pty.type("/image cat.png\r");
  await pty.until(({ text }) => text.at(-1) === prompt && text.join("").includes("[image 1: cat.png"));
  const thumbnail = pty.screen.text.filter((row) => row.includes("▀"));
  expect(thumbnail.length).toBeGreaterThan(0);
  expect(new Set(thumbnail).size).toBe(1);
  pty.type("table\r");
  await pty.until(({ text }) => text.at(-1) === prompt && text.at(-3)?.startsWith("漢字漢字") === true);
  expect(pty.screen.text.slice(pty.screen.text.indexOf(">>> table") + 1)).toEqual([
    "┌──────┬───────────────────────────────┐",
    "│ name │ what it is for, in a few      │",
    "│      │ words                         │",
    "├──────┼───────────────────────────────┤",
    "│ 漢字 │ two wide letters              │",
    "└──────┴───────────────────────────────┘",
    "",
    "┌─",
    "│ const answer = 40 + 2; // more than fi",
    "ts into one row",
    "└─",
    "",
    "漢字".repeat(10),
    "漢字".repeat(5),
    "",
    prompt,
  ]);
  expect(pty.screen.unknown).toEqual([]);
});
