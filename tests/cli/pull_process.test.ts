import { afterEach, expect, setDefaultTimeout, test } from "bun:test";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { until } from "../support/fake_runtime.ts";
import { LocalHub } from "../support/local_hub.ts";
import { repositoryRoot as root } from "../support/repository.ts";
import { TemporaryFolder } from "../support/temporary_folder.ts";
import { blobNames, isIdentical, modelFiles, shards, snapshotPath } from "../hub/support.ts";
import { testLimitMs } from "../support/test_limit.ts";

setDefaultTimeout(testLimitMs);

const started: Bun.Subprocess[] = [];
afterEach(() => {
  for (const child of started.splice(0)) child.kill("SIGKILL");
});

/** `llamav pull` as a process of its own. */
function pull(hub: LocalHub, home: TemporaryFolder) {
  const child = Bun.spawn([process.execPath, join(root, "main.ts"), "pull", "acme/tiny-vision", "--json"], {
    env: { HF_HOME: home.path, HF_ENDPOINT: hub.url, HOME: home.path },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  started.push(child);
  const seen = { stdout: "" };
  const ended = (async () => {
    const decoder = new TextDecoder();
    for await (const bytes of child.stdout) seen.stdout += decoder.decode(bytes, { stream: true });
    return await child.exited;
  })();
  return { child, seen, ended };
}

/** Says nothing more after so many bytes of a shard, as long as this is set. */
function silentAfter(bytes: number) {
  const state = { on: true };
  const fault = ({ path }: { path: string }) =>
    state.on && path.endsWith(".safetensors") ? { stall: bytes } : undefined;
  return { state, fault };
}

test.each(
  [["SIGKILL", 137], ["SIGINT", 130], ["SIGTERM", 143]] as const,
)(
  "a pull that %s ends links nothing that is not whole, and is finished by the next (O07)",
  async (signal, code) => {
    const stallAt = 50_000;
    const { state, fault } = silentAfter(stallAt);
    await using hub = await LocalHub.start({ files: modelFiles, fault });
    using home = new TemporaryFolder();
    const first = pull(hub, home);
    // Of both shards all that the hub sends has come.
    await until(() => shards.every((name) => first.seen.stdout.includes(`"file":"${name}"`)));
    first.child.kill(signal);
    expect(await first.ended).toBe(code);
    expect(blobNames(home.path).filter((name) => name.endsWith(".incomplete")).length).toBeGreaterThanOrEqual(
      2,
    );
    for (const name of existsSync(snapshotPath(home.path)) ? readdirSync(snapshotPath(home.path)) : []) {
      expect(readFileSync(snapshotPath(home.path, name))).toEqual(Buffer.from(modelFiles[name]!));
    }

    state.on = false;
    const before = hub.sentBytes;
    const second = pull(hub, home);
    expect(await second.ended).toBe(0);
    expect(isIdentical(home.path)).toBe(true);
    const { total, completed } = JSON.parse(second.seen.stdout.split("\n")[0]!);
    // What the first one has brought is not sent again.
    expect(hub.sentBytes - before).toBe(total - completed);
    expect(completed).toBeGreaterThan(0);
  },
);

test("two processes that pull the same fetch every byte once", async () => {
  await using hub = await LocalHub.start({ files: modelFiles });
  using home = new TemporaryFolder();
  const both = [pull(hub, home), pull(hub, home)];
  expect(await Promise.all(both.map(({ ended }) => ended))).toEqual([0, 0]);
  expect(isIdentical(home.path)).toBe(true);
  const fetched = both.map(({ seen }) =>
    JSON.parse(seen.stdout.trimEnd().split("\n").at(-1)!).fetchedBytes as number
  );
  expect(Math.min(...fetched)).toBe(0);
  expect(hub.sentBytes).toBe(Math.max(...fetched));
});
