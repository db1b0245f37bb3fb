import { expect, setDefaultTimeout, test } from "bun:test";
import { cpSync, existsSync, mkdirSync, readFileSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { commands } from "../../../src/cli/chat/commands.ts";
import { picturePath } from "../../support/executable.ts";
import { TemporaryFolder } from "../../support/temporary_folder.ts";
import { testLimitMs } from "../../support/test_limit.ts";
import { emptyPrompt, openChat, say, unsentHint } from "./support.ts";

setDefaultTimeout(testLimitMs);

test("/help lists every command, and says what one does", async () => {
  using folder = new TemporaryFolder();
  await using pty = openChat(["chat", "tiny"], { folder, columns: 120, rows: 50 });
  await pty.shows(emptyPrompt);
  pty.type("/?\r");
  await pty.until(({ text }) => text.at(-1) === emptyPrompt && text.length > 10);
  for (const { name, help } of commands) {
    expect(pty.screen.text.some((row) => row.startsWith(`/${name}`) && row.endsWith(help))).toBe(true);
  }
  await say(pty, "/help bye", ">>> /help bye", "/bye, /exit, /quit  leave; Ctrl-D does, too");
  await say(pty, "/nothing", "error: There is no command /nothing", "/help lists those that there are");
  await say(pty, "/imgae a.png", "error: There is no command /imgae", ...[
    "Did you mean /image? /help lists those that there are",
  ]);
  pty.type("/exit\r");
  expect(await pty.exited).toBe(0);
});

test("/set, /system and /show change how answers are made, and say so", async () => {
  using folder = new TemporaryFolder();
  await using pty = openChat(["chat", "tiny", "--temp", "0.25"], { folder, rows: 40 });
  await say(pty, "a", "u(a) temp=0.25", "");
  await say(pty, "/set parameter temperature 0.5", "temperature is 0.5 from now on");
  await say(pty, '/set system "Be brief"', "The system message holds from now on");
  await say(pty, "/clear", "A new conversation");
  await say(pty, "b", "s(Be brief) u(b) temp=0.5", "");
  await say(pty, "/set temp default", "temp is default from now on");
  await say(
    pty,
    "/set temp 9",
    'error: temp must be a number from 0 to 2, not "9"',
    "/set temp default undoes it",
  );
  await say(
    pty,
    "/set nonsense 1",
    'error: There is no parameter "nonsense"',
    "There are temp, top-k, top-p, min-p, repetition-penalty, presence-penalty,",
    "frequency-penalty, seed, max-tokens, stop, format",
  );
  await say(pty, "/set nonsense", 'error: There is no parameter "nonsense"', ...[
    "There are temp, top-k, top-p, min-p, repetition-penalty, presence-penalty,",
    "frequency-penalty, seed, max-tokens, stop, format",
  ]);
  await say(
    pty,
    "/set Temp",
    "temp is 0.6, the model's own: randomness of the answer; 0 always takes the",
    "likeliest token",
    "It can be a number from 0 to 2, or default: 0.6, the model's own",
  );
  await say(pty, "/set seed 3", "seed is 3 from now on");
  await say(
    pty,
    "/set seed",
    "seed is 3: same seed, same answer",
    "It can be a whole number from 0 to 9007199254740991, or default: a random one",
  );
  await say(pty, "/set stop", "stop is none: text that ends the answer, up to 4 times", ...[
    "It can be any text, or default: none",
  ]);
  await say(pty, "/set format", "format is any text", "It can be json, or default: any text");
  await say(pty, "/set stop END", "stop is END from now on");
  await say(pty, '/system ""', "The system message is gone");
  pty.type("/show\r");
  await pty.until(({ text }) => text.at(-2)?.startsWith("memory ") === true && text.at(-1) === emptyPrompt);
  const shown = pty.screen.text;
  expect(shown).toContain("model               tiny");
  expect(shown).toContain("temp                0.6, the model's own");
  expect(shown).toContain('stop                ["END"]');
  expect(shown).toContain("system              none");
  await say(pty, "/set verbose", "Answers are followed by their timings");
  await say(
    pty,
    "c",
    "u(b) a(s(Be brief) u(b) temp=0.5) u(c)",
    "",
    "prompt  13 ms, 21 tokens, 1680.0 tokens/s",
    "answer  4.0 ms, 1 tokens, 250.0 tokens/s, ended by stop",
  );
});

test("/retry, /edit and /undo change what was said", async () => {
  using folder = new TemporaryFolder();
  await using pty = openChat(["chat", "tiny"], { folder });
  await say(pty, "/retry", "error: There is no question yet");
  await say(pty, "a", "u(a)", "");
  await say(pty, "/retry", ">>> /retry", "u(a)", "");
  await say(pty, "b", "u(a) a(u(a)) u(b)", "");
  await pty.shows(emptyPrompt);
  pty.type("/edit\r");
  await pty.shows(">>> /edit", ">>> b");
  pty.type("c\r");
  await pty.shows(">>> bc", "u(a) a(u(a)) u(bc)", "", emptyPrompt);
  await say(pty, "/undo", "The conversation has 2 messages now");
  await say(pty, "/undo", "The conversation is empty now");
});

test("a question that is refused stands in nobody's way, and comes back by /edit, or is sent again by /retry", async () => {
  using folder = new TemporaryFolder();
  cpSync(picturePath("gray.png"), join(folder.path, "cat.png"));
  await using pty = openChat(["chat", "tiny"], { folder });
  const refusal = ["error: The prompt is too long", "Ask for less", unsentHint] as const;
  await say(pty, "refused @cat.png", ...refusal);
  await say(pty, "/retry", ">>> /retry", "", ...refusal);
  // What is typed next is a command, and not the end of the message.
  await say(pty, "/detach 1", "Removed cat.png");
  pty.type("/edit\r");
  await pty.shows(">>> /edit", ">>> refused");
  pty.type("\x01no longer \r");
  await pty.shows(">>> no longer refused", "u(no longer refused)", "", emptyPrompt);
  // It was sent: the question before is the last one.
  await say(pty, "/retry", ">>> /retry", "u(no longer refused)", "");
  await say(pty, "/clear", "A new conversation");
  await say(pty, "refused", ...refusal);
  await say(pty, "/clear", "A new conversation");
  await say(pty, "/retry", "error: There is no question yet");
});

test("a conversation that outgrew the context says what helps inside it", async () => {
  using folder = new TemporaryFolder();
  await using pty = openChat(["chat", "tiny"], { folder, columns: 200 });
  await say(
    pty,
    "outgrown",
    "error: The prompt of 600 tokens exceeds the context of 512",
    "Shorten the message; llamav chat --ctx-size N makes room for more",
    unsentHint,
  );
  await say(pty, "a", "u(a)", "");
  await say(pty, "/set max-tokens 400", "max-tokens is 400 from now on");
  await say(
    pty,
    "outgrown",
    "error: The prompt of 600 tokens exceeds the context of 512",
    "/undo takes back the last question, /clear begins anew, /set max-tokens N asks for a shorter answer; llamav chat --ctx-size N makes room for more",
    unsentHint,
  );
});

test("a conversation advises no larger context where the model has none", async () => {
  using folder = new TemporaryFolder();
  const env = { CONTEXT: "131072" };
  await using pty = openChat(["chat", "tiny"], { folder, env, columns: 200 });
  const error = "error: The prompt of 600 tokens exceeds the context of 512";
  await say(pty, "outgrown", error, "Shorten the message", unsentHint);
  await say(pty, "a", "u(a)", "");
  await say(
    pty,
    "outgrown",
    error,
    "/undo takes back the last question, /clear begins anew",
    unsentHint,
  );
});

test("an error of a conversation calls a setting as it was set, and a cut answer as /set does", async () => {
  using folder = new TemporaryFolder();
  const env = { LLAMAV_CTX_SIZE: "64", LLAMAV_MAX_TOKENS: "9" };
  await using pty = openChat(["chat", "tiny"], { folder, env });
  await say(pty, "flagged", "error: LLAMAV_CTX_SIZE=64 is too few", unsentHint);
  await say(pty, "cut", "It is", "(cut off: max-tokens, or the context, has no room for more)", "");
});

test("/stats and /tokens count", async () => {
  using folder = new TemporaryFolder();
  await using pty = openChat(["chat", "tiny"], { folder });
  await say(pty, "/stats", "There is no answer yet");
  await say(pty, "/tokens", "0 of 512 tokens (0 %)");
  await say(pty, "a", "u(a)", "");
  await say(
    pty,
    "/stats",
    "prompt  13 ms, 21 tokens, 1680.0 tokens/s",
    "answer  4.0 ms, 1 tokens, 250.0 tokens/s, ended by stop",
    "in all  1 answer, 21 tokens read, 1 written",
  );
  pty.type("/tokens\r");
  await pty.until(({ text }) => /^\d+ of 512 tokens \(\d+ %\)$/.test(text.at(-2) ?? ""));
});

test("/copy takes the programs that there are, else the terminal", async () => {
  using folder = new TemporaryFolder({ "bin/wl-copy": '#!/bin/sh\ncat > "$HOME/copied"\n' });
  Bun.spawnSync(["chmod", "+x", join(folder.path, "bin/wl-copy")]);
  {
    const PATH = `${folder.path}/bin:${process.env["PATH"]}`;
    await using pty = openChat(["chat", "tiny"], { folder, env: { PATH } });
    await say(pty, "/copy", "error: There is no answer to copy");
    await say(pty, "a", "u(a)", "");
    await say(pty, "/copy", "Copied the last answer");
    expect(readFileSync(join(folder.path, "copied"), "utf8")).toBe("u(a)");
  }
  await using pty = openChat(["chat", "tiny"], { folder, env: { PATH: "" } });
  await say(pty, "a", "u(a)", "");
  await say(pty, "/copy", "Copied the last answer");
  expect(pty.screen.strings).toEqual([`]52;c;${btoa("u(a)")}`]);
});

test("/export writes what people read, and what run --messages and the API take", async () => {
  const picture = picturePath("gray.png");
  using folder = new TemporaryFolder({ "there.md": "mine" });
  // A link in a circle, and a home whose name means something to a replacement.
  symlinkSync("loop", join(folder.path, "loop"));
  const home = join(folder.path, "$&");
  mkdirSync(home);
  const env = { HOME: home };
  await using pty = openChat(["chat", "tiny", "--image", picture, "--system", "Be brief"], { folder, env });
  await say(pty, "what?", "s(Be brief) u1(what?)", "");
  await say(pty, "/export md chat.md", "Wrote chat.md");
  await say(pty, "/export json chat.json", "Wrote chat.json");
  await say(
    pty,
    "/export md there.md",
    'error: Cannot write "there.md": there is a file of that name',
    "Name another file",
  );
  await say(pty, "/export pdf", "error: /export needs md or json", "/export md chat.md");
  for (
    const [path, reason, remedy] of [
      ["no/chat.md", 'there is no folder "no"', "Make the folder first, or name another file"],
      ["there.md/chat.md", '"there.md" is no folder', "Name another file"],
      ["state", "it is a folder", "Name a file in it"],
      ["loop", "there is a file of that name", "Name another file"],
    ]
  ) await say(pty, `/export md ${path}`, `error: Cannot write "${path}": ${reason}`, remedy!);
  pty.type("/export md ~/home.md\r");
  await pty.until(({ text }) => text.at(-1) === emptyPrompt && text.join("").includes("home.md>>>"));
  expect(existsSync(join(home, "home.md"))).toBe(true);
  pty.type("/export md ~\r");
  await pty.until(({ text }) => text.at(-2) === "Name a file in it" && text.at(-1) === emptyPrompt);
  const text = readFileSync(join(folder.path, "chat.md"), "utf8");
  expect(text).toMatch(
    /^# Conversation with tiny, \d{4}-\d\d-\d\d\n\n\*\*System:\*\* Be brief\n\n## You\n\n\[gray\.png, \d+×\d+\]\n\nwhat\?\n\n## Answer\n\n/,
  );
  expect(readFileSync(join(folder.path, "there.md"), "utf8")).toBe("mine");
  const url = `data:image/png;base64,${readFileSync(picture).toString("base64")}`;
  expect(JSON.parse(readFileSync(join(folder.path, "chat.json"), "utf8"))).toEqual({
    messages: [
      { role: "system", content: "Be brief" },
      { role: "user", content: [{ type: "image_url", image_url: { url } }, { type: "text", text: "what?" }] },
      { role: "assistant", content: "s(Be brief) u1(what?)" },
    ],
  });
  await using again = openChat(["run", "./m", "--messages", "chat.json", "And", "now?"], { folder });
  await again.until(({ text }) =>
    text.join("").includes("u1(what?)") && text.join("").includes("u(And now?)")
  );
});
