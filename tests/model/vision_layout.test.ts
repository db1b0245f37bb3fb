import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import { type MllamaConfig, readConfig } from "../../src/model/config.ts";
import { maxVisionRows, type VisionLayout, visionLayout } from "../../src/model/vision_layout.ts";
import { random } from "../../src/selftest/random.ts";

const published = readConfig(join(import.meta.dir, "fixtures/11b")).vision;

function tower(tokensPerTile: number, maxNumTiles: number): MllamaConfig["vision"] {
  return { ...published, tokensPerTile, patchesPerTile: tokensPerTile - 1, maxNumTiles };
}

const padded = (tokens: number) => Math.ceil(tokens / 8) * 8;

function rowsOf({ rows }: VisionLayout): [tile: number, token: number][] {
  return Array.from({ length: rows.length / 2 }, (_, i) => [rows[2 * i]!, rows[2 * i + 1]!]);
}

/** How many rows of the full tower each row stands for. */
function copiesOf({ rowCount, realCount, keyBias }: VisionLayout): number[] {
  return Array.from({ length: rowCount }, (_, i) => i < realCount ? 1 : Math.exp(keyBias[i - realCount]!));
}

/** Every case worth a look: [tokens per tile, tile slots, real tiles]. */
const cases = [[2, 1], [5, 4], [8, 4], [10, 4], [17, 3], [50, 4]].flatMap(([tokens, slots]) =>
  Array.from({ length: slots! }, (_, i) => [tokens!, slots!, i + 1] as const)
);

describe("visionLayout()", () => {
  for (const [tokens, slots, tiles] of cases) {
    const name = `${tiles} of ${slots} tiles of ${tokens} tokens`;
    const config = tower(tokens, slots);

    test(`in full holds every token of every tile once: ${name}`, () => {
      const layout = visionLayout(config, tiles, false);
      const seen = new Set(rowsOf(layout).map(String));
      expect([layout.rowCount, seen.size, layout.rows.length]).toEqual([
        slots * padded(tokens),
        slots * padded(tokens),
        2 * slots * padded(tokens),
      ]);
      expect(rowsOf(layout).every(([tile, token]) => tile < slots && token < padded(tokens))).toBe(true);
      expect(layout.keyBias.every((bias) => bias === 0)).toBe(true);
      expect(layout.rowCount).toBe(maxVisionRows(config));
    });

    for (const deduplicate of [false, true]) {
      test(`puts real rows first, then missing tiles, then pads: ${name}, ${deduplicate}`, () => {
        const layout = visionLayout(config, tiles, deduplicate);
        const kind = ([tile, token]: [number, number]) => token >= tokens ? 2 : tile >= tiles ? 1 : 0;
        const kinds = rowsOf(layout).map(kind);
        expect(kinds).toEqual(kinds.toSorted());
        expect(kinds.filter((kind) => kind === 0).length).toBe(layout.realCount);
        expect(kinds.filter((kind) => kind < 2).length).toBe(layout.embeddedCount);
        expect(layout.keyBias.length).toBe(layout.rowCount - layout.realCount);
        const real = rowsOf(layout).slice(0, layout.realCount);
        expect(real).toEqual(real.map((_, i) => [Math.floor(i / tokens), i % tokens]));
      });
    }

    test(`de-duplicated stands for as many rows as there are: ${name}`, () => {
      const layout = visionLayout(config, tiles, true);
      const total = copiesOf(layout).reduce((sum, copies) => sum + copies, 0);
      expect(Math.abs(total - slots * padded(tokens))).toBeLessThan(1e-4);
      expect(layout.rowCount).toBeLessThanOrEqual(maxVisionRows(config));
      expect(rowsOf(layout).every(([tile]) => tile <= tiles)).toBe(true);
    });
  }

  test("takes 7.1 instead of 18.6 TFLOP's worth of rows for one tile of the published model", () => {
    expect(visionLayout(published, 1, false).rowCount).toBe(6432);
    expect(visionLayout(published, 1, true).rowCount).toBe(2 * 1601 + 2);
    expect(visionLayout(published, 4, true).rowCount).toBe(4 * 1601 + 4);
  });
});

type Matrix = number[][];

/** Single-head attention of x to itself; row q sees key k where `sees` says so, with a bias on the key. */
function attend(x: Matrix, sees: (q: number, k: number) => boolean, bias: (k: number) => number): Matrix {
  return x.map((query, q) => {
    const weights = x.map((key, k) => {
      const score = query.reduce((sum, value, i) => sum + value * key[i]!, 0) / Math.sqrt(query.length);
      return sees(q, k) ? Math.exp(score + bias(k)) : 0;
    });
    const total = weights.reduce((sum, weight) => sum + weight, 0);
    return query.map((value, i) => value + x.reduce((sum, row, k) => sum + weights[k]! * row[i]!, 0) / total);
  });
}

/** Two blocks of layers with a vector per tile between them, which is zero for missing tiles, like the post-tile one. */
function run(
  x: Matrix,
  tileOf: number[],
  tileVectors: Matrix,
  sees: (q: number, k: number) => boolean,
  bias: (k: number) => number,
): Matrix {
  let states = attend(attend(x, sees, bias), sees, bias);
  states = states.map((row, i) => row.map((value, j) => value + tileVectors[tileOf[i]!]![j]!));
  return attend(states, sees, bias);
}

describe("attention over the de-duplicated rows equals attention over all rows under Meta's mask", () => {
  const [width, slots] = [4, 4];
  for (const tokens of [5, 10]) {
    for (const tiles of [1, 2, 3, 4]) {
      test(`${tiles} tiles of ${tokens} tokens`, () => {
        const data = random(100 * tokens + tiles);
        const vector = () => [...data.normals(width)];
        const patches = Array.from({ length: slots }, () => Array.from({ length: tokens }, vector));
        const tileVectors = Array.from({ length: slots }, (_, t) => t < tiles ? vector() : [0, 0, 0, 0]);
        // Missing tiles hold the same tokens, pad patches are zero.
        const start = ([tile, token]: [number, number]) =>
          token >= tokens ? [0, 0, 0, 0] : patches[Math.min(tile, tiles)]![token]!;

        const all = Array.from(
          { length: slots * padded(tokens) },
          (_, i): [number, number] => [Math.floor(i / padded(tokens)), i % padded(tokens)],
        );
        const isReal = ([tile, token]: [number, number]) => tile < tiles && token < tokens;
        const sees = (q: number, k: number) => isReal(all[q]!) || isReal(all[k]!);
        const full = run(all.map(start), all.map(([tile]) => tile), tileVectors, sees, () => 0);

        const layout = visionLayout(tower(tokens, slots), tiles, true);
        const few = rowsOf(layout);
        const copies = copiesOf(layout).map(Math.round); // the layout's own are f32
        const reduced = run(
          few.map(start),
          few.map(([tile]) => tile),
          tileVectors,
          (q, k) => q < layout.realCount || k < layout.realCount,
          (k) => Math.log(copies[k]!),
        );
        for (const [i, row] of few.entries()) {
          const want = full[all.findIndex((other) => String(other) === String(row))]!;
          for (const [j, value] of reduced[i]!.entries()) {
            expect(Math.abs(value - want[j]!)).toBeLessThan(1e-12);
          }
        }
      });
    }
  }
});
