import { expect, setDefaultTimeout, test } from "bun:test";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { testLimitMs } from "../../support/test_limit.ts";
import { TemporaryFolder } from "../../support/temporary_folder.ts";
import { emptyPrompt, openChat, say } from "./support.ts";

setDefaultTimeout(testLimitMs);

/** A folder with models of these names, and a list of what became of them. */
function folderWith(...models: readonly string[]) {
  const folder = new TemporaryFolder(Object.fromEntries(models.map((name) => [`${name}/config.json`, "{}"])));
  const loads = join(folder.path, "loads");
  return Object.assign(folder, {
    env: { LOADS: loads },
    loads: () => existsSync(loads) ? readFileSync(loads, "utf8").trimEnd().split("\n") : [],
  });
}

test("/model lets another model go on, and the old one if that does not open", async () => {
  using folder = folderWith("other", "broken");
  await using pty = openChat(["chat", "tiny"], { folder, env: folder.env });
  await say(pty, "a", "u(a)", "");
  await say(pty, "/model", "tiny (tiny)");
  await say(pty, "/model other", "other answers from now on");
  await say(pty, "b", "u(a) a(u(a)) u(b)", "");
  await say(pty, "/model broken", "error: broken does not open");
  await say(pty, "/model", `other (${folder.path}/other)`);
  await say(pty, "c", "u(a) a(u(a)) u(b) a(u(a) a(u(a)) u(b)) u(c)", "");
  // Never two at a time.
  expect(folder.loads()).toEqual([
    ...["open tiny", "close tiny", "open other"],
    ...["close other", "open broken", "open other"],
  ]);
});

test("/model closes nothing for a name that is none of a model", async () => {
  using folder = folderWith();
  folder.write("empty/notes.txt", "no checkpoint");
  await using pty = openChat(["chat", "tiny"], { folder, columns: 200, env: folder.env });
  for (
    const [name, error] of [["TYPO", "there is no such directory"], ["empty", "has no config.json"]] as const
  ) {
    await pty.shows(emptyPrompt);
    pty.type(`/model ${name}\r`);
    await pty.until(({ text }) =>
      text.at(-3)?.startsWith("error: ") === true && text.at(-3)!.includes(name) &&
      text.at(-1) === emptyPrompt
    );
    expect(pty.screen.text.at(-3)).toMatch(name === "TYPO" ? /TYPO/ : new RegExp(error));
  }
  await say(pty, "a", "u(a)", "");
  expect(folder.loads()).toEqual(["open tiny"]);
});

test("/model asks before it fetches one, and the answer is no message", async () => {
  using folder = folderWith();
  const env = { ...folder.env, HF_ENDPOINT: "http://127.0.0.1:9" };
  await using pty = openChat(["chat", "tiny"], { folder, columns: 300, env });
  await pty.shows(emptyPrompt);
  pty.type("/model acme/other\r");
  await pty.until(({ text }) => text.join("").endsWith("Fetch it from the hub? [y/N]"));
  pty.type("n\r");
  await pty.shows("Fetch it from the hub: llamav pull acme/other", emptyPrompt);
  await say(pty, "b", "u(b)", "");
  expect(folder.loads()).toEqual(["open tiny"]);
});

test("/model ends the conversation and says so when neither the new nor the old one opens", async () => {
  using folder = folderWith("broken");
  await using pty = openChat(["chat", "once"], { folder, columns: 200, env: folder.env });
  await say(pty, "a", "u(a)", "");
  pty.type("/model broken\r");
  expect(await pty.exited).toBe(1);
  await pty.until(({ modes }) => modes.size === 0);
  await pty.until(({ text }) => text.at(-1)?.endsWith(" goes on from here") === true);
  const [error, remedy] = pty.screen.text.slice(-2);
  expect(error).toBe(
    "error: broken does not open; and the model before, once, does not open again: once does not open. " +
      "The conversation ends",
  );
  expect(remedy).toMatch(/^llamav chat --resume \S+ goes on from here$/);
});

test("Ctrl-C while /model loads one ends the program, with the terminal as it was and everything kept", async () => {
  using folder = folderWith("slow");
  await using pty = openChat(["chat", "tiny"], { folder, env: folder.env });
  await say(pty, "a", "u(a)", "");
  pty.type("/model slow\r");
  await pty.until(() => folder.loads().includes("open slow"));
  // As the driver of the terminal does for whom it belongs to.
  pty.kill("SIGINT");
  expect(await pty.exited).toBe(130);
  await pty.until(({ modes }) => modes.size === 0);
  const sessions = join(folder.path, "state/llamav/sessions");
  const { turns } = JSON.parse(readFileSync(join(sessions, readdirSync(sessions)[0]!), "utf8"));
  expect(turns.map(({ text }: { text: string }) => text)).toEqual(["a", "u(a)"]);
});

test("--verbose says how long a model was being loaded, at the beginning and after /model", async () => {
  using folder = folderWith("other");
  await using pty = openChat(["chat", "tiny", "--verbose"], { folder, columns: 120, env: folder.env });
  const isLoad = (row: string | undefined) => /^load {4}\d[\d.]* m?s$/.test(row ?? "");
  await pty.until(({ text }) => text.at(-1) === emptyPrompt && isLoad(text.at(-2)));
  pty.type("/model other\r");
  await pty.until(({ text }) => text.at(-3) === "other answers from now on" && isLoad(text.at(-2)));
  await say(pty, "/set quiet", "Answers stand alone");
  await say(pty, "/model other", "other answers from now on");
});
