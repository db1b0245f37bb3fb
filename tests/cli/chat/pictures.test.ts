import { expect, setDefaultTimeout, test } from "bun:test";
import { cpSync, readFileSync, symlinkSync, truncateSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { picturePath } from "../../support/executable.ts";
import { TemporaryFolder } from "../../support/temporary_folder.ts";
import { testLimitMs } from "../../support/test_limit.ts";
import { plainPng } from "../../images/files.ts";
import { emptyPrompt, openChat, say, stylesOf, unsentHint } from "./support.ts";

setDefaultTimeout(testLimitMs);

const otherName = "Name another file, or write `name` where no more than the name is meant";

/** A folder with this picture under these names. */
function folderWith(...names: readonly string[]): TemporaryFolder {
  const folder = new TemporaryFolder({ "notes.txt": "no picture", "fake.png": "no picture" });
  for (const name of names) cpSync(picturePath("gray.png"), join(folder.path, name));
  return folder;
}

const size = (() => {
  const file = readFileSync(picturePath("gray.png"));
  return `${file.readUInt32BE(16)}×${file.readUInt32BE(20)}`;
})();

test("a picture is added by /image, by @, and by dropping its file, and belongs to the next message", async () => {
  using folder = folderWith("cat.png", "my cat.png");
  await using pty = openChat(["chat", "tiny"], { folder, columns: 120, rows: 40 });
  const added = (index: number, name = "cat.png") => `[image ${index}: ${name} ${size} → 1 tile]`;
  await say(pty, "/image cat.png", added(1));
  await say(pty, "what is it?", ">>> what is it?", "u1(what is it?)", "");
  await say(pty, "/clear", "A new conversation");
  await say(pty, "what is in @cat.png?", added(1), "u1(what is in?)", "");
  await say(pty, "/clear", "A new conversation");
  const dropped = [
    "cat.png",
    "my\\ cat.png",
    '"my cat.png"',
    `'${folder.path}/my cat.png'`,
    `${folder.path}/my\\ cat.png`,
    pathToFileURL(join(folder.path, "my cat.png")).href,
    "~/cat.png",
  ];
  for (const [index, written] of dropped.entries()) {
    const name = /my/.test(written) ? "my cat.png" : "cat.png";
    await pty.shows(emptyPrompt);
    pty.type(`\x1b[200~${written}\x1b[201~\r`);
    await pty.shows(added(index + 1, name), emptyPrompt);
  }
  await say(pty, "/detach 7", "Removed cat.png");
  await say(pty, "these?", `u6(these?)`, "");
  pty.type("/images\r");
  await pty.until(({ text }) => text.at(-2) === "in all  6 of 16 tiles");
  expect(pty.screen.text.at(-3)).toBe(`6  my cat.png ${size} → 1 tile`);
  await say(pty, "/detach 1", "Removed cat.png");
  await say(pty, "and now?", `u5(these?) a(u6(these?)) u(and now?)`, "");
  await say(pty, "/detach 9", "error: /detach needs a number from 1 to 5", "/images lists them");
});

test("a picture that waits for the next message is not lost to /retry", async () => {
  using folder = folderWith("cat.png");
  await using pty = openChat(["chat", "tiny"], { folder, columns: 120 });
  await say(pty, "a", "u(a)", "");
  await say(pty, "/image cat.png", `[image 1: cat.png ${size} → 1 tile]`);
  await say(pty, "/retry", "u(a)", "");
  await say(pty, "b", "u(a) a(u(a)) u1(b)", "");
});

test("/image takes a URL and the clipboard", async () => {
  using folder = folderWith("cat.png");
  folder.write("bin/wl-paste", `#!/bin/sh\ncat "$HOME/cat.png"\n`);
  Bun.spawnSync(["chmod", "+x", join(folder.path, "bin/wl-paste")]);
  const PATH = `${folder.path}/bin:${process.env["PATH"]}`;
  await using pty = openChat(["chat", "tiny"], { folder, env: { PATH } });
  await say(pty, `/image https://example.com${folder.path}/cat.png`, `[image 1: cat.png ${size} → 1 tile]`);
  await say(pty, "/image clipboard", `[image 2: clipboard ${size} → 1 tile]`);
  await say(pty, "which?", "u2(which?)", "");
});

test("what is no picture stays text, and is a mistake where it was meant (C07)", async () => {
  using folder = folderWith();
  Bun.spawnSync(["mkfifo", join(folder.path, "pipe.png")]);
  await using pty = openChat(["chat", "tiny"], { folder, columns: 120, env: { PATH: "" } });
  const words = `none.png notes.txt ${folder.path}/notes.txt ${folder.path} notes.txt/none.png`;
  await pty.shows(emptyPrompt);
  pty.type(`${words}\r`);
  await pty.until(({ text }) => text.at(-1) === emptyPrompt && text.join("").includes(`u(${words})`));
  await say(pty, "/clear", "A new conversation");
  await say(pty, "ask @somebody", "u(ask @somebody)", "");
  const mistakes = [
    ["/image pipe.png", 'error: Cannot read the picture "pipe.png": it is no regular file'],
    ["/image /dev/zero", 'error: Cannot read the picture "/dev/zero": it is no regular file'],
    ["/image -rf", 'error: Cannot read the picture "-rf": there is no such file'],
    ["/image", "error: /image needs a picture"],
    ["/image clipboard", "error: There is no picture in the clipboard that can be read"],
  ] as const;
  for (const [typed, error] of mistakes) {
    await pty.shows(emptyPrompt);
    pty.type(`${typed}\r`);
    await pty.until(({ text }) => text.includes(error) && text.at(-1) === emptyPrompt);
    pty.type("\x0c");
    await pty.until(({ text }) => text.length === 1);
  }
  pty.type("/image fake.png\r");
  await pty.until(({ text }) => text.some((row) => row.startsWith('error: Picture "fake.png": ')));
});

test("a picture's file that cannot be opened is a mistake, and the message is not sent (C07)", async () => {
  using folder = folderWith("damaged.png", "huge.png", "damaged");
  for (const name of ["damaged.png", "damaged"]) truncateSync(join(folder.path, name), 40);
  truncateSync(join(folder.path, "huge.png"), 65 * 1024 * 1024);
  // Where nobody is let in not even a superuser can follow.
  symlinkSync("loop.png", join(folder.path, "loop.png"));
  Bun.spawnSync(["mkfifo", join(folder.path, "pipe.png")]);
  await using pty = openChat(["chat", "tiny"], { folder, columns: 200 });
  const cases = [
    ["damaged.png", /^error: Picture "damaged\.png": /],
    [`${folder.path}/damaged`, /^error: Picture "damaged": /],
    ["fake.png", /^error: Picture "fake\.png": /],
    ["huge.png", /^error: Cannot read the picture "huge\.png": \d+ bytes are more than/],
    ["loop.png", /^error: Cannot read the picture "loop\.png": ELOOP/],
    ["pipe.png", /^error: Cannot read the picture "pipe\.png": it is no regular file$/],
  ] as const;
  for (const [name, error] of cases) {
    await pty.shows(emptyPrompt);
    pty.type(`what is in ${name}?\r`);
    await pty.until(({ text }) => {
      const [said, remedy, hint, input] = text.slice(-4);
      return error.test(said ?? "") && remedy === otherName && hint === unsentHint && input === emptyPrompt;
    });
    pty.type("/edit\r");
    await pty.shows(">>> /edit", `>>> what is in ${name}?`);
    pty.type("\x03");
  }
  await say(pty, "/images", "There are no pictures");
  await say(pty, "is `fake.png` a name?", "u(is fake.png a name?)", "");
});

test("a dropped file is known by its first bytes, and by a name in a shell's quotes", async () => {
  using folder = folderWith("photo", "it's.png", "my photo");
  await using pty = openChat(["chat", "tiny"], { folder, columns: 160 });
  const { path } = folder;
  const dropped = [
    [`${path}/photo`, "photo"],
    [`'${path}/my photo'`, "my photo"],
    [`'${path}/it'\\''s.png'`, "it's.png"],
    [`'${path}/it'"'"'s.png'`, "it's.png"],
    [`${path}/it\\'s.png`, "it's.png"],
  ] as const;
  for (const [index, [written, name]] of dropped.entries()) {
    await pty.shows(emptyPrompt);
    pty.type(`\x1b[200~${written}\x1b[201~\r`);
    await pty.shows(`[image ${index + 1}: ${name} ${size} → 1 tile]`, emptyPrompt);
  }
  await say(pty, "these?", "u5(these?)", "");
});

test.each([10, 2, 1])("a thumbnail fits into a terminal of %i columns", async (columns) => {
  using folder = folderWith("cat.png");
  const env = { TERM: "xterm-256color" };
  await using pty = openChat(["chat", "tiny", "--image", "cat.png", "--no-history"], {
    ...{ folder, env, columns },
    rows: 60,
  });
  await pty.until(({ text }) => text.join("").includes("1 tile]") || text.join("").includes("1tile]"));
  const rows = pty.screen.everything.filter((row) => row.includes("▀"));
  expect(new Set(rows)).toEqual(new Set(["▀".repeat(Math.max(1, columns - 1))]));
  expect(pty.screen.unknown).toEqual([]);
});

test("colours are those that NO_COLOR, then FORCE_COLOR, then the terminal say", async () => {
  using folder = folderWith("cat.png");
  const stylesWith = async (env: Record<string, string>) => {
    const args = ["chat", "tiny", "--image", "cat.png", "--no-history"];
    await using pty = openChat(args, { folder, env: { TERM: "xterm", ...env } });
    await pty.until(({ text }) => text.join("\n").includes("1 tile]\n>>>"));
    return stylesOf(pty.output);
  };
  const trueColor = expect.stringMatching(/^38;2;/);
  expect(await stylesWith({})).not.toContainEqual(expect.stringMatching(/^38;/));
  expect(await stylesWith({ FORCE_COLOR: "3" })).toContainEqual(trueColor);
  expect(await stylesWith({ FORCE_COLOR: "2" })).toContainEqual(expect.stringMatching(/^38;5;/));
  expect(await stylesWith({ FORCE_COLOR: "3", NO_COLOR: "1" })).toEqual([]);
  expect(await stylesWith({ FORCE_COLOR: "0", COLORTERM: "truecolor" })).toEqual([]);
  // A terminal that says it has none, and a pipe.
  expect(await stylesWith({ TERM: "dumb" })).toEqual([]);
  expect(await stylesWith({ TERM: "dumb", FORCE_COLOR: "1" })).toContain("2");
  expect(await stylesWith({ TERM: "dumb", FORCE_COLOR: "1", NO_COLOR: "1" })).toEqual([]);
});

test("more pictures than fit are refused", async () => {
  using folder = folderWith("cat.png");
  const images = Array.from({ length: 8 }, () => ["--image", "cat.png"]).flat();
  await using pty = openChat(["chat", "tiny", ...images], { folder, columns: 120 });
  await pty.shows(`[image 8: cat.png ${size} → 1 tile]`, emptyPrompt);
  await say(
    pty,
    "/image cat.png",
    "error: At most 8 pictures fit into a conversation, this would be picture 9",
    "/detach N removes one, /clear begins anew",
  );
});

test("a message with more pictures than fit is not sent, and none of them is kept", async () => {
  using folder = folderWith("cat.png");
  await using pty = openChat(["chat", "tiny"], { folder, columns: 120 });
  const message = `${"@cat.png ".repeat(9)}which?`;
  await say(
    pty,
    message,
    "error: At most 8 pictures fit into a conversation, this would be picture 9",
    "/detach N removes one, /clear begins anew",
    unsentHint,
  );
  await say(pty, "/images", "There are no pictures");
  await say(
    pty,
    "look @none.png",
    'error: Cannot read the picture "none.png": there is no such file',
    "Check its path",
    unsentHint,
  );
  cpSync(picturePath("gray.png"), join(folder.path, "none.png"));
  await say(pty, "/retry", `[image 1: none.png ${size} → 1 tile]`, "u1(look)", "");
});

test("pictures that take more tiles than there is room for are told when they are added, with what helps", async () => {
  using folder = new TemporaryFolder({ "big.png": plainPng(1120, 1120), "small.png": plainPng(8, 8) });
  await using pty = openChat(["chat", "tiny"], { folder, columns: 200, rows: 50 });
  const added = (index: number) => `[image ${index}: big.png 1120×1120 → 4 tiles]`;
  const remedy =
    "/detach N removes one (/images lists them), /undo those of the last question, /clear all; " +
    "llamav chat --image-tiles 20 makes room for them";
  const shortage = "The pictures of this conversation take 20 tiles, and there is room for 16";
  await say(pty, "@big.png @big.png @big.png @big.png which?", ...[1, 2, 3, 4].map(added), "u4(which?)", "");
  await say(pty, "/image big.png", added(5), `warning: ${shortage}`, remedy);
  await say(pty, "and this?", `error: ${shortage}`, remedy, unsentHint);
  await say(pty, "/detach 2", "Removed big.png");
  await say(pty, "/retry", ">>> /retry", "u3(which?) a(u4(which?)) u1(and this?)", "");
  // Of a message that is not sent nothing stays, and what was there before does.
  await say(
    pty,
    "this @small.png?",
    `error: ${shortage.replace("20", "17")}`,
    remedy.replace("20", "17"),
    unsentHint,
  );
  await say(
    pty,
    "/images",
    ...[1, 2, 3, 4].map((index) => `${index}  big.png 1120×1120 → 4 tiles`),
    "in all  16 of 16 tiles",
  );
  await say(pty, "/undo", "The conversation has 2 messages now");
  await say(pty, "/retry", "[image 4: small.png 8×8 → 1 tile]", "u3(which?) a(u4(which?)) u1(this?)", "");
});

test("pictures of a message that has more of them than there is room for are told with what helps there", async () => {
  using folder = new TemporaryFolder({ "big.png": plainPng(1120, 1120), "small.png": plainPng(8, 8) });
  const options = { folder, columns: 200, rows: 50 };
  await using pty = openChat(["chat", "tiny", "--image-tiles", "1"], options);
  const edit = "/edit changes the message, to name fewer or smaller pictures";
  await say(
    pty,
    "what is in big.png?",
    "error: The picture takes 4 tiles, and there is room for 1",
    `${edit}; llamav chat --image-tiles 4 makes room for them`,
    unsentHint,
  );
  await say(
    pty,
    "@small.png @small.png same?",
    "error: The pictures of this message take 2 tiles, and there is room for 1",
    `${edit}; llamav chat --image-tiles 2 makes room for them`,
    unsentHint,
  );
  // One that waits can be removed, and there is no question to take back.
  await say(pty, "/image small.png", "[image 1: small.png 8×8 → 1 tile]");
  await say(pty, "/images", "1  small.png 8×8 → 1 tile, for the next message", "in all  1 of 1 tiles");
  const shortage = "The pictures of this conversation take 2 tiles, and there is room for 1";
  const remedy = "/detach N removes one (/images lists them), /clear all; " +
    "llamav chat --image-tiles 2 makes room for them";
  await say(pty, "@small.png same?", `error: ${shortage}`, remedy, unsentHint);
  await say(pty, "/detach 1", "Removed small.png");
  await say(pty, "/retry", ">>> /retry", "[image 1: small.png 8×8 → 1 tile]", "u1(same?)", "");
});

test("/retry asks no question again that a smaller model has no room for", async () => {
  using folder = new TemporaryFolder({ "big.png": plainPng(1120, 1120) });
  const options = { folder, columns: 200, rows: 50 };
  await using pty = openChat(["chat", "tiny", "--history"], options);
  await say(pty, "@big.png which?", "[image 1: big.png 1120×1120 → 4 tiles]", "u1(which?)", "");
  await say(pty, "/save mine", 'Saved as "mine"');
  await using small = openChat(["chat", "tiny", "--resume", "mine", "--image-tiles", "1"], options);
  const remedy =
    "/detach N removes one (/images lists them), /undo those of the last question, /clear all; " +
    "llamav chat --image-tiles 4 makes room for them";
  const shortage = "The picture takes 4 tiles, and there is room for 1";
  await small.shows(`warning: ${shortage}`, remedy, emptyPrompt);
  await say(small, "/retry", `error: ${shortage}`, remedy);
  await say(small, "/undo", "The conversation is empty now");
});

test("a picture that is not there is told, and held back where nothing else was said", async () => {
  using folder = folderWith("cat.png");
  await using pty = openChat(["chat", "tiny"], { folder, columns: 120 });
  const remark = 'There is no file "nope.png": the model gets no more than the name';
  await say(pty, "nope.png what is in nope.png?", remark, "u(nope.png what is in nope.png?)", "");
  await say(pty, "/clear", "A new conversation");
  await say(pty, "what is a .png file, and *.jpg?", ">>> what is a .png file, and *.jpg?", ...[
    "u(what is a .png file, and *.jpg?)",
    "",
  ]);
  const gone = join(folder.path, "gone.png");
  await say(pty, gone, `error: There is no file "${gone}"`, otherName, unsentHint);
  await say(pty, "cat.png nope.png", 'error: There is no file "nope.png"', otherName, unsentHint);
  await say(pty, "/images", "There are no pictures");
  await say(
    pty,
    "https://me:s3cret@example.com/cat.png",
    "error: A message takes no picture by its address",
    "/image URL adds it",
    unsentHint,
  );
  await say(
    pty,
    "what is @https://me:s3cret@example.com/cat.png",
    "error: A message takes no picture by its address",
    "/image URL adds it",
    unsentHint,
  );
  await say(pty, "/clear", "A new conversation");
  await say(
    pty,
    "what is https://me:s3cret@example.com/cat.png",
    'The model gets no more than the address "https://example.com/cat.png": /image adds the picture',
    "u(what is https://me:s3cret@example.com/cat.png)",
    "",
  );
});

test("thumbnails are drawn as the terminal can", async () => {
  using folder = folderWith("cat.png");
  const label = `[image 1: cat.png ${size} → 1 tile]`;
  const show = async (env: Record<string, string>) => {
    const pty = openChat(["chat", "tiny", "--image", "cat.png", "--no-history"], { folder, env });
    await pty.shows(label, emptyPrompt);
    return pty;
  };
  {
    await using pty = await show({ TERM: "xterm-256color" });
    expect(pty.screen.text[1]).toMatch(/^▀{10,24}$/);
    expect(stylesOf(pty.output)).toContainEqual(expect.stringMatching(/^38;5;\d+;48;5;\d+$/));
  }
  {
    await using pty = await show({ TERM: "xterm-256color", COLORTERM: "truecolor" });
    expect(stylesOf(pty.output)).toContainEqual(expect.stringMatching(/^38;2;\d+;\d+;\d+;48;2;\d+;\d+;\d+$/));
  }
  {
    await using pty = await show({ TERM: "xterm-kitty" });
    expect(pty.screen.strings[0]).toMatch(/^_Ga=T,q=2,f=24,s=\d+,v=\d+,m=[01];/);
    const [, width, height] = /s=(\d+),v=(\d+)/.exec(pty.screen.strings[0]!)!;
    const data = pty.screen.strings.map((text) => text.slice(text.indexOf(";") + 1)).join("");
    expect(Buffer.from(data, "base64").length).toBe(Number(width) * Number(height) * 3);
  }
  {
    await using pty = await show({ TERM: "xterm-256color", TERM_PROGRAM: "iTerm.app" });
    expect(pty.screen.strings[0]).toMatch(
      /^\]1337;File=inline=1;size=\d+;width=\d+px;height=\d+px;preserveAspectRatio=1:/,
    );
    const data = pty.screen.strings[0]!.split(":")[1]!;
    expect(Buffer.from(data, "base64")).toEqual(readFileSync(picturePath("gray.png")));
  }
  await using pty = await show({ TERM: "xterm-256color", NO_COLOR: "1" });
  expect(pty.screen.text.join("")).not.toContain("▀");
  expect(stylesOf(pty.output)).toEqual([]);
});
