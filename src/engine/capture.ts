import { assert } from "../base/assert.ts";
import { elementCount } from "../base/dtype.ts";
import type { Device } from "../gpu/device.ts";
import { Arena, planBytes } from "../gpu/memory.ts";
import type { Recorder } from "../gpu/recorder.ts";
import type { Tensor } from "../gpu/tensor.ts";
import type { Tap } from "../model/vision.ts";

/** Values on the host, row-major. */
export interface FloatTensor {
  readonly shape: readonly number[];
  readonly data: Float32Array;
}

/** What several captures have brought back: pieces of each tensor, in the order of their rows. */
export class Captured {
  readonly #pieces = new Map<string, { shape: readonly number[]; rows: Float32Array[] }>();

  add(name: string, shape: readonly number[], rows: Float32Array): void {
    const entry = this.#pieces.get(name);
    if (entry) entry.rows.push(rows);
    else this.#pieces.set(name, { shape, rows: [rows] });
  }

  names(): string[] {
    return [...this.#pieces.keys()];
  }

  /** All rows of a tensor so far; throws if there are none. */
  get(name: string): FloatTensor {
    const entry = this.#pieces.get(name);
    assert(entry, `nothing captured under "${name}"`);
    const data = new Float32Array(entry.rows.reduce((sum, rows) => sum + rows.length, 0));
    let begin = 0;
    for (const rows of entry.rows) {
      data.set(rows, begin);
      begin += rows.length;
    }
    const rest = entry.shape.slice(1);
    return { shape: [data.length / elementCount(rest), ...rest], data };
  }
}

/** Copies of tensors that one recording passes by, brought back to the host. For traces and tests: it allocates. */
export class Capture {
  readonly #device: Device;
  readonly #copies: { name: string; arena: Arena; copy: Tensor<"f32"> }[] = [];

  /** @param wants which names to keep */
  constructor(device: Device, readonly wants: (name: string) => boolean) {
    this.#device = device;
  }

  /** A tap that records a copy of every wanted tensor into `cmd`. */
  tap(cmd: Recorder): Tap {
    return (name, tensor) => {
      if (!this.wants(name)) return;
      const arena = new Arena(this.#device, `capture ${name}`, planBytes([tensor]), "readback");
      const copy = arena.tensor(name, "f32", tensor.shape);
      this.#copies.push({ name, arena, copy });
      cmd.copy(tensor, copy);
    };
  }

  /** After the recording has run: adds the copies to `into`, each behind those of the same name. */
  collect(into: Captured): void {
    for (const { name, arena, copy } of this.#copies) {
      into.add(name, copy.shape, new Float32Array(arena.view(copy).slice().buffer));
    }
  }

  /** Frees the copies on the device. */
  dispose(): void {
    for (const { arena } of this.#copies.splice(0)) arena.dispose();
  }
}
