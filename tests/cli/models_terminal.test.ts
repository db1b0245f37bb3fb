import { expect, setDefaultTimeout, test } from "bun:test";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { repositoryRoot, snapshotPath } from "../hub/support.ts";
import { LocalHub } from "../support/local_hub.ts";
import { Pty } from "../support/pty.ts";
import { repositoryRoot as root } from "../support/repository.ts";
import { TemporaryFolder } from "../support/temporary_folder.ts";
import { isIdentical, modelFiles } from "../hub/support.ts";
import { testLimitMs } from "../support/test_limit.ts";

setDefaultTimeout(testLimitMs);

const question = "Remove acme/tiny-vision, 23 bytes, for all programs? [y/N] ";
const version = `hub/models--acme--tiny-vision/snapshots/${"c".repeat(40)}/config.json`;

function llamav(
  home: TemporaryFolder,
  args: readonly string[],
  columns = 80,
  env: Record<string, string> = {},
): Pty {
  const variables = { HF_HOME: home.path, HOME: home.path, ...env };
  return new Pty([process.execPath, join(root, "main.ts"), ...args], {
    columns,
    env: variables,
    patienceMs: 40_000,
  });
}

test.each([["y", true], ["YES", true], ["n", false], ["", false]])(
  "rm at a terminal takes %j for an answer",
  async (answer, removed) => {
    using home = new TemporaryFolder({ [version]: '{"model_type":"mllama"}' });
    await using pty = llamav(home, ["rm", "acme/tiny-vision"]);
    await pty.until(() => pty.output.endsWith(question));
    pty.type(`${answer}\r`);
    expect(await pty.exited).toBe(removed ? 0 : 2);
    expect(existsSync(repositoryRoot(home.path))).toBe(!removed);
  },
);

test("Ctrl-C and Ctrl-D at a question change nothing", async () => {
  using home = new TemporaryFolder({ [version]: '{"model_type":"mllama"}' });
  // This terminal is not that of the program's session, so its Ctrl-C is a key like any other: the signal is sent.
  const ends: [(pty: Pty) => void, number][] = [[(pty) => pty.kill("SIGINT"), 130], [
    (pty) => pty.type("\x04"),
    2,
  ]];
  for (const [end, code] of ends) {
    await using pty = llamav(home, ["rm", "acme/tiny-vision"]);
    await pty.until(() => pty.output.endsWith(question));
    end(pty);
    expect(await pty.exited).toBe(code);
  }
  expect(existsSync(repositoryRoot(home.path))).toBe(true);
});

test.each([24, 40, 100])(
  "pull draws on one line of a terminal of %i columns, and leaves no traces of it",
  async (columns) => {
    // Slow enough that something is drawn.
    const fault = ({ path, count }: { path: string; count: number }) =>
      path.endsWith(".safetensors") && count === 0 ? { drop: 150_000 } : undefined;
    await using hub = await LocalHub.start({ files: modelFiles, fault });
    using home = new TemporaryFolder();
    await using pty = llamav(home, ["pull", "acme/tiny-vision"], columns, { HF_ENDPOINT: hub.url });
    expect(await pty.exited).toBe(0);
    expect(isIdentical(home.path)).toBe(true);
    const shown = pty.screen.everything.join("\n");
    // Lines that are wider than the screen go on below.
    expect(shown.replaceAll("\n", "")).toContain(snapshotPath(home.path).replace(/\/$/, ""));
    expect(shown).not.toMatch(/\[[#-]+/);
  },
);
