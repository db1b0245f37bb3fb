import { describe, expect, test } from "bun:test";
import { existsSync, readFileSync, readlinkSync } from "node:fs";
import { join } from "node:path";

import type { PullEvent } from "../../src/hub/pull.ts";
import { gitHash, hubCommit, hubRepository, LocalHub, sha256 } from "../support/local_hub.ts";
import { TemporaryFolder } from "../support/temporary_folder.ts";
import {
  blobNames,
  isIdentical,
  modelFiles,
  neededFiles,
  pullFrom,
  repositoryRoot,
  shards,
  snapshotPath,
} from "./support.ts";

const [firstShard] = shards;

describe("pull()", () => {
  test("lays files out as every program of the hub does, and only those that are needed", async () => {
    await using hub = await LocalHub.start({ files: modelFiles });
    using home = new TemporaryFolder();
    const { path, commit, bytes, fetchedBytes } = await pullFrom(hub, home.path);
    expect([commit, path]).toEqual([hubCommit, snapshotPath(home.path).replace(/\/$/, "")]);
    expect(isIdentical(home.path)).toBe(true);
    expect(bytes).toBe(neededFiles.reduce((sum, name) => sum + modelFiles[name]!.length, 0));
    expect(fetchedBytes).toBe(bytes);
    const hashes = {
      small: gitHash(Buffer.from(modelFiles["config.json"]!)),
      large: sha256(modelFiles[firstShard] as Uint8Array),
    };
    expect(readlinkSync(snapshotPath(home.path, "config.json"))).toBe(`../../blobs/${hashes.small}`);
    expect(readlinkSync(snapshotPath(home.path, firstShard))).toBe(`../../blobs/${hashes.large}`);
    expect(readFileSync(join(repositoryRoot(home.path), "refs/main"), "utf8")).toBe(hubCommit);
    expect(blobNames(home.path).length).toBe(neededFiles.length);
    expect(existsSync(join(home.path, "hub/CACHEDIR.TAG"))).toBe(true);
  });

  test("fetches a large file in ranges, and asks for nothing that is there", async () => {
    await using hub = await LocalHub.start({ files: modelFiles });
    using home = new TemporaryFolder();
    await pullFrom(hub, home.path);
    const ranges = hub.requests.filter(({ path }) => path.endsWith(firstShard)).map(({ range }) => range)
      .sort();
    expect(ranges).toEqual(["bytes=0-99999", "bytes=100000-199999", "bytes=200000-299999"]);
    const before = hub.requests.length;
    expect((await pullFrom(hub, home.path)).fetchedBytes).toBe(0);
    expect(hub.requests.slice(before).map(({ path }) => path)).toEqual([
      `/api/models/${hubRepository}/revision/main`,
    ]);
  });

  test.each(["v1", "refs/pr/1", hubCommit])("takes the revision %s", async (revision) => {
    await using hub = await LocalHub.start({ files: modelFiles });
    using home = new TemporaryFolder();
    expect((await pullFrom(hub, home.path, { revision })).commit).toBe(hubCommit);
    const ref = join(repositoryRoot(home.path), "refs", revision);
    expect(existsSync(ref)).toBe(revision !== hubCommit);
  });

  test("gives two files of the same bytes one blob and two names", async () => {
    await using hub = await LocalHub.start({
      files: { ...modelFiles, "generation_config.json": "{}", "preprocessor_config.json": "{}" },
    });
    using home = new TemporaryFolder();
    const { path } = await pullFrom(hub, home.path);
    for (const name of ["generation_config.json", "preprocessor_config.json"]) {
      expect(readFileSync(join(path, name), "utf8")).toBe("{}");
    }
  });

  test("tells how it goes on", async () => {
    await using hub = await LocalHub.start({ files: modelFiles });
    using home = new TemporaryFolder();
    const events: PullEvent[] = [];
    const { bytes } = await pullFrom(hub, home.path, { onEvent: (event) => events.push(event) });
    expect(events[0]).toEqual({
      event: "start",
      repository: hubRepository,
      commit: hubCommit,
      files: neededFiles.length,
      total: bytes,
      completed: 0,
    });
    const done = events.filter(({ event }) => event === "done").map((event) => "file" in event && event.file);
    expect(done.sort()).toEqual(neededFiles.toSorted());
    const progress = events.filter((event) => event.event === "progress");
    expect(progress.at(-1)).toMatchObject({ allCompleted: bytes, allTotal: bytes });
  });
});
