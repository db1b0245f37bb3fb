import { expect, setDefaultTimeout, test } from "bun:test";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { plainPng } from "../../images/files.ts";
import { picturePath } from "../../support/executable.ts";
import { TemporaryFolder } from "../../support/temporary_folder.ts";
import { testLimitMs } from "../../support/test_limit.ts";
import { emptyPrompt, openChat, say, unsentHint } from "./support.ts";

setDefaultTimeout(testLimitMs);

const anotherOne = "--resume NAME goes on with another one, --resume alone with the last";

function sessionsOf(folder: TemporaryFolder): string[] {
  return readdirSync(state(folder, "sessions")).filter((name) => name !== "evil.json");
}

function state(folder: TemporaryFolder, ...parts: string[]): string {
  return join(folder.path, "state/llamav", ...parts);
}

test("an answer that /retry has no better one for stays, also in the file", async () => {
  using folder = new TemporaryFolder();
  await using pty = openChat(["chat", "tiny"], { folder });
  await say(pty, "a", "u(a)", "");
  await say(pty, "once", "first", "");
  pty.type("/retry\r");
  await pty.until(({ text }) => text.at(-1) === ">>> /retry");
  pty.type("\x03");
  await pty.shows("(stopped before it began)", "", emptyPrompt);
  const [session] = readdirSync(state(folder, "sessions"));
  const { turns } = JSON.parse(readFileSync(state(folder, "sessions", session!), "utf8"));
  expect(turns.map(({ text }: { text: string }) => text)).toEqual(["a", "u(a)", "once", "first"]);
});

test("a conversation is kept for its owner alone, and goes on with its pictures", async () => {
  using folder = new TemporaryFolder();
  const picture = picturePath("gray.png");
  {
    await using pty = openChat(["chat", "tiny", "--image", picture, "--temp", "0.5", "-s", "Be brief"], {
      folder,
    });
    await say(pty, "what?", "s(Be brief) u1(what?) temp=0.5", "");
    pty.type("endless\r");
    await pty.until(({ text }) => text.at(-1)!.includes("word4"));
    pty.type("\x03");
    await say(pty, "/save my cat", 'Saved as "my cat"');
    await say(
      pty,
      "/save ../evil",
      "error: /save needs a name of up to 64 letters, digits, spaces, dots and dashes",
    );
    pty.type("\x04");
    await pty.exited;
    expect(pty.screen.text.at(-1)).toBe('llamav chat --resume "my cat" goes on from here');
  }
  const [session] = readdirSync(state(folder, "sessions"));
  const sha256 = new Bun.CryptoHasher("sha256").update(readFileSync(picture)).digest("hex");
  for (const path of [["history"], ["sessions", session!], ["pictures", sha256]]) {
    expect(statSync(state(folder, ...path)).mode & 0o777).toBe(0o600);
  }
  for (const path of [[], ["sessions"], ["pictures"]]) {
    expect(statSync(state(folder, ...path)).mode & 0o777).toBe(0o700);
  }
  expect(JSON.parse(readFileSync(state(folder, "sessions", session!), "utf8"))).toMatchObject({
    name: "my cat",
    model: "tiny",
    system: "Be brief",
    parameters: { temperature: 0.5 },
    turns: [{ pictures: [{ name: "gray.png", sha256 }] }, {}, {}, { stopped: true }],
  });
  const { created } = JSON.parse(readFileSync(state(folder, "sessions", session!), "utf8"));
  const time = new Date(created).toLocaleString("sv-SE").slice(0, -3);
  for (const which of [["--resume"], ["--resume", "my cat"], ["--resume", session!.replace(".json", "")]]) {
    await using pty = openChat(["chat", ...which], { folder, columns: 200 });
    await pty.shows(
      'Goes on with "my cat", 4 messages',
      ...which.length === 1 ? [`It is the last conversation, of ${time}, and begins "what?"`] : [],
      'Answers are made with temp 0.5, the system message "Be brief"',
      ">>> endless",
      "    word1 word2 word3 word4",
      emptyPrompt,
    );
    pty.type("and?\r");
    await pty.until(({ text }) => text.at(-3)?.startsWith("s(Be brief) u1(what?)") === true);
    pty.type("/undo\r");
    await pty.until(({ text }) => text.at(-2) === "The conversation has 4 messages now");
  }
});

test("/load and /resume list conversations and change between them; /clear begins another", async () => {
  using folder = new TemporaryFolder();
  await using pty = openChat(["chat", "tiny"], { folder, columns: 100 });
  await say(pty, "/load", "There are no conversations yet");
  await say(pty, "first", "u(first)", "");
  await say(pty, "/save one", 'Saved as "one"');
  await say(pty, "/clear", "A new conversation");
  await say(pty, "second", "u(second)", "");
  await say(pty, "/load one", 'Goes on with "one", 2 messages', ">>> first", "    u(first)");
  await say(pty, "more", "u(first) a(u(first)) u(more)", "");
  pty.type("/load nothing\r");
  await pty.until(({ text }) =>
    /^error: There is no conversation "nothing"; there are "one", "[-\da-f]+"$/.test(text.at(-3) ?? "") &&
    text.at(-2) === "/resume without a name lists the conversations that there are"
  );
  pty.type("/resume\r");
  await pty.until(({ text }) =>
    /^\d{8}-\d{6}-[0-9a-f]{4} "one" {2}4 messages {2}first$/.test(text.at(-3) ?? "")
  );
  expect(pty.screen.text.at(-2)).toMatch(/^\d{8}-\d{6}-[0-9a-f]{4} {2}2 messages {2}second$/);
});

test("a conversation that another model had goes on with the one that is open, and says so", async () => {
  using folder = new TemporaryFolder();
  {
    await using pty = openChat(["chat", "tiny"], { folder });
    await say(pty, "first", "u(first)", "");
    await say(pty, "/set seed 3", "seed is 3 from now on");
    await say(pty, "/save one", 'Saved as "one"');
  }
  await using pty = openChat(["chat", "other"], { folder });
  await say(
    pty,
    "/load one",
    'Goes on with "one", 2 messages',
    "tiny answered so far, other does from now on",
    "Answers are made with seed 3",
    ">>> first",
    "    u(first)",
  );
  await say(pty, "/model", "other (other)");
});

test("what /undo takes back does not come again, down to the first message", async () => {
  using folder = new TemporaryFolder();
  {
    await using pty = openChat(["chat", "tiny"], { folder });
    await say(pty, "first", "u(first)", "");
    await say(pty, "/undo", "The conversation is empty now");
  }
  expect(readdirSync(state(folder, "sessions"))).toEqual([]);
  await using pty = openChat(["chat", "tiny"], { folder });
  await say(pty, "/load", "There are no conversations yet");
});

test("--no-history keeps nothing", async () => {
  using folder = new TemporaryFolder();
  await using pty = openChat(["chat", "tiny", "--no-history"], { folder });
  await say(pty, "hello", "u(hello)", "");
  pty.type("\x1b[A");
  await pty.shows(">>> hello");
  pty.type("\x03");
  await say(pty, "/save it", "error: Conversations are not kept", "Start llamav without --no-history");
  pty.type("\x04");
  expect(await pty.exited).toBe(0);
  expect(existsSync(state(folder))).toBe(false);
});

test("a folder that takes nothing is told once, and the conversation goes on (C05)", async () => {
  // A file stands where the folder would be: that refuses root, too.
  using folder = new TemporaryFolder({ "state/llamav": "" });
  await using pty = openChat(["chat", "tiny"], { folder, columns: 200 });
  await pty.shows(emptyPrompt);
  pty.type("hello\r");
  await pty.until(({ text }) => text.some((row) => row.startsWith("Nothing is kept from now on: ")));
  await say(pty, "again", "u(hello) a(u(hello)) u(again)", "");
  expect(pty.screen.everything.filter((row) => row.startsWith("Nothing is kept"))).toHaveLength(1);
  pty.type("/save it\r");
  await pty.until(({ text }) => text.some((row) => row.startsWith('error: Cannot write "')));
});

test("spoiled files are refused by name and stop nothing else", async () => {
  using folder = new TemporaryFolder();
  {
    await using pty = openChat(["chat", "tiny", "--image", picturePath("gray.png")], { folder });
    await say(pty, "hello", "u1(hello)", "");
  }
  writeFileSync(
    state(folder, "sessions/evil.json"),
    '{"id":"evil","turns":[{"pictures":[{"sha256":"../../x"}]}]}',
  );
  writeFileSync(state(folder, "history"), '"good"\nbad\n{"a":1}\n"hello"\n');
  {
    await using pty = openChat(["chat", "tiny"], { folder, columns: 100 });
    await pty.shows(emptyPrompt);
    pty.type("/load evil\r");
    await pty.until(({ text }) =>
      /^error: There is no conversation "evil"; there are "[-\da-f]+"$/.test(text.at(-3) ?? "") &&
      text.at(-2) === "/resume without a name lists the conversations that there are"
    );
    pty.type("\x1b[A\x1b[A\x1b[A");
    await pty.shows(">>> good");
  }
  rmSync(state(folder, "pictures"), { recursive: true });
  await using pty = openChat(["chat", "--resume"], { folder });
  expect(await pty.exited).toBe(2);
  await pty.shows(
    'error: The picture "gray.png" of this conversation is no longer there',
    "llamav chat begins a new one",
  );
  // Where a pipe stands instead nobody waits for it.
  const { turns } = JSON.parse(readFileSync(state(folder, "sessions", sessionsOf(folder)[0]!), "utf8"));
  mkdirSync(state(folder, "pictures"));
  Bun.spawnSync(["mkfifo", state(folder, "pictures", turns[0].pictures[0].sha256)]);
  await using again = openChat(["chat", "--resume"], { folder });
  expect(await again.exited).toBe(2);
});

test("--resume with a name that there is not names those that there are", async () => {
  using folder = new TemporaryFolder();
  {
    await using pty = openChat(["chat", "--resume"], { folder });
    expect(await pty.exited).toBe(2);
    await pty.shows("error: There is no conversation to resume", "llamav chat begins a new one");
  }
  {
    await using pty = openChat(["chat", "tiny"], { folder });
    for (const name of ["cats", "dogs", "birds", "fish", "mice"]) {
      await say(pty, name, `u(${name})`, "");
      await say(pty, `/save ${name}`, `Saved as "${name}"`);
      await say(pty, "/clear", "A new conversation");
    }
  }
  await using pty = openChat(["chat", "--resume", "Catz"], { folder, columns: 100 });
  expect(await pty.exited).toBe(2);
  await pty.until(({ text }) => text.at(-1) === anotherOne);
  // Newest first, behind what it may have meant.
  expect(pty.screen.text.at(-2)).toBe(
    'error: There is no conversation "Catz"; there are "cats", "mice", "fish", "birds", …',
  );
});

test("a history that is a pipe is waited for by nobody, and told", async () => {
  using folder = new TemporaryFolder();
  mkdirSync(state(folder), { recursive: true });
  Bun.spawnSync(["mkfifo", state(folder, "history")]);
  await using pty = openChat(["chat", "tiny"], { folder, columns: 200 });
  await pty.shows(emptyPrompt);
  pty.type("hello\r");
  await pty.until(({ text }) =>
    text.some((row) => /^Nothing is kept from now on: .*it is no regular file$/.test(row)) &&
    text.includes("u(hello)")
  );
});

test("what was not sent is named when it is left behind, with what begins with its pictures again", async () => {
  using folder = new TemporaryFolder({ "big.png": plainPng(1120, 1120), "my cat.png": plainPng(8, 8) });
  for (const end of ["\x04", "\x03\x03"]) {
    await using pty = openChat(["chat", "tiny", ...Array(4).fill(["--image", "big.png"]).flat()], {
      folder,
      columns: 200,
    });
    await pty.shows(emptyPrompt);
    pty.type("/image my cat.png\rwhich?\r");
    await pty.shows(unsentHint, emptyPrompt);
    pty.type(end);
    await pty.exited;
    expect(pty.screen.text.slice(-2)).toEqual([
      'Not sent, and not kept: "which?", big.png, big.png, big.png, big.png, my cat.png',
      "llamav chat --image-tiles 17 --image big.png --image big.png --image big.png --image big.png " +
      '--image "my cat.png" begins with the pictures',
    ]);
  }
});

test("a picture from another folder is left behind as one whose path has to be given", async () => {
  using folder = new TemporaryFolder({ "away/cat.png": plainPng(8, 8) });
  await using pty = openChat(["chat", "tiny", "--image", "away/cat.png"], { folder });
  await pty.shows(emptyPrompt);
  pty.type("\x04");
  await pty.exited;
  expect(pty.screen.text.at(-1)).toBe("llamav chat --image PATH/cat.png begins with the pictures");
});

test("a conversation in which nothing was said is not kept, whatever its name; another name is told", async () => {
  using folder = new TemporaryFolder();
  await using pty = openChat(["chat", "tiny"], { folder });
  await say(pty, "/save a", 'Saved as "a"', "It is kept once something was said");
  await say(pty, "/load", "There are no conversations yet");
  await say(pty, "first", "u(first)", "");
  await say(pty, "/save b", '"a" is named "b" now');
  await say(pty, "/load b", 'Goes on with "b", 2 messages', ">>> first", "    u(first)");
});

test("a conversation that goes on names the pictures of its last question", async () => {
  using folder = new TemporaryFolder({ "cat.png": plainPng(8, 8) });
  await using pty = openChat(["chat", "tiny"], { folder });
  await say(pty, "what? @cat.png", "u1(what?)", "");
  await say(pty, "/save one", 'Saved as "one"');
  await say(
    pty,
    "/load one",
    'Goes on with "one", 2 messages',
    ">>> [cat.png 8×8] what?",
    "    u1(what?)",
  );
});
