import type { Dtype } from "../base/dtype.ts";
import { type Arena, planBytes } from "../gpu/memory.ts";
import type { Tensor } from "../gpu/tensor.ts";

/** Names, dtypes and shapes of a set of tensors, written once: the plan counts their bytes, the arena makes them. */
export type ShapeTable = Readonly<
  Record<string, { readonly dtype: Dtype; readonly shape: readonly number[] }>
>;

/** The tensors of a table. */
export type Allocated<T extends ShapeTable> = { readonly [N in keyof T]: Tensor<T[N]["dtype"]> };

export function f32(...shape: number[]): { dtype: "f32"; shape: number[] } {
  return { dtype: "f32", shape };
}
export function u32(...shape: number[]): { dtype: "u32"; shape: number[] } {
  return { dtype: "u32", shape };
}
export function u8(...shape: number[]): { dtype: "u8"; shape: number[] } {
  return { dtype: "u8", shape };
}

/** Makes every tensor of the table in the arena. */
export function allocate<const T extends ShapeTable>(arena: Arena, table: T): Allocated<T> {
  const entries = Object.entries(table).map((
    [name, { dtype, shape }],
  ) => [name, arena.tensor(name, dtype, shape)]);
  return Object.fromEntries(entries);
}

/** Bytes an arena needs for the tables, alignment included. */
export function tableBytes(...tables: readonly ShapeTable[]): number {
  return planBytes(tables.flatMap((table) => Object.values(table)));
}
