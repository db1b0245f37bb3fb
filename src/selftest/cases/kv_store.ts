import { kvStore, kvStoreKernel } from "../../ops/kv_store.ts";
import * as reference from "../../reference/kv_store.ts";
import { exactly, type KernelCase, kernelCase } from "../kernel_case.ts";
import { random } from "../random.ts";

const SKIP = 0xffffffff;

/** Keys and values of fused rows to scattered slots; the second row is skipped. */
export function kvStoreCase(tokens: number, slotCount: number, width: number) {
  const rng = random(1);
  const stride = 3 * width;
  const qkv = rng.normals(tokens * stride);
  const slots = Uint32Array.from(rng.permutation(slotCount).slice(0, tokens));
  if (tokens > 1) slots[1] = SKIP;
  const [keys, values] = [rng.normals(slotCount * width), rng.normals(slotCount * width)];
  return kernelCase({
    kernel: kvStoreKernel,
    name: `T=${tokens} slots=${slotCount} width=${width}`,
    tensors: {
      qkv: { dtype: "f32", shape: [tokens, stride], data: qkv },
      slots: { dtype: "u32", shape: [tokens], data: slots },
      keys: { dtype: "f32", shape: [slotCount, width], data: keys, inPlace: true },
      values: { dtype: "f32", shape: [slotCount, width], data: values, inPlace: true },
    },
    record: (cmd, { qkv, slots, keys, values }) =>
      kvStore(cmd, { tensor: qkv, offset: width }, { tensor: qkv, offset: 2 * width }, slots, keys, values),
    want: () => ({
      keys: exactly(reference.kvStore(qkv, { stride, offset: width, width }, slots, keys)),
      values: exactly(reference.kvStore(qkv, { stride, offset: 2 * width, width }, slots, values)),
    }),
  });
}

export function kvStoreCases(): KernelCase[] {
  return [kvStoreCase(5, 9, 32), kvStoreCase(70, 80, 260)];
}
