import type { WeightDtype } from "../ops/weight.ts";

/** Weights as they lie in a file, and the numbers that they stand for. */
export interface EncodedWeight {
  readonly dtype: WeightDtype;
  readonly bytes: Uint8Array;
  readonly values: Float32Array;
}

/** Rounds f32 values to the nearest value of the dtype, ties to even, and encodes them. */
export function encodeWeight(dtype: WeightDtype, values: Float32Array): EncodedWeight {
  if (dtype === "f32") return { dtype, bytes: new Uint8Array(values.slice().buffer), values };
  const words = dtype === "bf16" ? toBf16(values) : new Uint16Array(Float16Array.from(values).buffer);
  return { dtype, bytes: new Uint8Array(words.buffer), values: decodeWeight(dtype, words) };
}

/** The numbers that 16-bit words stand for. */
export function decodeWeight(dtype: "bf16" | "f16", words: Uint16Array): Float32Array {
  if (dtype === "f16") return Float32Array.from(new Float16Array(words.slice().buffer));
  return new Float32Array(Uint32Array.from(words, (word) => word << 16).buffer);
}

function toBf16(values: Float32Array): Uint16Array {
  const bits = new Uint32Array(values.slice().buffer);
  return Uint16Array.from(bits, (word) => (word + 0x7fff + ((word >>> 16) & 1)) >>> 16);
}
