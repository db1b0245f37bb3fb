import type { RgbRaster } from "./raster.ts";

/** Bits behind the point of a weight. Sums stay below 2^31: 255 · 2^22 + 2^21. */
const weightBits = 22;
const half = 1 << (weightBits - 1);

/** For every output position the input range it reads, and the weights of that range. */
interface Filter {
  readonly first: Int32Array;
  readonly count: Int32Array;
  /** [out, widest], fixed point with 22 bits */
  readonly weights: Int32Array;
  readonly widest: number;
}

/**
 * Resizes with a triangle filter whose width grows with the reduction (bilinear with antialiasing), bit for bit
 * as Pillow does: columns first, then rows, each to 8 bits; a pass that changes nothing is left out.
 * Source: Pillow 12.3, src/libImaging/Resample.c, which Hugging Face's Mllama image processor calls.
 *
 * @param image u8 [height, width, 3]
 * @returns u8 [newHeight, newWidth, 3]; the same data where the size is the same
 */
export function resizeBilinear(image: RgbRaster, newWidth: number, newHeight: number): RgbRaster {
  const { width, height } = image;
  const columns = newWidth === width ? image.data : resizeColumns(image, newWidth);
  const data = newHeight === height ? columns : resizeRows(columns, newWidth, height, newHeight);
  return { width: newWidth, height: newHeight, data };
}

function resizeColumns({ width, height, data }: RgbRaster, newWidth: number): Uint8Array {
  const { first, count, weights, widest } = triangleFilter(width, newWidth);
  const out = new Uint8Array(newWidth * height * 3);
  for (let y = 0, to = 0; y < height; y++) {
    const row = y * width * 3;
    for (let x = 0; x < newWidth; x++, to += 3) {
      let red = half, green = half, blue = half;
      let from = row + first[x]! * 3;
      const begin = x * widest, end = begin + count[x]!;
      for (let i = begin; i < end; i++, from += 3) {
        const weight = weights[i]!;
        red += weight * data[from]!;
        green += weight * data[from + 1]!;
        blue += weight * data[from + 2]!;
      }
      // Weights are not negative and sum to 1 within a few units of 2^-22: the shifted sums are 0 to 255.
      out[to] = red >> weightBits;
      out[to + 1] = green >> weightBits;
      out[to + 2] = blue >> weightBits;
    }
  }
  return out;
}

function resizeRows(data: Uint8Array, width: number, height: number, newHeight: number): Uint8Array {
  const { first, count, weights, widest } = triangleFilter(height, newHeight);
  const rowBytes = width * 3;
  const out = new Uint8Array(rowBytes * newHeight);
  const sums = new Int32Array(rowBytes);
  for (let y = 0; y < newHeight; y++) {
    sums.fill(half);
    for (let i = 0; i < count[y]!; i++) {
      const weight = weights[y * widest + i]!;
      const from = (first[y]! + i) * rowBytes;
      for (let x = 0; x < rowBytes; x++) sums[x] = sums[x]! + weight * data[from + x]!;
    }
    const to = y * rowBytes;
    for (let x = 0; x < rowBytes; x++) out[to + x] = sums[x]! >> weightBits;
  }
  return out;
}

/**
 * Weights of the triangle filter: with `scale = in / out`, `s = max(scale, 1)` and centre `c = (x + ½)·scale`,
 * input i weighs `max(0, 1 − |(i − c + ½) / s|)`, divided by the sum.
 */
function triangleFilter(inputs: number, outputs: number): Filter {
  const scale = inputs / outputs;
  const support = Math.max(scale, 1);
  const widest = Math.ceil(support) * 2 + 1;
  const first = new Int32Array(outputs);
  const count = new Int32Array(outputs);
  const weights = new Int32Array(outputs * widest);
  const exact = new Float64Array(widest);
  for (let x = 0; x < outputs; x++) {
    const centre = (x + 0.5) * scale;
    const begin = Math.max(Math.trunc(centre - support + 0.5), 0);
    const end = Math.min(Math.trunc(centre + support + 0.5), inputs);
    // The quotient is a product with the inverse, and the sum runs upwards, so that every rounding is Pillow's.
    let sum = 0;
    for (let i = begin; i < end; i++) {
      exact[i - begin] = Math.max(0, 1 - Math.abs((i - centre + 0.5) * (1 / support)));
      sum += exact[i - begin]!;
    }
    for (let i = 0; i < end - begin; i++) {
      weights[x * widest + i] = Math.trunc(0.5 + (exact[i]! * (1 / sum)) * (1 << weightBits));
    }
    first[x] = begin;
    count[x] = end - begin;
  }
  return { first, count, weights, widest };
}
