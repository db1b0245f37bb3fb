import { ptr } from "bun:ffi";

/** Scalars of the C ABI (LP64, little-endian). `char` is a field of a fixed text; `pointer` is 8 bytes. */
export type Scalar = "u8" | "char" | "i32" | "u32" | "u64" | "f32" | "pointer";
/** Offset in bytes, type, and the length when the field is a fixed array. */
export type Field = readonly [offset: number, type: Scalar | Layout, count?: number];
/** How a C struct lies in memory. `sType` is the value of a Vulkan struct's first field. */
export interface Layout {
  readonly name: string;
  readonly size: number;
  readonly sType?: number;
  readonly fields: Readonly<Record<string, Field>>;
}

/** What a pointer may be given as: memory of ours, an address, or null. */
export type Pointable = ArrayBufferView | number | null;
interface ScalarValues {
  u8: number;
  char: string;
  i32: number;
  u32: number;
  u64: bigint | number;
  f32: number;
  pointer: Pointable;
}
type ElementValue<T> = T extends Scalar ? ScalarValues[T] : T extends Layout ? FieldValues<T> : never;
type FieldValue<F> = F extends readonly [number, infer T, number]
  ? T extends "char" ? string : readonly ElementValue<T>[]
  : F extends readonly [number, infer T] ? ElementValue<T>
  : never;
/** Values to pack; a field left out is zero. */
export type FieldValues<L extends Layout> = {
  readonly [N in keyof L["fields"]]?: FieldValue<L["fields"][N]>;
};

type ReadElement<T> = T extends "u64" ? bigint
  : T extends "pointer" ? number
  : T extends Scalar ? ScalarValues[T]
  : T extends Layout ? Unpacked<T>
  : never;
type ReadField<F> = F extends readonly [number, infer T, number]
  ? T extends "char" ? string : ReadElement<T>[]
  : F extends readonly [number, infer T] ? ReadElement<T>
  : never;
/** A struct read back: u64 as bigint, pointers as addresses, texts up to their terminator. */
export type Unpacked<L extends Layout> = { [N in keyof L["fields"]]: ReadField<L["fields"][N]> };

/**
 * Memory that C code reads or writes.
 *
 * Always made from its own ArrayBuffer: the engine moves the elements of a small typed array when somebody
 * touches `.buffer`, and an address taken before then points nowhere.
 */
export function allocate(bytes: number): Uint8Array {
  return new Uint8Array(new ArrayBuffer(bytes));
}

/**
 * The collector does not see addresses inside structs, so whoever holds a struct must hold what it points to.
 * A WeakMap does that without a class around each struct: the values live as long as their key.
 */
const pointedTo = new WeakMap<ArrayBufferView, unknown[]>();

/** Keeps `value` alive as long as `holder` is. */
export function hold(holder: ArrayBufferView, value: unknown): void {
  const list = pointedTo.get(holder);
  if (list) list.push(value);
  else pointedTo.set(holder, [value]);
}

/** One struct with its `sType` set and every other field from `values` or zero. */
export function pack<L extends Layout>(layout: L, values: FieldValues<L> = {}): Uint8Array {
  return packArray(layout, [values]);
}

/** Structs one after the other. */
export function packArray<L extends Layout>(layout: L, items: readonly FieldValues<L>[]): Uint8Array {
  const memory = allocate(Math.max(1, items.length) * layout.size);
  const view = new DataView(memory.buffer);
  items.forEach((values, index) => writeStruct(memory, view, index * layout.size, layout, values));
  return memory;
}

/** Memory for `count` structs that C code fills in; `sType` is set and `next` is chained where given. */
export function blank(layout: Layout, count = 1, next?: ArrayBufferView): Uint8Array {
  const values: Record<string, unknown> = next ? { pNext: next } : {};
  return packArray(layout, Array.from({ length: count }, () => values as FieldValues<Layout>));
}

/** Reads the struct at `index` of an array of structs. */
export function unpack<L extends Layout>(layout: L, memory: Uint8Array, index = 0): Unpacked<L> {
  const view = new DataView(memory.buffer, memory.byteOffset, memory.byteLength);
  return readStruct(view, index * layout.size, layout) as Unpacked<L>;
}

/** A zero-terminated UTF-8 text. */
export function cString(text: string): Uint8Array {
  const encoded = new TextEncoder().encode(text);
  const memory = allocate(encoded.length + 1);
  memory.set(encoded);
  return memory;
}

/** An array of pointers; holds what they point to. */
export function pointers(items: readonly ArrayBufferView[]): Uint8Array {
  const memory = allocate(Math.max(1, items.length) * 8);
  const view = new DataView(memory.buffer);
  items.forEach((item, index) => writePointer(memory, view, index * 8, item));
  return memory;
}

/** An array of 64-bit handles, or room for some. */
export function handles(items: readonly bigint[] | number): BigUint64Array {
  const count = typeof items === "number" ? items : items.length;
  const memory = new BigUint64Array(new ArrayBuffer(Math.max(1, count) * 8));
  if (typeof items !== "number") memory.set(items);
  return memory;
}

/** An array of u32, or room for some. */
export function words(items: readonly number[] | number): Uint32Array {
  const count = typeof items === "number" ? items : items.length;
  const memory = new Uint32Array(new ArrayBuffer(Math.max(1, count) * 4));
  if (typeof items !== "number") memory.set(items);
  return memory;
}

function writeStruct(memory: Uint8Array, view: DataView, base: number, layout: Layout, values: object): void {
  if (layout.sType !== undefined) view.setInt32(base, layout.sType, true);
  for (const [name, value] of Object.entries(values)) {
    if (value === undefined) continue;
    const field = layout.fields[name];
    if (!field) throw new TypeError(`${layout.name} has no field ${name}`);
    const [offset, type, count] = field;
    if (count === undefined) {
      writeValue(memory, view, base + offset, type, value);
    } else if (type === "char") {
      memory.set(new TextEncoder().encode(String(value)).subarray(0, count - 1), base + offset);
    } else {
      const items: unknown[] = value;
      if (items.length > count) {
        throw new RangeError(`${layout.name}.${name} holds ${count} values, got ${items.length}`);
      }
      items.forEach((item, i) => writeValue(memory, view, base + offset + i * sizeOf(type), type, item));
    }
  }
}

function writeValue(
  memory: Uint8Array,
  view: DataView,
  at: number,
  type: Scalar | Layout,
  value: unknown,
): void {
  switch (type) {
    case "u8":
    case "char":
      return view.setUint8(at, Number(value));
    case "i32":
      return view.setInt32(at, Number(value), true);
    case "u32":
      return view.setUint32(at, Number(value), true);
    case "u64":
      return view.setBigUint64(at, BigInt(value as bigint | number), true);
    case "f32":
      return view.setFloat32(at, Number(value), true);
    case "pointer":
      return writePointer(memory, view, at, value as Pointable);
    default:
      return writeStruct(memory, view, at, type, value as object);
  }
}

function writePointer(memory: Uint8Array, view: DataView, at: number, value: Pointable): void {
  if (ArrayBuffer.isView(value)) {
    hold(memory, value);
    view.setBigUint64(at, BigInt(addressOf(value)), true);
  } else {
    view.setBigUint64(at, BigInt(value ?? 0), true);
  }
}

/** Where a view's bytes are. Whoever keeps the number must keep the view. */
export function addressOf(view: ArrayBufferView): number {
  // Touching `.buffer` first gives small arrays their final place; see allocate().
  void view.buffer;
  return ptr(view as Uint8Array);
}

function readStruct(view: DataView, base: number, layout: Layout): Record<string, unknown> {
  const values: Record<string, unknown> = {};
  for (const [name, [offset, type, count]] of Object.entries(layout.fields)) {
    const at = base + offset;
    if (count === undefined) values[name] = readValue(view, at, type);
    else if (type === "char") values[name] = readText(view, at, count);
    else values[name] = Array.from({ length: count }, (_, i) => readValue(view, at + i * sizeOf(type), type));
  }
  return values;
}

function readValue(view: DataView, at: number, type: Scalar | Layout): unknown {
  switch (type) {
    case "u8":
    case "char":
      return view.getUint8(at);
    case "i32":
      return view.getInt32(at, true);
    case "u32":
      return view.getUint32(at, true);
    case "u64":
      return view.getBigUint64(at, true);
    case "f32":
      return view.getFloat32(at, true);
    case "pointer":
      return Number(view.getBigUint64(at, true));
    default:
      return readStruct(view, at, type);
  }
}

function readText(view: DataView, at: number, count: number): string {
  const bytes = new Uint8Array(view.buffer, view.byteOffset + at, count);
  const end = bytes.indexOf(0);
  return new TextDecoder().decode(bytes.subarray(0, end < 0 ? count : end));
}

function sizeOf(type: Scalar | Layout): number {
  if (typeof type !== "string") return type.size;
  return { u8: 1, char: 1, i32: 4, u32: 4, u64: 8, f32: 4, pointer: 8 }[type];
}
