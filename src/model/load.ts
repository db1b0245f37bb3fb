import { assert } from "../base/assert.ts";
import { type Dtype, dtypeBytes, elementCount } from "../base/dtype.ts";
import { ModelError } from "../base/errors.ts";
import type { Device } from "../gpu/device.ts";
import { Arena, type GpuBuffer, planBytes } from "../gpu/memory.ts";
import { Uploader } from "../gpu/staging.ts";
import type { Tensor } from "../gpu/tensor.ts";
import type { TensorInfo, WeightSource } from "../weights/source.ts";
import type { WeightDtype } from "./check_tensors.ts";
import type { MllamaConfig } from "./config.ts";
import { toFloat32 } from "./float_formats.ts";
import {
  type Matrix,
  type MllamaWeights,
  mllamaWeights,
  padToFour,
  type Piece,
  type Vector,
  type WeightSink,
} from "./weights.ts";

/** One device tensor to be filled: from pieces of the checkpoint, or with values computed at once. */
interface Job {
  readonly tensor: Tensor;
  readonly sourceBytes: number;
  fill(uploader: Uploader): void;
}

/** A model's weights before they are loaded: their structure, and what they will take. */
export interface WeightPlan {
  readonly weights: MllamaWeights;
  readonly jobs: readonly Job[];
  /** Bytes of device memory, alignment included. */
  readonly bytes: number;
}

/** Finds every tensor of the model in the checkpoint. Reads only gates; nothing is allocated on a device. */
export function planWeights(config: MllamaConfig, source: WeightSource<WeightDtype>): WeightPlan {
  const collector = new Collector(source);
  const weights = mllamaWeights(config, collector);
  return { weights, jobs: collector.jobs, bytes: planBytes(collector.jobs.map((job) => job.tensor)) };
}

/**
 * Allocates the plan's tensors and reads the checkpoint into them. The returned arena owns the memory.
 *
 * @param onProgress called with checkpoint bytes read so far and in all
 */
export function loadWeights(
  plan: WeightPlan,
  device: Device,
  onProgress: (done: number, total: number) => void = () => {},
): Arena {
  const arena = new Arena(device, "weights", plan.bytes, "device");
  const total = plan.jobs.reduce((sum, job) => sum + job.sourceBytes, 0);
  const uploader = new Uploader(device);
  try {
    let done = 0;
    for (const job of plan.jobs) {
      Object.assign(job.tensor, arena.tensor(job.tensor.name, job.tensor.dtype, job.tensor.shape));
      job.fill(uploader);
      done += job.sourceBytes;
      onProgress(done, total);
    }
    uploader.flush();
  } catch (error) {
    arena.dispose();
    throw error;
  } finally {
    uploader.dispose();
  }
  return arena;
}

class Collector implements WeightSink {
  readonly jobs: Job[] = [];
  readonly #source: WeightSource<WeightDtype>;

  constructor(source: WeightSource<WeightDtype>) {
    this.#source = source;
  }

  matrix(columns: number, pieces: readonly Piece[], paddedRows?: number): Matrix {
    const infos = pieces.map((piece) => this.#find(piece.name));
    const dtype = infos[0]!.dtype;
    const other = infos.find((info) => info.dtype !== dtype);
    if (other) {
      throw new ModelError(
        `Cannot stack "${
          infos[0]!.name
        }" (${dtype}) and "${other.name}" (${other.dtype}): both must have one dtype`,
        "Save the checkpoint again in a single dtype",
      );
    }
    const rows = pieces.reduce((sum, piece) => sum + (paddedRows ?? piece.rows), 0);
    const tensor = unplaced(infos[0]!.name, dtype, [rows, padToFour(columns)]);
    const rowBytes = padToFour(columns) * dtypeBytes[dtype];
    this.jobs.push({
      tensor,
      sourceBytes: pieces.reduce((sum, piece) => sum + piece.rows * columns * dtypeBytes[dtype], 0),
      fill: (uploader) => {
        let row = 0;
        for (const [i, piece] of pieces.entries()) {
          this.#fillPiece(uploader, tensor, row * rowBytes, infos[i]!, piece, columns);
          row += paddedRows ?? piece.rows;
        }
      },
    });
    return tensor;
  }

  vector(name: string, size: number, options: { row?: number; paddedSize?: number } = {}): Vector {
    const info = this.#find(name);
    const bytes = size * dtypeBytes[info.dtype];
    const tensor = unplaced(name, "f32", [options.paddedSize ?? size]);
    this.jobs.push({
      tensor,
      sourceBytes: bytes,
      fill: (uploader) => {
        const values = toFloat32(this.#source.read(info, (options.row ?? 0) * bytes, bytes), info.dtype);
        uploader.write(tensor, 0, values.byteLength, copyFrom(new Uint8Array(values.buffer)));
      },
    });
    return tensor;
  }

  scalar(name: string): number {
    const info = this.#find(name);
    return toFloat32(this.#source.read(info, 0, dtypeBytes[info.dtype]), info.dtype)[0]!;
  }

  #find(name: string): TensorInfo<WeightDtype> {
    const info = this.#source.tensors.get(name);
    assert(info, `checkTensors has let "${name}" be missing`);
    return info;
  }

  #fillPiece(
    uploader: Uploader,
    tensor: Matrix,
    offset: number,
    info: TensorInfo<WeightDtype>,
    piece: Piece,
    columns: number,
  ) {
    const size = dtypeBytes[info.dtype];
    const sourceColumns = elementCount(info.shape) / (info.shape[0]! || 1);
    const plain = !piece.columns && columns % 4 === 0;
    if (plain) {
      const begin = (piece.firstRow ?? 0) * columns * size;
      let read = begin;
      uploader.write(tensor, offset, piece.rows * columns * size, ({ bytes }) => {
        this.#source.readInto(info, read, bytes);
        read += bytes.length;
      });
      return;
    }
    // Rows whose columns are picked or padded: gathered on the host, a band of rows at a time.
    const { first, step } = piece.columns ?? { first: 0, step: 1 };
    const paddedColumns = padToFour(columns);
    const bandRows = Math.max(1, Math.floor(bandBytes / (sourceColumns * size)));
    for (let row = 0; row < piece.rows; row += bandRows) {
      const count = Math.min(bandRows, piece.rows - row);
      const sourceRow = (piece.firstRow ?? 0) + row;
      const band = this.#source.read(info, sourceRow * sourceColumns * size, count * sourceColumns * size);
      const picked = pickColumns(band, size, count, sourceColumns, { first, step, columns, paddedColumns });
      uploader.write(tensor, offset + row * paddedColumns * size, picked.length, copyFrom(picked));
    }
  }
}

/** Host bytes that a band of gathered rows may take. */
const bandBytes = 16 << 20;

function pickColumns(
  band: Uint8Array<ArrayBuffer>,
  size: number,
  rows: number,
  sourceColumns: number,
  pick: { first: number; step: number; columns: number; paddedColumns: number },
): Uint8Array {
  const View = size === 2 ? Uint16Array : Uint32Array;
  const from = new View(band.buffer, band.byteOffset, band.byteLength / size);
  const to = new View(rows * pick.paddedColumns);
  for (let row = 0; row < rows; row++) {
    let source = row * sourceColumns + pick.first;
    const target = row * pick.paddedColumns;
    for (let column = 0; column < pick.columns; column++, source += pick.step) {
      to[target + column] = from[source]!;
    }
  }
  return new Uint8Array(to.buffer);
}

/** A fill function that hands out `source` window by window, in order. */
function copyFrom(source: Uint8Array): (target: { bytes: Uint8Array }) => void {
  let begin = 0;
  return ({ bytes }) => {
    bytes.set(source.subarray(begin, begin + bytes.length));
    begin += bytes.length;
  };
}

/** A tensor that has no place yet; loadWeights gives it one before any kernel sees it. */
function unplaced<D extends Dtype>(name: string, dtype: D, shape: readonly number[]): Tensor<D> {
  return { name, dtype, shape, buffer: undefined as unknown as GpuBuffer, offset: 0 };
}
