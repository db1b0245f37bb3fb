import { describe, expect, test } from "bun:test";
import { firstDifference } from "../../src/selftest/compare.ts";
import { toFloat32 } from "../../src/model/float_formats.ts";

/** Every 16-bit pattern, and its bytes. */
const words = Uint16Array.from({ length: 65_536 }, (_, i) => i);
const bytes = new Uint8Array(words.buffer);

/** Value of sign, exponent and fraction, by the definition of the IEEE formats. */
function valueOf(word: number, exponentBits: number, fractionBits: number): number {
  const sign = word >> 15 ? -1 : 1;
  const most = 2 ** exponentBits - 1;
  const exponent = (word >> fractionBits) & most;
  const fraction = (word & (2 ** fractionBits - 1)) / 2 ** fractionBits;
  const bias = 2 ** (exponentBits - 1) - 1;
  if (exponent === most) return fraction === 0 ? sign * Infinity : NaN;
  return exponent === 0 ? sign * fraction * 2 ** (1 - bias) : sign * (1 + fraction) * 2 ** (exponent - bias);
}

describe("toFloat32()", () => {
  test("is exact for every bf16, subnormals, zeros and infinities included", () => {
    const want = Float64Array.from(words, (word) => valueOf(word, 8, 7));
    expect(firstDifference(toFloat32(bytes, "bf16"), want)).toBe(-1);
  });

  test("is exact for every f16", () => {
    const want = Float64Array.from(words, (word) => valueOf(word, 5, 10));
    expect(firstDifference(toFloat32(bytes, "f16"), want)).toBe(-1);
  });

  test("copies f32 that does not begin at a multiple of four", () => {
    const values = Float32Array.of(1.5, -0, NaN, 1e-45, Infinity);
    const shifted = new Uint8Array(values.byteLength + 1);
    shifted.set(new Uint8Array(values.buffer), 1);
    const have = toFloat32(shifted.subarray(1), "f32");
    shifted.fill(0);
    expect(firstDifference(have, values)).toBe(-1);
  });

  test("takes 16-bit values at odd addresses, and none at all", () => {
    const shifted = Uint8Array.of(0xff, 0x80, 0x3f, 0x00, 0xc0);
    expect([...toFloat32(shifted.subarray(1), "bf16")]).toEqual([1, -2]);
    expect(toFloat32(new Uint8Array(0), "f16").length).toBe(0);
  });
});
