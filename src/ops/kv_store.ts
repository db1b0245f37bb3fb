import { kernel, read, write } from "../gpu/kernel.ts";
import type { Recorder } from "../gpu/recorder.ts";
import type { Tensor } from "../gpu/tensor.ts";
import { checkMultiple, checkShape, matrixShape } from "./check.ts";

export const kvStoreKernel = kernel({
  shader: "kv_store",
  args: {
    keySource: read("f32x4"),
    valueSource: read("f32x4"),
    slots: read("u32"),
    keys: write("f32x4"),
    values: write("f32x4"),
    width: "u32",
    keyStride: "u32",
    keyOffset: "u32",
    valueStride: "u32",
    valueOffset: "u32",
    slotCount: "u32",
  },
  spec: { WORKGROUP_SIZE: 64 },
});

/** Columns `[offset, offset + width)` of a matrix with a row per token; `width` is that of the cache. */
export interface ColumnSource {
  /** f32 [T, any]. */
  readonly tensor: Tensor<"f32">;
  /** In floats; 0 if left out. */
  readonly offset?: number;
}

/**
 * Scatters rows of keys and values to cache slots: `keys[slots[t]] = key row t`, `values[slots[t]] = value row t`.
 * A fused qkv matrix is given twice, with two offsets. Slots must differ: of two rows for one slot either may win.
 *
 * @param key f32 [T, ≥ offset + width]
 * @param value f32 [T, ≥ offset + width]
 * @param slots u32 [T]; a row whose slot is 0xffffffff is not stored
 * @param keys f32 [slots, width], the cache
 * @param values f32 [slots, width], the cache
 * @throws {RangeError} If a shape does not fit the others, or a width or offset is not a multiple of 4.
 */
export function kvStore(
  cmd: Recorder,
  key: ColumnSource,
  value: ColumnSource,
  slots: Tensor<"u32">,
  keys: Tensor<"f32">,
  values: Tensor<"f32">,
): void {
  const [slotCount, width] = matrixShape("keys", keys);
  const tokens = slots.shape[0] ?? 0;
  checkShape("slots", slots, [tokens]);
  checkShape("values", values, [slotCount, width]);
  checkMultiple("columns of keys", width, 4);
  const keyStride = checkSource("key", key, tokens, width);
  const valueStride = checkSource("value", value, tokens, width);
  cmd.dispatch(kvStoreKernel, {
    keySource: key.tensor,
    valueSource: value.tensor,
    slots,
    keys,
    values,
    width,
    keyStride,
    keyOffset: key.offset ?? 0,
    valueStride,
    valueOffset: value.offset ?? 0,
    slotCount,
  }, [Math.ceil(width / 4 / kvStoreKernel.spec.WORKGROUP_SIZE), tokens, 2]);
}

/** Checks that the columns lie in the matrix; returns the floats of one of its rows. */
function checkSource(
  name: string,
  { tensor, offset = 0 }: ColumnSource,
  tokens: number,
  width: number,
): number {
  const [rows, stride] = matrixShape(name, tensor);
  checkShape(name, tensor, [tokens, stride]);
  checkMultiple(`columns of ${name}`, stride, 4);
  checkMultiple(`offset of ${name}`, offset, 4);
  if (rows > 0 && offset + width > stride) {
    throw new RangeError(`"${name}" must have ${width} columns at ${offset}, have ${stride} in all`);
  }
  return stride;
}
