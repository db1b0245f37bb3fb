import type { WeightSource } from "../weights/source.ts";
import type { WeightDtype } from "./check_tensors.ts";

/** Values of a tensor that no training leaves behind. */
export interface SuspectTensor {
  readonly name: string;
  readonly fault: "not finite" | "all zero";
}

/** Bits of an element: those of its exponent, all set in NaN and infinity, and all but the sign. */
const masks: Readonly<Record<WeightDtype, { readonly exponent: number; readonly magnitude: number }>> = {
  f32: { exponent: 0x7f80_0000, magnitude: 0x7fff_ffff },
  bf16: { exponent: 0x7f80, magnitude: 0x7fff },
  f16: { exponent: 0x7c00, magnitude: 0x7fff },
};

/** Bytes that are looked at between two turns of whatever else the thread does. */
const windowBytes = 4 << 20;

/**
 * Reads every value of a checkpoint and names the tensors with NaN or infinity in them, and the matrices that are
 * zero throughout. Vectors may well be zero: biases of a model that was trained without them are.
 *
 * @param onProgress called with the bytes that were read so far, and in all
 * @throws {ModelError} If a file ends early or cannot be read.
 */
export async function findSuspectTensors(
  weights: WeightSource<WeightDtype>,
  onProgress: (done: number, total: number) => void = () => {},
): Promise<SuspectTensor[]> {
  const infos = [...weights.tensors.values()];
  const total = infos.reduce((sum, { bytes }) => sum + bytes, 0);
  const window = new ArrayBuffer(windowBytes);
  const suspects: SuspectTensor[] = [];
  let done = 0;
  for (const info of infos) {
    let isZero = info.shape.length > 1;
    let isFinite = true;
    for (let begin = 0; begin < info.bytes; begin += windowBytes) {
      const bytes = new Uint8Array(window, 0, Math.min(windowBytes, info.bytes - begin));
      weights.readInto(info, begin, bytes);
      const found = scan(bytes, info.dtype);
      isZero &&= found.isZero;
      isFinite &&= found.isFinite;
      done += bytes.length;
      onProgress(done, total);
      await Bun.sleep(0);
    }
    if (!isFinite) suspects.push({ name: info.name, fault: "not finite" });
    else if (isZero) suspects.push({ name: info.name, fault: "all zero" });
  }
  return suspects;
}

function scan(
  { buffer, byteOffset, byteLength }: Uint8Array<ArrayBuffer>,
  dtype: WeightDtype,
): { isZero: boolean; isFinite: boolean } {
  const { exponent, magnitude } = masks[dtype];
  const words = dtype === "f32"
    ? new Uint32Array(buffer, byteOffset, byteLength / 4)
    : new Uint16Array(buffer, byteOffset, byteLength / 2);
  let seen = 0;
  let isFinite = true;
  for (let i = 0; i < words.length; i++) {
    const word = words[i]!;
    seen |= word & magnitude;
    if ((word & exponent) === exponent) isFinite = false;
  }
  return { isZero: seen === 0, isFinite };
}
