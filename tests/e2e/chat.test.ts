/** A conversation with the executable and the model inside it, in a terminal. */
import { expect, setDefaultTimeout, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { executablePath } from "../support/executable.ts";
import { Pty } from "../support/pty.ts";
import { repositoryRoot } from "../support/repository.ts";
import { TemporaryFolder } from "../support/temporary_folder.ts";

// The first picture compiles kernels, on a CPU perhaps.
setDefaultTimeout(240_000);

const prompt = ">>> Ask something, /image FILE adds a picture, /help lists what else there is";

test("llamav chat answers about a picture that was dropped, keeps the conversation and goes on with it", async () => {
  using folder = new TemporaryFolder();
  const talk = (...args: string[]) =>
    new Pty([executablePath, "chat", ...args, "--temp", "0", "-n", "12"], {
      cwd: folder.path,
      env: { HOME: folder.path, XDG_STATE_HOME: folder.path },
      patienceMs: 200_000,
    });
  {
    await using pty = talk("demo");
    await pty.until(({ text }) => text.at(-1) === prompt);
    pty.type(`\x1b[200~${join(repositoryRoot, "examples/scene.png")}\x1b[201~ How many stars are there?\r`);
    await pty.until(({ text }) =>
      text.some((row) => /^\[image 1: scene\.png \d+×\d+ → \d tiles?\]$/.test(row))
    );
    await pty.until(({ text, everything }) => text.at(-1) === prompt && everything.length > 4);
    pty.type("/tokens\r");
    await pty.until(({ text }) => /^\d+ of [\d,]+ tokens \(\d+ %\)$/.test(text.at(-2)!));
    await pty.resize(100, 30);
    pty.type("\x04");
    expect(await pty.exited).toBe(0);
    await pty.until(({ modes }) => modes.size === 0);
    expect(pty.screen.unknown).toEqual([]);
  }
  const sessions = join(folder.path, "llamav/sessions");
  const read = () => JSON.parse(readFileSync(join(sessions, readdirSync(sessions)[0]!), "utf8"));
  const [question, answer] = read().turns;
  expect(question).toMatchObject({ text: "How many stars are there?", pictures: [{ name: "scene.png" }] });
  expect(answer.text.length).toBeGreaterThan(0);
  await using pty = talk("--resume");
  await pty.until(({ text }) => text.at(-1) === prompt);
  pty.type("/retry\r");
  await pty.until(({ text }) => text.at(-1) === prompt && text.includes(">>> /retry"));
  pty.type("\x04");
  expect(await pty.exited).toBe(0);
  // Greedy: the same picture and the same question give the same answer.
  expect(read().turns).toEqual([question, answer]);
});
