import type { WeightDtype } from "./check_tensors.ts";

/** Little-endian bytes of f32, bf16 or f16 values as f32; exact. */
export function toFloat32(bytes: Uint8Array, dtype: WeightDtype): Float32Array {
  if (dtype === "f32") return new Float32Array(bytes.slice().buffer);
  const halves = new Uint16Array(bytes.slice().buffer);
  if (dtype === "f16") return Float32Array.from(new Float16Array(halves.buffer));
  const words = Uint32Array.from(halves, (half) => half << 16); // bf16 is the upper half of an f32
  return new Float32Array(words.buffer);
}
