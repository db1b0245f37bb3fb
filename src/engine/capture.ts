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
      cmd.copy(tensor, copy);
      this.#copies.push({ name, arena, copy });
    };
  }

  /** After the recording has run: adds the rows of every copy behind those of the same name, and frees the copies. */
  collect(into: Map<string, FloatTensor>): void {
    for (const { name, arena, copy } of this.#copies) {
      const bytes = arena.view(copy);
      const rows = new Float32Array(bytes.slice().buffer);
      const before = into.get(name);
      into.set(name, before ? appendRows(before, rows) : { shape: copy.shape, data: rows });
      arena.dispose();
    }
    this.#copies.length = 0;
  }
}

function appendRows(before: FloatTensor, rows: Float32Array): FloatTensor {
  const data = new Float32Array(before.data.length + rows.length);
  data.set(before.data);
  data.set(rows, before.data.length);
  const rest = before.shape.slice(1);
  return { shape: [data.length / elementCount(rest), ...rest], data };
}
