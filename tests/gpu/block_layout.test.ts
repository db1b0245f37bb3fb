import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import { BlockLayout } from "../../src/gpu/block_layout.ts";
import { planBytes } from "../../src/gpu/memory.ts";
import { readConfig } from "../../src/model/config.ts";
import { expectedTensors } from "../../src/model/tensor_names.ts";

const mib = 2 ** 20;
const limit = 2048 * mib;

describe("BlockLayout.place()", () => {
  test("keeps in one block what fits into one", () => {
    const layout = new BlockLayout(limit, limit);
    expect(layout.place(limit - 256)).toEqual({ block: 0, offset: 0 });
    expect(layout.place(256)).toEqual({ block: 0, offset: limit - 256 });
    expect(layout.blockBytes).toEqual([limit]);
  });

  test("gives large tensors their own blocks and lets small ones share, later ones in what was left free", () => {
    const sizes = [100, 32, 31, 240, 31, 300, 20].map((size) => size * mib);
    const layout = new BlockLayout(10 * limit, limit);
    const places = sizes.map((size) => layout.place(size));
    expect(places.map(({ block }) => block)).toEqual([0, 1, 2, 3, 2, 4, 2]);
    expect(places.map(({ offset }) => offset / mib)).toEqual([0, 0, 0, 0, 31, 0, 62]);
    expect(layout.blockBytes.map((bytes) => bytes / mib)).toEqual([100, 32, 256, 240, 300]);
  });

  test("makes the last block as small as what is left", () => {
    const layout = new BlockLayout(limit + mib, limit);
    layout.place(limit);
    layout.place(mib / 2);
    expect(layout.blockBytes).toEqual([limit, mib]);
  });

  test.each(["11b", "90b"])("wastes less than 0.2 %% on the weights of %s", (size) => {
    const tensors = expectedTensors(readConfig(join(import.meta.dir, "../model/fixtures", size)));
    const sizes = tensors.map(({ shape }) => planBytes([{ dtype: "bf16", shape }]));
    const total = sizes.reduce((sum, bytes) => sum + bytes, 0);
    const layout = new BlockLayout(total, limit);
    const ends = new Map<number, number>();
    for (const bytes of sizes) {
      const { block, offset } = layout.place(bytes);
      expect(offset).toBe(ends.get(block) ?? 0); // one behind the other, so that none overlap
      ends.set(block, offset + bytes);
    }
    layout.blockBytes.forEach((bytes, block) => expect(ends.get(block)!).toBeLessThanOrEqual(bytes));
    const allocated = layout.blockBytes.reduce((sum, bytes) => sum + bytes, 0);
    expect(allocated).toBeGreaterThanOrEqual(total);
    expect(allocated / total).toBeLessThan(1.002);
    // Every device allows 4096 allocations at a time.
    expect(layout.blockBytes.length).toBeLessThan(1000);
  });
});
