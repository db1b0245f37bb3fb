import { describe, expect, test } from "bun:test";
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { ExplainedError } from "../../src/base/errors.ts";
import { disk } from "../../src/hub/disk.ts";
import { repositoryFolders } from "../../src/hub/cache.ts";
import { withLock } from "../../src/hub/lock.ts";
import type { PullEvent } from "../../src/hub/pull.ts";
import { hubRepository, LocalHub, sha256 } from "../support/local_hub.ts";
import { TemporaryFolder } from "../support/temporary_folder.ts";
import { isIdentical, modelFiles, pullFrom, shards, snapshotPath } from "./support.ts";

const [firstShard, secondShard] = shards;

describe("pull() and the disk", () => {
  test("says before the first byte how much is missing (O09)", async () => {
    await using hub = await LocalHub.start({ files: modelFiles });
    using home = new TemporaryFolder();
    const tiny = { ...disk, freeBytes: () => Promise.resolve(1000) };
    const error = await pullFrom(hub, home.path, { tuning: { disk: tiny } }).catch((error) => error);
    expect(error).toBeInstanceOf(ExplainedError);
    expect(error.message).toContain("and 1.0 kB are free");
    expect(hub.sentBytes).toBe(0);
  });

  test("keeps what has come when the disk is full, and finishes it when there is room (O09)", async () => {
    await using hub = await LocalHub.start({ files: modelFiles });
    using home = new TemporaryFolder();
    let room = 250_000;
    const filling: typeof disk = {
      ...disk,
      write(file, bytes, position) {
        // What is refused takes no room: the few bytes of a journal still fit.
        if (room < bytes.length) return Promise.reject(Object.assign(new Error("write"), { code: "ENOSPC" }));
        room -= bytes.length;
        return disk.write(file, bytes, position);
      },
    };
    const error = await pullFrom(hub, home.path, { tuning: { disk: filling } }).catch((error) => error);
    expect(error.message).toContain("no space is left (ENOSPC)");
    const { bytes, fetchedBytes } = await pullFrom(hub, home.path);
    expect(isIdentical(home.path)).toBe(true);
    expect(fetchedBytes).toBeLessThan(bytes - 100_000);
  });

  test("writes through no link that lies where its file would be (F08)", async () => {
    await using hub = await LocalHub.start({ files: modelFiles });
    using home = new TemporaryFolder();
    const victim = home.write("victim", "precious");
    const { blobs } = repositoryFolders(join(home.path, "hub"), hubRepository);
    mkdirSync(blobs, { recursive: true });
    symlinkSync(victim, join(blobs, `${sha256(modelFiles[firstShard] as Uint8Array)}.llamav.incomplete`));
    expect(await pullFrom(hub, home.path).catch((error) => error)).toBeInstanceOf(ExplainedError);
    expect(readFileSync(victim, "utf8")).toBe("precious");
  });

  test("leaves what another version's pull has begun, and removes it when nobody went on for a week", async () => {
    await using hub = await LocalHub.start({ files: modelFiles });
    using home = new TemporaryFolder();
    const { blobs } = repositoryFolders(join(home.path, "hub"), hubRepository);
    mkdirSync(blobs, { recursive: true });
    const [begun, stray] = ["b", "5"].map((digit) =>
      join(blobs, `${digit.repeat(64)}.llamav.incomplete`)
    ) as [
      string,
      string,
    ];
    for (const path of [begun, stray]) writeFileSync(path, "bytes");
    const age = (days: number) => new Date(Date.now() - days * 86_400_000);
    utimesSync(begun, age(6), age(6));
    utimesSync(stray, age(8), age(8));
    await pullFrom(hub, home.path);
    expect([existsSync(begun), existsSync(stray)]).toEqual([true, false]);
  });

  test("takes the place of a link that leads nowhere, and of a file of another length", async () => {
    await using hub = await LocalHub.start({ files: modelFiles });
    using home = new TemporaryFolder();
    mkdirSync(snapshotPath(home.path), { recursive: true });
    symlinkSync("../../blobs/gone", snapshotPath(home.path, "config.json"));
    writeFileSync(snapshotPath(home.path, secondShard), "cut off");
    await pullFrom(hub, home.path);
    expect(isIdentical(home.path)).toBe(true);
    expect(lstatSync(snapshotPath(home.path, secondShard)).isSymbolicLink()).toBe(true);
  });

  test("two pulls at once fetch every byte once", async () => {
    await using hub = await LocalHub.start({ files: modelFiles });
    using home = new TemporaryFolder();
    const waits: string[] = [];
    const onEvent = ({ event }: PullEvent) => event === "waiting" && waits.push(event);
    const both = await Promise.all([1, 2].map(() => pullFrom(hub, home.path, { onEvent })));
    expect(both.map(({ fetchedBytes }) => fetchedBytes).sort((a, b) => a - b)).toEqual([0, both[0]!.bytes]);
    expect(waits).toEqual(["waiting"]);
    expect(isIdentical(home.path)).toBe(true);
  });

  test("a signal ends the wait for another pull", async () => {
    await using hub = await LocalHub.start({ files: modelFiles });
    using home = new TemporaryFolder();
    const { lock } = repositoryFolders(join(home.path, "hub"), hubRepository);
    const controller = new AbortController();
    const reason = new Error("enough");
    await withLock(lock, async () => {
      const ended = pullFrom(hub, home.path, {
        signal: controller.signal,
        onEvent: ({ event }) => event === "waiting" && controller.abort(reason),
      });
      expect(await ended.catch((error) => error)).toBe(reason);
    });
  });
});
