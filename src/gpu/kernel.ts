import type { Dtype } from "../base/dtype.ts";
import type { Tensor } from "./tensor.ts";

/**
 * How a shader declares the elements of a storage buffer, and so which tensors may be bound to it.
 *
 * | element          | GLSL array of          | tensors            |
 * | ---------------- | ---------------------- | ------------------ |
 * | f32, f32x2, f32x4 | float, vec2, vec4     | f32                |
 * | u32              | uint                   | u32, i32           |
 * | words, words2, words4 | uint, uvec2, uvec4 | any dtype: the shader unpacks it (include/weight.glsl) |
 */
export type Element = "f32" | "f32x2" | "f32x4" | "u32" | "words" | "words2" | "words4";
export type Access = "read" | "write" | "readWrite";

export interface BufferArg<E extends Element = Element, O extends boolean = boolean> {
  readonly kind: "buffer";
  readonly access: Access;
  readonly element: E;
  /** An optional buffer may be left out; a dummy is bound, and the shader must not read it: a scalar tells it so. */
  readonly optional: O;
}
export type ScalarArg = "u32" | "i32" | "f32";
export type Arg = BufferArg | ScalarArg;

export function read<E extends Element>(element: E): BufferArg<E, false> {
  return { kind: "buffer", access: "read", element, optional: false };
}
export function write<E extends Element>(element: E): BufferArg<E, false> {
  return { kind: "buffer", access: "write", element, optional: false };
}
export function readWrite<E extends Element>(element: E): BufferArg<E, false> {
  return { kind: "buffer", access: "readWrite", element, optional: false };
}
export function optional<E extends Element>(arg: BufferArg<E, false>): BufferArg<E, true> {
  return { ...arg, optional: true };
}

type ElementDtype<E extends Element> = E extends "f32" | "f32x2" | "f32x4" ? "f32"
  : E extends "u32" ? "u32" | "i32"
  : Dtype;

type ArgValue<A extends Arg> = A extends BufferArg<infer E, infer O>
  ? O extends true ? Tensor<ElementDtype<E>> | undefined : Tensor<ElementDtype<E>>
  : number;

/** The values a dispatch must give, by argument name. */
export type ArgValues<A extends Record<string, Arg>> = { readonly [N in keyof A]: ArgValue<A[N]> };

/**
 * One compute shader as the host sees it. Buffers take the bindings 0, 1, … of set 0 in the order of `args`;
 * scalars become the push-constant block in the same order; `spec` names the specialization constants 0, 1, …
 * with their defaults. Convention: constant 0 is `WORKGROUP_SIZE` and the shader declares `local_size_x_id = 0`.
 * `tests/kernels.test.ts` compares all of this with the compiled SPIR-V.
 */
export interface Kernel<A extends Record<string, Arg> = Record<string, Arg>, S extends string = string> {
  readonly shader: string;
  readonly args: A;
  readonly spec: Readonly<Record<S, number>>;
}

/** Declares a kernel. The shader is `shaders/<shader>.comp`. */
export function kernel<const A extends Record<string, Arg>, const S extends string>(
  declaration: { shader: string; args: A; spec: Record<S, number> },
): Kernel<A, S> {
  return declaration;
}
