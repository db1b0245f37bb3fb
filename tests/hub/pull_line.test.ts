import { describe, expect, test } from "bun:test";
import { existsSync } from "node:fs";

import { NetworkError } from "../../src/base/errors.ts";

import type { PullEvent } from "../../src/hub/pull.ts";
import { type HubRequest, LocalHub } from "../support/local_hub.ts";
import { TemporaryFolder } from "../support/temporary_folder.ts";
import { blobNames, isIdentical, modelFiles, pullFrom, shards, snapshotPath } from "./support.ts";

const [firstShard] = shards;

/** Whether nothing of this piece of a shard has come yet. */
function isFirstAsk(path: string, range: string | undefined): boolean {
  return path.endsWith(".safetensors") && /^bytes=[0-2]0{0,5}-/.test(range ?? "");
}

describe("pull() over a bad line", () => {
  test("goes on where a connection was dropped, and fetches no byte twice", async () => {
    await using hub = await LocalHub.start({
      files: modelFiles,
      fault: ({ path, range, count }) =>
        count === 0 && isFirstAsk(path, range) ? { drop: 30_000 } : undefined,
    });
    using home = new TemporaryFolder();
    const reasons: string[] = [];
    const { bytes, fetchedBytes } = await pullFrom(hub, home.path, {
      onEvent: (event) => event.event === "retry" && reasons.push(event.reason),
    });
    expect(isIdentical(home.path)).toBe(true);
    expect(reasons.length).toBe(6);
    expect([fetchedBytes, hub.sentBytes]).toEqual([bytes, bytes]);
  });

  test("a pull that ended early is finished by the next one, which fetches only the rest", async () => {
    let broken = true;
    await using hub = await LocalHub.start({
      files: modelFiles,
      fault: ({ path }) => broken && path.endsWith(".safetensors") ? { drop: 7000 } : undefined,
    });
    using home = new TemporaryFolder();
    const failed = await pullFrom(hub, home.path).catch((error) => error);
    expect(failed).toBeInstanceOf(NetworkError);
    expect(existsSync(snapshotPath(home.path, firstShard))).toBe(false);
    const before = blobNames(home.path);
    expect(before.some((name) => name.endsWith(".llamav.incomplete"))).toBe(true);
    broken = false;
    const events: PullEvent[] = [];
    const { bytes, fetchedBytes } = await pullFrom(hub, home.path, {
      onEvent: (event) => events.push(event),
    });
    expect(isIdentical(home.path)).toBe(true);
    const [start] = events;
    expect(start).toMatchObject({ event: "start", total: bytes, completed: bytes - fetchedBytes });
    // Three connections had brought 7000 bytes each, several times, before one of them gave up.
    expect(fetchedBytes).toBeLessThanOrEqual(bytes - 3 * 7000);
    expect(blobNames(home.path).filter((name) => name.includes("llamav"))).toEqual([]);
  });

  test("a connection that falls silent is given up, and asked again", async () => {
    await using hub = await LocalHub.start({
      files: modelFiles,
      fault: ({ path, range, count }) => count === 0 && isFirstAsk(path, range) ? { stall: 1000 } : undefined,
    });
    using home = new TemporaryFolder();
    const reasons: string[] = [];
    await pullFrom(hub, home.path, {
      tuning: { stallMs: 300 },
      onEvent: (event) => event.event === "retry" && reasons.push(event.reason),
    });
    expect(isIdentical(home.path)).toBe(true);
    expect(reasons).toContain("the hub has sent nothing for 0.3 s");
  });

  test.each([429, 500, 502, 503, 504])(
    "status %i is asked again, after the pause that it names",
    async (status) => {
      await using hub = await LocalHub.start({
        files: modelFiles,
        fault: ({ count }) => count === 0 ? { status, headers: { "Retry-After": "7" } } : undefined,
      });
      using home = new TemporaryFolder();
      const pauses: number[] = [];
      const pause = (ms: number) => Promise.resolve(void pauses.push(ms));
      await pullFrom(hub, home.path, { tuning: { pause } });
      expect(isIdentical(home.path)).toBe(true);
      expect(pauses.length).toBe(hub.requests.length / 2);
      expect(pauses.every((ms) => ms >= 7000)).toBe(true);
    },
  );

  test("a hub that keeps failing, or that is not there, ends it with what to do", async () => {
    await using hub = await LocalHub.start({ files: modelFiles, fault: () => ({ status: 503 }) });
    using home = new TemporaryFolder();
    const url = hub.url;
    const error = await pullFrom(hub, home.path).catch((error) => error);
    expect(error).toBeInstanceOf(NetworkError);
    expect(error.message).toContain(", 4 failures in a row: the hub answered 503");
    await hub[Symbol.asyncDispose]();
    expect(await pullFrom(url, home.path).catch((error) => error)).toBeInstanceOf(NetworkError);
  });

  test.each(["http://127.0.0.1:9", "http://hub.invalid"])(
    "without a way to %s it ends soon, and says what may be at fault",
    async (url) => {
      using home = new TemporaryFolder();
      let attempts = 1;
      const error = await pullFrom(url, home.path, {
        tuning: { maxFailures: 8 },
        onEvent: ({ event }) => event === "retry" && attempts++,
      }).catch((error) => error);
      expect(error).toBeInstanceOf(NetworkError);
      expect(error.message).toContain(`no connection to ${url} (`);
      expect(error.remedy).toContain("HTTPS_PROXY and HF_ENDPOINT");
      expect(attempts).toBe(3);
    },
  );

  test("a hub that is silent from the first is given up soon, one that falls silent later is not", async () => {
    using home = new TemporaryFolder();
    const attemptsWith = async (isSilent: (request: Pick<HubRequest, "path">) => boolean) => {
      await using hub = await LocalHub.start({
        files: modelFiles,
        fault: (request) => isSilent(request) ? { stall: 0 } : undefined,
      });
      let attempts = 1;
      const error = await pullFrom(hub, home.path, {
        tuning: { maxFailures: 5, stallMs: 300, connections: 1 },
        // A small file may take longer than that on a busy machine.
        onEvent: (one) => one.event === "retry" && isSilent({ path: one.file }) && attempts++,
      }).catch((error) => error);
      expect(error).toBeInstanceOf(NetworkError);
      return attempts;
    };
    expect(await attemptsWith(({ path }) => path.startsWith("/api/") || path === "")).toBe(3);
    expect(await attemptsWith(({ path }) => path.endsWith(".safetensors"))).toBe(5);
  });

  test("the caller's signal ends it, and the next one goes on", async () => {
    const controller = new AbortController();
    await using hub = await LocalHub.start({ files: modelFiles });
    using home = new TemporaryFolder();
    const reason = new Error("enough");
    const ended = pullFrom(hub, home.path, {
      signal: controller.signal,
      onEvent: (event) => event.event === "progress" && controller.abort(reason),
    });
    expect(await ended.catch((error) => error)).toBe(reason);
    await pullFrom(hub, home.path);
    expect(isIdentical(home.path)).toBe(true);
  });
});
