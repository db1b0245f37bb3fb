import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import { chooseArrangement, fitToCanvas, supportedArrangements } from "../../src/images/canvas.ts";
import { decodeImage } from "../../src/images/decode.ts";
import { resizeBilinear } from "../../src/images/resize.ts";
import { prepareImage } from "../../src/images/tiles.ts";
import { goldenImagePath, goldenJson, goldensRoot, GoldenTensors } from "../support/goldens.ts";

interface ExpectedImage {
  width: number;
  height: number;
  exact: boolean;
  sha256_rgb?: string;
  mean_rgb: number[];
  thumb8?: number[][][];
  tiles: Record<string, { rows: number; cols: number; aspect_ratio_id: number; resized: [number, number] }>;
}

describe("decodeImage() and prepareImage() give the reference's pixels and tiles (D43, I13)", () => {
  const files = Object.entries(goldenJson<Record<string, ExpectedImage>>("images/expected.json"));
  for (const [name, expected] of files) {
    test(name, async () => {
      const image = await decodeImage(await Bun.file(goldenImagePath(name)).bytes());
      const { width, height, data } = image;
      expect([width, height]).toEqual([expected.width, expected.height]);
      if (expected.exact) expect(sha256(data)).toBe(expected.sha256_rgb!);
      boxMean(image, 0, 0, width, height).forEach((mean, c) => expectNear(mean, expected.mean_rgb[c]!, 1));
      const tolerance = name.startsWith("cmyk") ? 4 : 3;
      expected.thumb8?.forEach((row, i) =>
        row.forEach((cell, j) =>
          boxMean(image, edge(j, width), edge(i, height), edge(j + 1, width), edge(i + 1, height))
            .forEach((mean, c) => expectNear(mean, cell[c]!, tolerance))
        )
      );
      for (const [tileSize, tiles] of Object.entries(expected.tiles)) {
        const prepared = prepareImage(image, { tileSize: Number(tileSize), maxTiles: 4 });
        expect(prepared).toMatchObject({
          aspectRatioId: tiles.aspect_ratio_id,
          rows: tiles.rows,
          columns: tiles.cols,
          tileCount: tiles.rows * tiles.cols,
          width: tiles.resized[0],
          height: tiles.resized[1],
          hash: `${image.hash} ${tiles.rows}x${tiles.cols}`,
        });
        expect(prepared.pixels.length).toBe(tiles.resized[0] * tiles.resized[1] * 3);
      }
    });
  }
});

test("chooseArrangement() and fitToCanvas() give the reference canvas for 240 sizes", () => {
  const { tile, max_tiles, rows } = goldenJson<{ tile: number; max_tiles: number; rows: number[][] }>(
    "rope/aspect_ratios.json",
  );
  expect(rows.length).toBe(240);
  for (const [width, height, ...expected] of rows) {
    const arrangement = chooseArrangement(width!, height!, tile, supportedArrangements(max_tiles));
    const size = fitToCanvas(width!, height!, arrangement, tile);
    expect([width, height, arrangement.rows, arrangement.columns, arrangement.id, size.width, size.height])
      .toEqual([width, height, ...expected]);
  }
});

interface ResizeFile {
  stored: { name: string; in: [number, number]; out: [number, number] }[];
  formula_hashed: { in: [number, number]; out: [number, number]; sha256: string }[];
}

describe("resizeBilinear() equals Pillow bit for bit", () => {
  const { stored, formula_hashed } = goldenJson<ResizeFile>("resize/resize.json");
  const tensors = new GoldenTensors(join(goldensRoot, "resize/resize.safetensors"));

  for (const { name, in: [width, height], out } of stored) {
    test(name, () => {
      const [input, output] = [tensors.bytes(`${name}.in`), tensors.bytes(`${name}.out`)];
      expect(resizeBilinear({ width, height, data: input }, ...out).data).toEqual(output);
    });
  }

  for (const { in: [width, height], out, sha256: expected } of formula_hashed) {
    test(`${width} x ${height} to ${out[0]} x ${out[1]}`, () => {
      const data = new Uint8Array(width * height * 3);
      for (let y = 0, i = 0; y < height; y++) {
        for (let x = 0; x < width; x++) {
          data[i++] = 7 * x + 13 * y;
          data[i++] = 3 * x + y * y;
          data[i++] = x * y + 29;
        }
      }
      expect(sha256(resizeBilinear({ width, height, data }, ...out).data)).toBe(expected);
    });
  }
});

function edge(cell: number, size: number): number {
  return Math.floor(cell * size / 8);
}

function boxMean(
  { width, data }: { width: number; data: Uint8Array },
  left: number,
  top: number,
  right: number,
  bottom: number,
): number[] {
  const sums = [0, 0, 0];
  for (let y = top; y < bottom; y++) {
    for (let x = left; x < right; x++) for (let c = 0; c < 3; c++) sums[c]! += data[(y * width + x) * 3 + c]!;
  }
  return sums.map((sum) => sum / ((right - left) * (bottom - top)));
}

function expectNear(value: number, expected: number, tolerance: number): void {
  expect(Math.abs(value - expected)).toBeLessThanOrEqual(tolerance);
}

function sha256(data: Uint8Array): string {
  return new Bun.CryptoHasher("sha256").update(data).digest("hex");
}
