import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import { RequestError } from "../../src/base/errors.ts";
import { chooseLimits } from "../../src/engine/limits.ts";
import type { EngineOptions } from "../../src/engine/protocol.ts";
import { readConfig } from "../../src/model/config.ts";
import { tinyConfig } from "../model/tiny_checkpoint.ts";
import { openTestDevice } from "../support/gpu.ts";

const device = openTestDevice();
const published = readConfig(join(import.meta.dir, "../model/fixtures/11b"));
const weightBytes = 21.3e9;

/** What the options come to on a card with this much memory. */
function choose(gigabytes: number, options: Partial<EngineOptions> = {}) {
  const { limits, plan, problem } = limitsOn(gigabytes, options);
  expect(problem === undefined).toBe(plan.totalBytes <= gigabytes * 1e9);
  return [limits.contextLength, limits.imageTiles, problem === undefined];
}

function limitsOn(gigabytes: number, options: Partial<EngineOptions> = {}) {
  const heap = { ...device.info.heaps[0]!, bytes: gigabytes * 1e9, deviceLocal: true };
  const card = {
    info: { ...device.info, type: "discrete" as const, heaps: [heap] },
    limits: { ...device.limits, maxStorageBufferRange: 2 ** 32 - 1, loopSteps: Infinity },
  };
  return chooseLimits({ model: "any", ...options }, published, weightBytes, card);
}

describe("chooseLimits()", () => {
  test("takes the most where memory is plenty", () => expect(choose(80)).toEqual([8192, 16, true]));

  test("takes less where memory is short, down to what cannot fit", () => {
    const chosen = Array.from({ length: 60 }, (_, i) => choose(21 + i / 10));
    expect(new Set(chosen.map(String))).toEqual(
      new Set(["1024,4,false", "1024,4,true", "2048,4,true", "4096,8,true", "8192,16,true"]),
    );
    const contexts = chosen.map(([context]) => context as number);
    expect(contexts).toEqual(contexts.toSorted((a, b) => a - b));
  });

  test("keeps what the options name, and shrinks the rest", () => {
    expect(choose(80, { contextLength: 100_000 })).toEqual([100_000, 16, true]);
    expect(choose(24, { contextLength: 8192 })).toEqual([8192, 4, false]);
    expect(choose(80, { imageTiles: 40 })).toEqual([8192, 40, true]);
    expect(choose(22, { contextLength: 512, imageTiles: 4 })[0]).toBe(512);
  });

  test("has room for several contexts where memory is plenty, for one where it is short or shared by nobody", () => {
    const kvTokens = (gigabytes: number, options: Partial<EngineOptions> = {}) =>
      limitsOn(gigabytes, options).limits.kvTokens / 8192;
    expect([80, 29, 26].map((gigabytes) => kvTokens(gigabytes))).toEqual([4, 2, 1]);
    expect(kvTokens(80, { maxSequences: 3 })).toBe(3);
    expect(kvTokens(80, { maxSequences: 1 })).toBe(1);
  });

  test("keeps --kv-tokens in whole blocks, and a context within it", () => {
    const { limits } = limitsOn(80, { kvTokens: 5001 });
    expect([limits.kvTokens, limits.contextLength]).toEqual([5008, 5001]);
    expect(() => limitsOn(80, { kvTokens: 5001, contextLength: 5002 })).toThrow(
      "--kv-tokens 5001 holds less than one context of 5002 tokens",
    );
  });

  test("batches more sequences on a graphics card than on a CPU, and has a row for each", () => {
    expect(limitsOn(80).limits).toMatchObject({ maxSequences: 32, outputRows: 32, chunkSize: 256 });
    const cpu = { ...device, info: { ...device.info, type: "cpu" as const }, limits: device.limits };
    expect(chooseLimits({ model: "any" }, tinyConfig(), 0, cpu).limits.maxSequences).toBe(8);
    expect(limitsOn(80, { maxSequences: 9, chunkSize: 4 }).limits).toMatchObject({ chunkSize: 9 });
  });

  test("says what is wrong when even the least does not fit", () => {
    const { problem } = chooseLimits({ model: "any" }, published, 1e18, device);
    expect(problem!.message).toStartWith("The model needs ");
    expect(problem!.remedy).toStartWith("Not even the weights fit: use a smaller model");
  });

  test.each<[number, Partial<EngineOptions>]>([
    [24, { contextLength: 100_000 }],
    [24, { contextLength: 100_000, kvTokens: 100_000 }],
    [26, { contextLength: 4096, kvTokens: 60_000 }],
    [25, { contextLength: 1024, imageTiles: 200 }],
    [28, { contextLength: 16_000, imageTiles: 80 }],
  ])("says on %d GB what would make %j fit, and it does", (gigabytes, options) => {
    const { problem } = limitsOn(gigabytes, options);
    const [advice] = problem!.remedy!.split(", or use a device");
    const ways = advice!.replace("Use ", "").split(" or ");
    for (const way of ways) {
      const set = Object.fromEntries(
        [...way.matchAll(/--([a-z-]+) (\d+)/g)].map(([, flag, value]) => [flag, Number(value)]),
      );
      const { "ctx-size": contextLength, "kv-tokens": kvTokens, "image-tiles": imageTiles } = set;
      const given = Object.entries({ contextLength, kvTokens, imageTiles }).filter(([, value]) =>
        value !== undefined
      );
      expect(given.length).toBeGreaterThan(0);
      expect(limitsOn(gigabytes, { ...options, ...Object.fromEntries(given) }).problem).toBeUndefined();
    }
  });

  test("stays within the model's positions and takes no fewer tiles than one picture may have", () => {
    const { limits } = chooseLimits({ model: "any" }, tinyConfig(), 0, device);
    expect([limits.contextLength, limits.imageTiles]).toEqual([64, 16]);
    expect(() => chooseLimits({ model: "any", contextLength: 65 }, tinyConfig(), 0, device)).toThrow(
      RequestError,
    );
  });
});
