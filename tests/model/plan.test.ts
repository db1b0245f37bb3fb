import { describe, expect, test } from "bun:test";
import { totalmem } from "node:os";
import { join } from "node:path";
import { DeviceError } from "../../src/base/errors.ts";
import {
  blocksPerSequence,
  checkRunner,
  planRunner,
  type RunnerLimits,
} from "../../src/engine/runner_layout.ts";
import type { DeviceInfo } from "../../src/gpu/device.ts";
import { readConfig } from "../../src/model/config.ts";
import { checkPlan, checkSetting, memoryPlan, type PartSetting } from "../../src/model/plan.ts";
import { f32, type ShapeTable, tableBytes, u8 } from "../../src/model/shapes.ts";
import { openTestDevice } from "../support/gpu.ts";

const { info, limits: deviceLimits } = openTestDevice();

function card(gigabytes: number, type: DeviceInfo["type"] = "discrete"): DeviceInfo {
  const heaps = [{ bytes: 256e6, deviceLocal: true }, { bytes: gigabytes * 1e9, deviceLocal: true }, {
    bytes: 500e9,
    deviceLocal: false,
  }];
  return { ...info, name: "Card", type, heaps: heaps.map((heap) => ({ ...info.heaps[0]!, ...heap })) };
}

/** The error of an action that must refuse. */
function refusal(action: () => void): DeviceError {
  try {
    action();
  } catch (error) {
    expect(error).toBeInstanceOf(DeviceError);
    return error as DeviceError;
  }
  throw new Error("Nothing was refused");
}

describe("memoryPlan()", () => {
  test("adds up its parts and looks at the largest heap of the device", () => {
    const working: ShapeTable[] = [{ a: f32(1) }, { b: u8(257) }];
    const tables = { "text cache": [{ a: f32(64) }], "working memory": working };
    expect(memoryPlan(1000, tables, card(8))).toEqual({
      parts: [
        { name: "weights", bytes: 1000 },
        { name: "text cache", bytes: 256 },
        { name: "working memory", bytes: 256 + 512 },
      ],
      totalBytes: 1000 + 256 + 768,
      heapBytes: 8e9,
    });
  });

  test("finds no room on a device without memory of its own", () => {
    const bare = { ...card(8), heaps: card(8).heaps.filter(({ deviceLocal }) => !deviceLocal) };
    expect(memoryPlan(1000, {}, bare).heapBytes).toBe(0);
  });
});

describe("checkPlan()", () => {
  const plan = (device: DeviceInfo) =>
    memoryPlan(7 * 2 ** 30, { "text cache": [{ a: u8(2 ** 20) }] }, device);

  test("takes a plan that fits to the byte", () => {
    const bytes = 7 * 2 ** 30 + 2 ** 20;
    checkPlan(plan(card(bytes / 1e9)), card(bytes / 1e9));
    expect(() => checkPlan(plan(card((bytes - 1) / 1e9)), card(8))).toThrow(DeviceError);
  });

  test("names parts, device and what can be changed", () => {
    const error = refusal(() => checkPlan(plan(card(6)), card(6)));
    expect(error.message).toBe(
      "The model needs 7.00 GiB (weights 7.00 GiB, text cache 1 MiB), Card has 5.59 GiB: 1.41 GiB too little",
    );
    expect(error.remedy).toBe(
      "Not even the weights fit: use a smaller model, or a device with 7.00 GiB of memory (--device)",
    );
  });

  test("says which setting, and how small, would make it fit", () => {
    const planned = memoryPlan(
      7 * 2 ** 30,
      { "text cache": [{ a: u8(4096, 2 ** 19) }], "image cache": [{ a: u8(16, 2 ** 24) }] },
      card(9e9 / 1e9),
    );
    const settings: PartSetting[] = [
      {
        part: "text cache",
        value: 4096,
        least: 16,
        multiple: 16,
        flag: (most) => most < 3000 ? "--ctx-size" : "--kv-tokens",
      },
      { part: "image cache", value: 16, least: 4, multiple: 1, flag: () => "--image-tiles" },
    ];
    const { remedy } = refusal(() => checkPlan(planned, card(9), settings));
    const most = Number(remedy!.match(/^Use --ctx-size (\d+), or use a device with 9\.25 GiB/)![1]);
    // To the block: this many fit, one block more does not.
    const fits = (tokens: number) => {
      const table = { "text cache": [{ a: u8(tokens, 2 ** 19) }], "image cache": [{ a: u8(16, 2 ** 24) }] };
      const smaller = memoryPlan(7 * 2 ** 30, table, card(9));
      return smaller.totalBytes <= smaller.heapBytes;
    };
    expect([fits(most), fits(most + 16)]).toEqual([true, false]);
  });

  test("takes the host's memory for that of a CPU driver, whose heap is nominal", () => {
    const cpu = card(1, "cpu");
    const planned = memoryPlan(totalmem() - 256, { "text cache": [{ a: f32(64) }] }, cpu);
    expect(planned.heapBytes).toBe(totalmem());
    checkPlan(planned, cpu);
    expect(() => checkPlan({ ...planned, totalBytes: totalmem() + 1 }, cpu)).toThrow(DeviceError);
  });
});

describe("checkSetting()", () => {
  const limits = { ...deviceLimits, maxStorageBufferRange: 1000 };
  const setting = { flag: "--ctx-size", unitBytes: 10, unitKeys: 3 };

  test("takes what fits one buffer and one pass", () => {
    checkSetting({ ...setting, value: 100 }, limits, 300);
  });

  test("names the flag, what it needs and the most it may be", () => {
    const bytes = refusal(() => checkSetting({ ...setting, value: 101 }, limits, 1e9));
    expect(bytes.message).toBe(
      "--ctx-size 101 needs 1010 bytes in one buffer, of which the driver allows 1000",
    );
    expect(bytes.remedy).toStartWith("Use --ctx-size 100 or less");
    const keys = refusal(() => checkSetting({ ...setting, value: 100 }, limits, 299));
    expect(keys.message).toBe("--ctx-size 100 needs 300 keys in one pass, of which the driver manages 299");
    expect(keys.remedy).toStartWith("Use --ctx-size 99 or less");
  });

  test("counts the multiples in which memory is taken", () => {
    checkSetting({ ...setting, value: 96, multiple: 16 }, limits, 1e9);
    const error = refusal(() => checkSetting({ ...setting, value: 97, multiple: 16 }, limits, 1e9));
    expect(error.message).toContain("1120 bytes");
    expect(error.remedy).toStartWith("Use --ctx-size 96 or less");
  });
});

describe("the plan of a published model", () => {
  const limits: RunnerLimits = {
    contextLength: 8192,
    blockSize: 16,
    maxSequences: 1,
    kvTokens: 8192,
    chunkSize: 256,
    imageTiles: 16,
    outputRows: 1,
    deduplicate: true,
  };

  for (const [size, selfLayers, crossLayers] of [["11b", 32, 8], ["90b", 80, 20]] as const) {
    const config = readConfig(join(import.meta.dir, "fixtures", size));

    test(`${size} has 8 heads of 128 f32 for each key and value`, () => {
      const { parts } = planRunner(config, 0, limits, info);
      const slot = 2 * 8 * 128 * 4;
      expect(parts.map(({ name }) => name)).toEqual([
        "weights",
        "text cache",
        "image cache",
        "working memory",
      ]);
      expect(parts[1]!.bytes).toBe(selfLayers * 8192 * slot);
      expect(parts[2]!.bytes).toBe(crossLayers * 16 * 1601 * slot);
      expect(parts[3]!.bytes).toBeLessThan(2e9);
    });

    test(`${size} is refused where a cache's tensor is larger than a shader may see`, () => {
      const range = 2 ** 27 - 1; // one byte less than 32,768 slots
      const check = (contextLength: number) => {
        const kvTokens = Math.ceil(contextLength / limits.blockSize) * limits.blockSize;
        const wanted = { ...limits, contextLength, kvTokens };
        const view = {
          info: card(1000),
          limits: { ...deviceLimits, maxStorageBufferRange: range, loopSteps: Infinity },
        };
        checkRunner(planRunner(config, 0, wanted, view.info), config, wanted, view);
        const slots = blocksPerSequence(wanted) * wanted.blockSize;
        expect(tableBytes({ keys: f32(slots, 8 * 128) })).toBeLessThanOrEqual(range);
      };
      check(32_752);
      for (const contextLength of [32_753, 32_767, 32_768]) {
        expect(refusal(() => check(contextLength)).remedy).toStartWith("Use --ctx-size 32752 or less");
      }
    });
  }
});
