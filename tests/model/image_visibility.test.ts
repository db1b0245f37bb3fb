import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { readConfig } from "../../src/model/config.ts";
import { imageVisibility, visibleAt } from "../../src/model/image_visibility.ts";
import { expectedTensors, goldenCases } from "../support/goldens.ts";

const I = 256;

/** The rows [begin, end) that see each image, read off row by row; they must be one stretch. */
function visibleRanges(tokens: readonly number[], imageToken: number): [number, number][] {
  const entries = imageVisibility(tokens, imageToken);
  return entries.map((_, image) => {
    const rows = tokens.flatMap((_, row) => {
      const seen = visibleAt(entries, row);
      return seen && seen.first <= image && image < seen.end ? [row] : [];
    });
    expect(rows).toEqual(Array.from({ length: rows.length }, (_, i) => rows[0]! + i));
    return [rows[0]!, rows.at(-1)! + 1];
  });
}

/** Meta's rule as it is written down: ranges from image to image, then runs of adjacent ones share their end. */
function reference(tokens: readonly number[], imageToken: number): [number, number][] {
  const places = tokens.flatMap((token, row) => token === imageToken ? [row] : []);
  const ranges = places.map((place, k): [number, number] => [place, places[k + 1] ?? tokens.length]);
  let end = ranges.at(-1)?.[1];
  for (const range of ranges.toReversed()) {
    if (range[0] === range[1] - 1) range[1] = end!;
    end = range[1];
  }
  return ranges;
}

describe("imageVisibility()", () => {
  const vectors: readonly [tokens: number[], ranges: [number, number][]][] = [
    [[1, 5, 6, I, 7, 8, I, 9, 10, 11], [[3, 6], [6, 10]]],
    [[I, I, 7, 8], [[0, 4], [1, 4]]],
    [[5, I, 7], [[1, 3]]],
    [[I, I, 7, I, 8], [[0, 3], [1, 3], [3, 5]]],
    [[I, 5, I, I], [[0, 2], [2, 4], [3, 4]]],
    [[I, I, I, 4, 5, I, I], [[0, 5], [1, 5], [2, 5], [5, 7], [6, 7]]],
    [[I, 5, I], [[0, 2], [2, 3]]],
    [[I, I], [[0, 2], [1, 2]]],
    [[7, 8], []],
    [[], []],
  ];
  for (const [tokens, ranges] of vectors) {
    test(`of [${tokens.map((token) => token === I ? "I" : token)}]`, () => {
      expect(visibleRanges(tokens, I)).toEqual(ranges);
    });
  }

  test("follows Meta's rule for any mix of images and text", () => {
    const property = fc.property(fc.array(fc.constantFrom(1, I), { maxLength: 24 }), (tokens) => {
      expect(visibleRanges(tokens, I)).toEqual(reference(tokens, I));
    });
    fc.assert(property, { seed: 5, numRuns: 500 });
  });

  test("equals the goldens' ranges and masks", () => {
    let compared = 0;
    for (const golden of goldenCases()) {
      const { name, file: { input_ids: tokens, visible_ranges: stored } } = golden;
      const imageToken = readConfig(golden.checkpoints[0]!.directory).imageTokenIndex;
      const ranges = stored.map((
        [begin, end],
      ): [number, number] => [begin, end === -1 ? tokens.length : end]);
      expect({ name, ranges: visibleRanges(tokens, imageToken) }).toEqual({ name, ranges });
      const expected = expectedTensors(golden);
      if (!expected.has("cross_attention_mask")) continue;
      const [, images, tiles] = expected.shape("cross_attention_mask");
      const mask = expected.integers("cross_attention_mask");
      const entries = imageVisibility(tokens, imageToken);
      for (let row = 0; row < tokens.length; row++) {
        const seen = visibleAt(entries, row);
        const have = entries.map((_, image) => seen !== undefined && seen.first <= image && image < seen.end);
        const masked = entries.map((_, image) => mask[(row * images! + image) * tiles!] === 1);
        expect({ name, row, have }).toEqual({ name, row, have: masked });
      }
      compared++;
    }
    expect(compared).toBeGreaterThan(0);
  });
});

describe("visibleAt()", () => {
  test("lets rows before the first image see none", () => {
    const entries = imageVisibility([1, 2, I, 3], I);
    expect([0, 1].map((row) => visibleAt(entries, row))).toEqual([undefined, undefined]);
  });

  test("lets generated rows see what the last row of the prompt sees", () => {
    for (const tokens of [[I, 5], [I, I], [I, 5, I], [5, 6]]) {
      const entries = imageVisibility(tokens, I);
      const last = visibleAt(entries, tokens.length - 1);
      expect(visibleAt(entries, tokens.length + 1000)).toEqual(last);
    }
  });
});
