import { closeSync, fsyncSync, lstatSync, openSync, renameSync, rmSync, writeSync } from "node:fs";
import { assert } from "../base/assert.ts";
import { elementCount } from "../base/dtype.ts";
import { ExplainedError } from "../base/errors.ts";

/** A tensor to be written; its shape is known before its numbers are. */
export interface OutputTensor {
  readonly name: string;
  readonly dtype: "f32" | "i32";
  readonly shape: readonly number[];
}

interface Slot {
  readonly tensor: OutputTensor;
  readonly end: number;
  position: number;
}

/**
 * Numbers are written in this machine's order; the format wants the small end first, as every supported
 * system has it.
 */
const isLittleEndian = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1;

/**
 * Writes a safetensors file piece by piece: all names and shapes first, then each tensor's numbers in rows,
 * in any order among tensors. The data section is aligned to 8 bytes. The file appears under its name when it
 * is complete, never half-written; a regular file of that name is replaced, anything else is refused.
 */
export class SafetensorsWriter {
  readonly #path: string;
  readonly #temporary: string;
  readonly #descriptor: number;
  readonly #slots = new Map<string, Slot>();
  #open = true;

  /** @throws {Error} With the system's code, if the file cannot be created. */
  constructor(path: string, tensors: readonly OutputTensor[]) {
    assert(isLittleEndian, "safetensors are written on little-endian machines only");
    const header = headerBytes(tensors);
    this.#path = path;
    this.#temporary = `${path}.${process.pid}.part`;
    let position = header.length;
    for (const tensor of tensors) {
      assert(!this.#slots.has(tensor.name), `tensor ${tensor.name} twice`);
      const end = position + 4 * elementCount(tensor.shape);
      this.#slots.set(tensor.name, { tensor, position, end });
      position = end;
    }
    this.#descriptor = openSync(this.#temporary, "w");
    this.#write(header, 0);
  }

  /** Appends the tensor's next elements, in row-major order. */
  append(name: string, data: Float32Array | Int32Array): void {
    const slot = this.#slots.get(name);
    assert(slot, `no tensor ${name}`);
    assert((data instanceof Float32Array) === (slot.tensor.dtype === "f32"), `dtype of ${name}`);
    assert(slot.position + data.byteLength <= slot.end, `tensor ${name} is full`);
    this.#write(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), slot.position);
    slot.position += data.byteLength;
  }

  /**
   * Gives the file its name. Every tensor must be complete.
   *
   * @throws {ExplainedError} If something that is no regular file has that name by now: a rename would replace it.
   */
  finish(): void {
    for (const { tensor, position, end } of this.#slots.values()) {
      assert(position === end, `tensor ${tensor.name} lacks ${end - position} bytes`);
    }
    fsyncSync(this.#descriptor);
    if (!canReplace(this.#path)) {
      throw new ExplainedError(
        `Cannot write "${this.#path}": it must be a regular file or nothing, and is something else`,
        "Give another name",
      );
    }
    this.#close();
    renameSync(this.#temporary, this.#path);
  }

  /** Removes an unfinished file. Does nothing after `finish`, so that it can stand in a `finally`. */
  dispose(): void {
    if (!this.#open) return;
    this.#close();
    rmSync(this.#temporary, { force: true });
  }

  #write(bytes: Uint8Array, position: number): void {
    assert(this.#open, `write to finished ${this.#path}`);
    for (let done = 0; done < bytes.length;) {
      done += writeSync(this.#descriptor, bytes, done, bytes.length - done, position + done);
    }
  }

  #close(): void {
    closeSync(this.#descriptor);
    this.#open = false;
  }
}

/** Whether a file may take this name: nothing has it, or a regular file, which links, devices and pipes are not. */
function canReplace(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false })?.isFile() ?? true;
}

/** Writes tensors that are all at hand. */
export function writeSafetensors(
  path: string,
  tensors: readonly (OutputTensor & { readonly data: Float32Array | Int32Array })[],
): void {
  const writer = new SafetensorsWriter(path, tensors);
  try {
    for (const { name, data } of tensors) writer.append(name, data);
    writer.finish();
  } finally {
    writer.dispose();
  }
}

/** Length, JSON, and spaces up to a multiple of 8, as the format allows. */
function headerBytes(tensors: readonly OutputTensor[]): Uint8Array {
  let end = 0;
  const entries = tensors.map(({ name, dtype, shape }) => {
    const begin = end;
    end += 4 * elementCount(shape);
    return [name, { dtype: dtype.toUpperCase(), shape, data_offsets: [begin, end] }] as const;
  });
  const json = new TextEncoder().encode(JSON.stringify(Object.fromEntries(entries)));
  const length = Math.ceil(json.length / 8) * 8;
  const bytes = new Uint8Array(8 + length).fill(0x20);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(length), true);
  bytes.set(json, 8);
  return bytes;
}
