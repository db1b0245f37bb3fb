/** What people type who come from another program. */
import { expect, setDefaultTimeout, test } from "bun:test";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { testLimitMs } from "../../support/test_limit.ts";
import { TemporaryFolder } from "../../support/temporary_folder.ts";
import { emptyPrompt, openChat, say } from "./support.ts";

setDefaultTimeout(testLimitMs);

test("/show takes info, parameters and system, and says so of everything else", async () => {
  using folder = new TemporaryFolder();
  await using pty = openChat(["chat", "tiny", "--system", "Be brief", "--temp", "0.5"], {
    folder,
    columns: 120,
  });
  const memory = "memory 57.9 MB, for 8 answers at a time: weights 28.4 MB, text cache 29.5 MB";
  await say(pty, "/show info", "device              fake device", "context             512 tokens", memory);
  await pty.shows(emptyPrompt);
  pty.type("/show parameters\r");
  await pty.shows("format              any text", emptyPrompt);
  expect(pty.screen.text).toContain("temp                0.5");
  await say(pty, "/show system", ">>> /show system", "Be brief");
  await say(
    pty,
    "/show license",
    "The license of a model is with its files; that of Llama 3.2 is named by llamav --help",
  );
  for (const word of ["modelfile", "template", "nonsense"]) {
    await say(
      pty,
      `/show ${word}`,
      `error: There is no /show ${word}`,
      "/show takes info, parameters or system",
    );
  }
  pty.type("/show par\t");
  await pty.shows(">>> /show parameters");
});

test("/set format json makes every answer a JSON object, until it is undone", async () => {
  using folder = new TemporaryFolder();
  await using pty = openChat(["chat", "tiny"], { folder });
  await say(pty, "/set format json", "format is json from now on");
  await say(pty, "a", "u(a) as json", "");
  await say(
    pty,
    "/set format xml",
    'error: format must be json, not "xml"',
    "llamav run --json-schema keeps to a schema",
  );
  await say(pty, "/set noformat", "format is default from now on");
  await say(pty, "/clear", "A new conversation");
  await say(pty, "b", "u(b)", "");
  await say(pty, "/set format json", "format is json from now on");
  pty.type("/bye\r");
  expect(await pty.exited).toBe(0);
  await using again = openChat(["chat", "tiny", "--resume"], { folder });
  await again.until(({ text }) => text.includes("Answers are made with format json"));
  await say(again, "c", "u(b) a(u(b)) u(c) as json", "");
});

test("/set nohistory keeps nothing from then on, and /set history does again", async () => {
  using folder = new TemporaryFolder();
  await using pty = openChat(["chat", "tiny"], { folder, columns: 100 });
  const state = join(folder.path, "state/llamav");
  const sessions = () =>
    existsSync(join(state, "sessions")) ? readdirSync(join(state, "sessions")).map(textsOf) : [];
  const textsOf = (name: string): string[] =>
    JSON.parse(readFileSync(join(state, "sessions", name), "utf8")).turns.map(({ text }: { text: string }) =>
      text
    );
  await say(pty, "/set nohistory", "Nothing is kept from now on; what was kept before is there");
  await say(pty, "secret", "u(secret)", "");
  expect(sessions()).toEqual([]);
  expect(readFileSync(join(state, "history"), "utf8")).toBe('"/set nohistory"\n');
  await say(pty, "/set history", "What is typed and said is kept from now on");
  expect(sessions()).toEqual([["secret", "u(secret)"]]);
  await say(pty, "/undo", "The conversation is empty now");
  await say(pty, "open", "u(open)", "");
  expect(sessions()).toEqual([["open", "u(open)"]]);
});

test("/set history says how to keep something where there is no place for it", async () => {
  using folder = new TemporaryFolder();
  await using pty = openChat(["chat", "tiny", "--no-history"], { folder });
  await say(pty, "/set history", "error: Conversations are not kept", "Start llamav without --no-history");
});

test("/set answers what means nothing here with what does that", async () => {
  using folder = new TemporaryFolder();
  await using pty = openChat(["chat", "tiny"], { folder, columns: 100 });
  await say(pty, "/set wordwrap", "Answers are wrapped to the width of the terminal, unless with --plain");
  await say(
    pty,
    "/set nowordwrap",
    "error: Answers are wrapped to the width of the terminal",
    "llamav chat --plain leaves it alone",
  );
  await say(
    pty,
    "/set think",
    "error: Llama 3.2 Vision does not think before it answers",
    "/system can ask for steps",
  );
  await say(pty, "/set nothink", "Llama 3.2 Vision does not think before it answers");
});

test("/set alone lists what there is, /set quiet ends the timings, and both stand by their names", async () => {
  using folder = new TemporaryFolder();
  await using pty = openChat(["chat", "tiny", "--temp", "0.5"], { folder });
  await pty.shows(emptyPrompt);
  pty.type("/set\r");
  await pty.shows("format              any text", emptyPrompt);
  expect(pty.screen.text).toContain("temp                0.5");
  expect(pty.screen.text).toContain("max-tokens          what the context still holds");
  await say(pty, "/set verbose", "Answers are followed by their timings");
  await say(pty, "/set quiet", "Answers stand alone");
  await say(pty, "a", ">>> a", "u(a) temp=0.5", "");
});

test("/system without a text shows it, /quit leaves, and /export names its file itself", async () => {
  using folder = new TemporaryFolder();
  await using pty = openChat(["chat", "tiny"], { folder });
  await say(pty, "/system", "There is no system message");
  await say(pty, "/system Be brief", "The system message holds from now on");
  await say(pty, "/system", ">>> /system", "Be brief");
  await say(pty, "a", "s(Be brief) u(a)", "");
  await pty.shows(emptyPrompt);
  pty.type("/export json\r");
  await pty.until(({ text }) => /^Wrote llamav-\d{8}-\d{6}-[0-9a-f]{4}\.json$/.test(text.at(-2) ?? ""));
  const { messages } = JSON.parse(readFileSync(join(folder.path, pty.screen.text.at(-2)!.slice(6)), "utf8"));
  expect(messages).toHaveLength(3);
  pty.type("/quit\r");
  expect(await pty.exited).toBe(0);
});
