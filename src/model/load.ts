import { assert } from "../base/assert.ts";
import { dtypeBytes, elementCount } from "../base/dtype.ts";
import { ModelError } from "../base/errors.ts";
import type { Device } from "../gpu/device.ts";
import { Arena, planBytes, type TensorSpec } from "../gpu/memory.ts";
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

/** What the weights of a checkpoint will take on a device. */
export interface WeightPlan {
  /** Every tensor on the device, in the order of loading. */
  readonly tensors: readonly TensorSpec[];
  /** Bytes of device memory, alignment included. */
  readonly bytes: number;
  /** Bytes that are read from the checkpoint. */
  readonly sourceBytes: number;
}

/**
 * Lists the device tensors of a model. Reads gates from the checkpoint, nothing more.
 *
 * @throws {ModelError} If tensors that belong together differ in dtype.
 */
export function planWeights(config: MllamaConfig, source: WeightSource<WeightDtype>): WeightPlan {
  const jobs: Job[] = [];
  // The structure that this pass builds holds no tensors and is dropped.
  mllamaWeights(config, new Describer(source, (job) => (jobs.push(job), undefined as never)));
  return {
    tensors: jobs,
    bytes: planBytes(jobs),
    sourceBytes: jobs.reduce((sum, job) => sum + job.sourceBytes, 0),
  };
}

/** Loaded weights, and the arena that owns their memory. */
export interface LoadedWeights {
  readonly weights: MllamaWeights;
  readonly arena: Arena;
}

export interface LoadListener {
  /** Called when every tensor has its place and none is read yet: what will use them can be prepared meanwhile. */
  onPlaced?(weights: MllamaWeights): void;
  /** Called with checkpoint bytes read or under way so far, and in all. */
  onProgress?(done: number, total: number): void;
}

/**
 * Allocates the tensors of a model and reads the checkpoint into them.
 *
 * @throws {DeviceError} If the device has not that much memory left.
 * @throws {ModelError} If a file ends early or cannot be read.
 */
export function loadWeights(
  config: MllamaConfig,
  source: WeightSource<WeightDtype>,
  plan: WeightPlan,
  device: Device,
  { onPlaced, onProgress }: LoadListener = {},
): LoadedWeights {
  const arena = new Arena(device, "weights", plan.bytes, "device", { zeroed: false });
  const uploader = new Uploader(device);
  const placed: { job: Job; tensor: Tensor }[] = [];
  const place = (job: Job): Tensor => {
    const tensor = arena.tensor(job.name, job.dtype, job.shape);
    placed.push({ job, tensor });
    return tensor;
  };
  let done = 0;
  let settled = 0;
  const settle = () => {
    source.settle();
    settled = done;
  };
  try {
    const weights = mllamaWeights(config, new Describer(source, place));
    onProgress?.(0, plan.sourceBytes);
    onPlaced?.(weights);
    for (const { job, tensor } of placed) {
      job.fill(tensor, uploader);
      done += job.sourceBytes;
      if (done - settled >= bytesUnderWay) settle();
      onProgress?.(done, plan.sourceBytes);
    }
    settle();
    uploader.flush();
    return { weights, arena };
  } catch (error) {
    // Threads that still read would write into memory that is no longer ours, or somebody else's.
    if (hasSettled(source)) arena.dispose();
    throw error;
  } finally {
    uploader.dispose();
  }
}

/** Whether nothing is being read any more; not so where threads do not answer. */
function hasSettled(source: WeightSource<WeightDtype>): boolean {
  try {
    source.settle();
    return true;
  } catch (error) {
    return error instanceof ModelError; // told when all of it has ended
  }
}

/** One device tensor, and how it is filled from the checkpoint. */
interface Job extends TensorSpec {
  readonly name: string;
  readonly sourceBytes: number;
  fill(tensor: Tensor, uploader: Uploader): void;
}

/** Turns the model's description into jobs; `visit` makes the tensor of each. */
class Describer implements WeightSink {
  readonly #source: WeightSource<WeightDtype>;
  readonly #visit: (job: Job) => Tensor;
  /** Read again and again: gathering hundreds of megabytes should not leave them to the garbage collector. */
  readonly #band = new ArrayBuffer(bandBytes);

  constructor(source: WeightSource<WeightDtype>, visit: (job: Job) => Tensor) {
    this.#source = source;
    this.#visit = visit;
  }

  matrix(columns: number, pieces: readonly Piece[], paddedRows?: number): Matrix {
    const infos = pieces.map((piece) => this.#find(piece.name));
    const dtype = sameDtype(infos);
    const rowBytes = padToFour(columns) * dtypeBytes[dtype];
    return this.#visit({
      name: infos[0]!.name,
      dtype,
      shape: [pieces.reduce((sum, piece) => sum + (paddedRows ?? piece.rows), 0), padToFour(columns)],
      sourceBytes: pieces.reduce((sum, piece) => sum + piece.rows * columns * dtypeBytes[dtype], 0),
      fill: (tensor, uploader) => {
        let row = 0;
        for (const [i, piece] of pieces.entries()) {
          this.#fillPiece(uploader, tensor, row * rowBytes, infos[i]!, piece, columns);
          row += paddedRows ?? piece.rows;
          const padding = ((paddedRows ?? piece.rows) - piece.rows) * rowBytes;
          if (padding > 0) {
            uploader.write(tensor, row * rowBytes - padding, padding, ({ bytes }) => bytes.fill(0));
          }
        }
      },
    }) as Matrix;
  }

  vector(name: string, size: number, options: { row?: number; paddedSize?: number } = {}): Vector {
    const info = this.#find(name);
    const bytes = size * dtypeBytes[info.dtype];
    return this.#visit({
      name,
      dtype: "f32",
      shape: [options.paddedSize ?? size],
      sourceBytes: bytes,
      fill: (tensor, uploader) => {
        const values = new Float32Array(options.paddedSize ?? size);
        values.set(toFloat32(this.#source.read(info, (options.row ?? 0) * bytes, bytes), info.dtype));
        uploader.write(tensor, 0, values.byteLength, copyFrom(new Uint8Array(values.buffer)));
      },
    }) as Vector;
  }

  scalar(name: string): number {
    const info = this.#find(name);
    return toFloat32(this.#source.read(info, 0, dtypeBytes[info.dtype]), info.dtype)[0]!;
  }

  sameDtype(...names: readonly string[]): void {
    sameDtype(names.map((name) => this.#find(name)));
  }

  #find(name: string): TensorInfo<WeightDtype> {
    const info = this.#source.tensors.get(name);
    assert(info, `checkTensors has let "${name}" be missing`);
    return info;
  }

  #fillPiece(
    uploader: Uploader,
    tensor: Tensor,
    offset: number,
    info: TensorInfo<WeightDtype>,
    piece: Piece,
    columns: number,
  ) {
    const size = dtypeBytes[info.dtype];
    const sourceColumns = elementCount(info.shape) / (info.shape[0]! || 1);
    const plain = !piece.columns && columns % 4 === 0;
    if (plain) {
      let read = (piece.firstRow ?? 0) * columns * size;
      uploader.write(tensor, offset, piece.rows * columns * size, ({ bytes }) => {
        // Threads pay for themselves where much is read in place; a staging window is used again at once.
        if (tensor.buffer.mapped && bytes.length >= threadedBytes) this.#source.readLater(info, read, bytes);
        else this.#source.readInto(info, read, bytes);
        read += bytes.length;
      });
      return;
    }
    // Rows whose columns are picked or padded: gathered on the host, a band of rows at a time.
    const { first, step } = piece.columns ?? { first: 0, step: 1 };
    const paddedColumns = padToFour(columns);
    const bandRows = Math.floor(bandBytes / (sourceColumns * size));
    assert(bandRows > 0, `a row of ${info.name} has ${sourceColumns} columns`);
    for (let row = 0; row < piece.rows; row += bandRows) {
      const count = Math.min(bandRows, piece.rows - row);
      const sourceRow = (piece.firstRow ?? 0) + row;
      const band = new Uint8Array(this.#band, 0, count * sourceColumns * size);
      this.#source.readInto(info, sourceRow * sourceColumns * size, band);
      const picked = pickColumns(band, size, count, sourceColumns, { first, step, columns, paddedColumns });
      uploader.write(tensor, offset + row * paddedColumns * size, picked.length, copyFrom(picked));
    }
  }
}

function sameDtype(infos: readonly TensorInfo<WeightDtype>[]): WeightDtype {
  const [first] = infos;
  const other = infos.find((info) => info.dtype !== first!.dtype);
  if (other) {
    throw new ModelError(
      `Cannot load "${first!.name}" (${
        first!.dtype
      }) and "${other.name}" (${other.dtype}): both must have one dtype`,
      "Save the checkpoint again in a single dtype",
    );
  }
  return first!.dtype;
}

/** Tensors from this size on are read by threads; models without one start none. */
const threadedBytes = 8 << 20;

/** Reads under way before they are waited for: the progress that is told runs ahead by this much at most. */
const bytesUnderWay = 256 << 20;

/** Host bytes that a band of gathered rows may take. */
const bandBytes = 4 << 20;

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
