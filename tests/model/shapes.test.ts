import { describe, expect, test } from "bun:test";
import { Arena } from "../../src/gpu/memory.ts";
import { allocateCache, crossCacheShapes, selfCacheShapes, slotBytes } from "../../src/model/caches.ts";
import { allocate, f32, tableBytes, u32, u8 } from "../../src/model/shapes.ts";
import { openTestDevice } from "../support/gpu.ts";
import { tinyConfig } from "./tiny_checkpoint.ts";

const device = openTestDevice();
const first = { numbers: f32(3, 5), ids: u32(7) };
const second = { pixels: u8(1), scalar: f32() };

describe("a table of shapes", () => {
  test("takes in an arena what tableBytes() says, to the byte", () => {
    const bytes = tableBytes(first, second);
    const arena = new Arena(device, "tables", bytes, "shared");
    const tensors = { ...allocate(arena, first), ...allocate(arena, second) };
    expect(() => arena.tensor("one more", "u8", [1])).toThrow(/have 0$/);
    expect(Object.values(tensors).map(({ name, dtype, shape }) => [name, dtype, shape])).toEqual([
      ["numbers", "f32", [3, 5]],
      ["ids", "u32", [7]],
      ["pixels", "u8", [1]],
      ["scalar", "f32", []],
    ]);
    arena.dispose();
  });

  test("does not fit an arena that is smaller", () => {
    const arena = new Arena(device, "tables", tableBytes(first, second) - 1, "shared");
    expect(() => allocate(arena, { ...first, ...second })).toThrow(/Cannot place scalar/);
    arena.dispose();
  });
});

describe("a cache's table", () => {
  const config = tinyConfig(); // two self-attention layers around one of cross-attention

  test("has a pair of tensors for each layer of its kind", () => {
    const self = Object.entries(selfCacheShapes(config, 48));
    expect(self.map(([name, { shape }]) => [name, ...shape])).toEqual([
      ["keys.0", 48, 8],
      ["values.0", 48, 8],
      ["keys.1", 48, 8],
      ["values.1", 48, 8],
    ]);
    const cross = Object.entries(crossCacheShapes(config, 3));
    expect(cross.map(([name, { shape }]) => [name, ...shape])).toEqual([
      ["keys.0", 3 * 5, 8],
      ["values.0", 3 * 5, 8],
    ]);
    expect(slotBytes(config)).toBe(8 * 4);
  });

  test("gives keys and values in the order of the layers", () => {
    const table = selfCacheShapes({ ...config, text: { ...config.text, numHiddenLayers: 13 } }, 4);
    const arena = new Arena(device, "cache", tableBytes(table), "device");
    const { keys, values } = allocateCache(arena, table);
    expect(keys.map(({ name }) => name)).toEqual(Array.from({ length: 12 }, (_, i) => `keys.${i}`));
    expect(values.map(({ name }) => name)).toEqual(Array.from({ length: 12 }, (_, i) => `values.${i}`));
    arena.dispose();
  });
});
