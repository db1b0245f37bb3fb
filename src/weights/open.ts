import { readdirSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { assert } from "../base/assert.ts";
import { ModelError, ModelNotFoundError } from "../base/errors.ts";
import { quote } from "../base/quote.ts";
import { openWeightFile, type WeightFile } from "./file.ts";
import { ParallelReader } from "./parallel_reader.ts";
import { type PlacedTensor, readSafetensorsHeader } from "./safetensors.ts";
import { indexFileName, readShardIndex, type ShardIndex } from "./shard_index.ts";
import type { FileDtype, TensorInfo, WeightSource } from "./source.ts";

const singleFileName = "model.safetensors";

/** Formats whose loading may run code of the file's author, or that are not read here. */
const refusedFormats = /\.(bin|pth|pt|pkl|pickle|ckpt|npz|h5|msgpack|gguf|onnx)$/i;

/**
 * Opens the weights of a model directory in Hugging Face layout: `model.safetensors`, or the shards that
 * `model.safetensors.index.json` names. All headers are read and checked, no tensor is.
 *
 * @throws {ModelNotFoundError} If there is no such directory.
 * @throws {ModelError} If the directory holds other formats only, a file is damaged, or index and shards disagree.
 */
export function openWeights(directory: string): WeightSource<FileDtype> {
  const entries = list(directory);
  if (entries.includes(singleFileName)) return openFiles(directory, [singleFileName], undefined);
  if (entries.includes(indexFileName)) {
    const index = readShardIndex(directory);
    checkNoExtraShard(directory, entries, index);
    return openFiles(directory, [...index.shards.keys()], index);
  }
  throw noWeights(directory, entries);
}

function openFiles(
  directory: string,
  names: readonly string[],
  index: ShardIndex | undefined,
): WeightSource<FileDtype> {
  const files: WeightFile[] = [];
  try {
    const source = new SafetensorsSource();
    for (const name of names) {
      const file = openWeightFile(join(directory, name));
      files.push(file);
      const header = readSafetensorsHeader(file);
      if (index) checkShard(file.path, name, header, index);
      source.add(file, header);
    }
    return source;
  } catch (error) {
    for (const file of files) file.close();
    throw error;
  }
}

/** More bring nothing: the memory's bandwidth is reached. */
const readerThreads = Math.min(4, availableParallelism());

class SafetensorsSource implements WeightSource<FileDtype> {
  readonly tensors = new Map<string, PlacedTensor>();
  readonly #files = new Map<string, WeightFile>();
  #reader: ParallelReader | undefined;

  add(file: WeightFile, header: ReadonlyMap<string, PlacedTensor>): void {
    this.#files.set(file.path, file);
    for (const [name, tensor] of header) this.tensors.set(name, tensor);
  }

  readInto(info: TensorInfo<FileDtype>, byteOffset: number, target: Uint8Array): void {
    const { file, position } = this.#place(info, byteOffset, target.length);
    this.#files.get(file)!.readInto(position + byteOffset, target);
  }

  /** The tensor with its place in the file, and that the range lies in it. */
  #place(info: TensorInfo<FileDtype>, byteOffset: number, byteLength: number): PlacedTensor {
    const tensor = this.tensors.get(info.name);
    assert(tensor === info, `tensor ${info.name} is not of this source`);
    assert(0 <= byteOffset && byteOffset + byteLength <= tensor.bytes, `range of tensor ${info.name}`);
    return tensor;
  }

  read(
    info: TensorInfo<FileDtype>,
    byteOffset = 0,
    byteLength = info.bytes - byteOffset,
  ): Uint8Array<ArrayBuffer> {
    const target = new Uint8Array(byteLength);
    this.readInto(info, byteOffset, target);
    return target;
  }

  readLater(info: TensorInfo<FileDtype>, byteOffset: number, target: Uint8Array): void {
    const { file, position } = this.#place(info, byteOffset, target.length);
    if (!this.#files.get(file)!.onDisk) return this.readInto(info, byteOffset, target);
    this.#reader ??= new ParallelReader(readerThreads);
    this.#reader.read(file, position + byteOffset, target);
  }

  settle(): void {
    this.#reader?.settle();
  }

  close(): void {
    this.#reader?.close();
    this.#reader = undefined;
    for (const file of this.#files.values()) file.close();
  }
}

/** A shard holds exactly the tensors that the index sends there. */
function checkShard(
  path: string,
  shard: string,
  header: ReadonlyMap<string, PlacedTensor>,
  index: ShardIndex,
): void {
  const listed = index.shards.get(shard)!;
  for (const name of header.keys()) {
    if (!listed.has(name)) {
      refuseShard(path, `holds tensor ${quote(name)}, which ${indexFileName} does not put there`);
    }
  }
  for (const name of listed) {
    if (!header.has(name)) {
      refuseShard(path, `tensor ${quote(name)} is missing, which ${indexFileName} puts there`);
    }
  }
}

function refuseShard(path: string, fault: string): never {
  throw new ModelError(
    `Cannot load ${quote(path, 1000)}: ${fault}`,
    "The shards and the index are not of the same download: fetch them all again.",
  );
}

/**
 * `model-00006-of-00005.safetensors` beside an index that knows five shards is a sign of two mixed downloads.
 */
function checkNoExtraShard(directory: string, entries: readonly string[], index: ShardIndex): void {
  const extra = entries.find((name) =>
    /^model-\d+-of-\d+\.safetensors$/.test(name) && !index.shards.has(name)
  );
  if (extra !== undefined) refuseShard(join(directory, extra), `the shard is not named in ${indexFileName}`);
}

function list(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch (error) {
    throw new ModelNotFoundError(
      `Cannot open model directory ${quote(directory, 1000)}: ${
        error instanceof Error ? error.message : error
      }`,
      "MODEL must be a directory with config.json and *.safetensors files, as published on Hugging Face.",
      { cause: error },
    );
  }
}

function noWeights(directory: string, entries: readonly string[]): ModelError {
  const need = `need ${singleFileName} or ${indexFileName}`;
  const have = entries.filter((name) => refusedFormats.test(name) || name.endsWith(".safetensors"));
  const shown = have.length === 0 ? "no weights" : have.slice(0, 3).map((name) => quote(name)).join(", ");
  const remedy = have.some((name) => name.endsWith(".safetensors"))
    ? `Download ${indexFileName} from the same repository.`
    : have.length === 0
    ? "Download the *.safetensors files of the model into this directory."
    : "Only safetensors files are read, because loading the others may run code: use the repository's safetensors version.";
  return new ModelError(`Cannot load weights from ${quote(directory, 1000)}: ${need}, have ${shown}`, remedy);
}
