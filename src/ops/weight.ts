import type { Tensor } from "../gpu/tensor.ts";

/** Dtypes that weights may have on the device. */
export type WeightDtype = "f32" | "bf16" | "f16";
export type WeightTensor = Tensor<WeightDtype>;

/** Values of the specialization constant WEIGHT_DTYPE, as in shaders/include/weight.glsl. */
export const weightDtypeCode: Readonly<Record<WeightDtype, number>> = { f32: 0, bf16: 1, f16: 2 };
