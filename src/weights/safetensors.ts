import { ModelError } from "../base/errors.ts";
import { quote } from "../base/quote.ts";
import { type Json, type JsonObject, parseStrictJson } from "../base/strict_json.ts";
import type { WeightFile } from "./file.ts";
import { type FileDtype, fileDtypeBytes, type TensorInfo } from "./source.ts";

/** A tensor and the place of its first byte in its file. */
export interface PlacedTensor extends TensorInfo<FileDtype> {
  readonly position: number;
}

/**
 * Longest header, or index of shards, that is read. The format's own reader allows 100 MB, which a hostile
 * file can turn into 20 seconds and 3 GB of parsing; the whole 90B model needs 0.2 MB, and this much takes a
 * second.
 */
export const maxHeaderBytes = 16_000_000;

/** More axes than any model has; keeps a hostile shape short. */
const maxRank = 8;

/** Names of the format. Packed types below one byte are left out: no Mllama checkpoint uses them. */
const dtypes: ReadonlyMap<string, FileDtype> = new Map([
  ["BOOL", "bool"],
  ["U8", "u8"],
  ["I8", "i8"],
  ["F8_E4M3", "f8_e4m3"],
  ["F8_E5M2", "f8_e5m2"],
  ["I16", "i16"],
  ["U16", "u16"],
  ["F16", "f16"],
  ["BF16", "bf16"],
  ["I32", "i32"],
  ["U32", "u32"],
  ["F32", "f32"],
  ["I64", "i64"],
  ["U64", "u64"],
  ["F64", "f64"],
]);

/**
 * Reads and checks the header of a safetensors file: 8 bytes little-endian length, JSON, data. Nothing is
 * allocated from a number of the file before that number is known to lie inside the file.
 *
 * Refused: a header beyond 16 MB or the file, JSON that is not strict (duplicate names, deep nesting, bad
 * UTF-8), unknown fields, a dtype or shape whose size differs from its byte range, and byte ranges that
 * overlap, leave a gap, or do not end exactly where the file ends (bytes behind the data would make the file
 * two files at once). Source: the format's description in the safetensors repository, README, section
 * "Format".
 *
 * @throws {ModelError} Naming the file and, where there is one, the tensor.
 */
export function readSafetensorsHeader(file: WeightFile): Map<string, PlacedTensor> {
  const header = parseHeader(file);
  const dataStart = 8 + header.bytes;
  const tensors = new Map<string, PlacedTensor>();
  for (const [name, entry] of header.json) {
    if (name === "__metadata__") checkMetadata(file, entry);
    else tensors.set(name, placedTensor(file, dataStart, name, entry));
  }
  checkCoverage(file, dataStart, tensors);
  return tensors;
}

function parseHeader(file: WeightFile): { json: JsonObject; bytes: number } {
  if (file.size < 8) refuse(file, `must begin with an 8-byte header length, has ${file.size} bytes`);
  const prefix = file.read(0, 8);
  const length = new DataView(prefix.buffer, prefix.byteOffset, 8).getBigUint64(0, true);
  const limit = Math.min(maxHeaderBytes, file.size - 8);
  if (length < 2n || length > BigInt(limit)) {
    refuse(file, `header must have 2 to ${limit} bytes, the file says ${length}`);
  }
  const bytes = Number(length);
  const text = file.read(8, bytes);
  if (text[0] !== 0x7b) refuse(file, 'header must begin with "{"');
  let json: Json;
  try {
    json = parseStrictJson(text);
  } catch (error) {
    refuse(file, `header: ${error instanceof SyntaxError ? error.message : String(error)}`);
  }
  // The first character was "{".
  return { json: json as JsonObject, bytes };
}

function checkMetadata(file: WeightFile, entry: Json): void {
  const valid = entry instanceof Map && entry.values().every((value) => typeof value === "string");
  if (!valid) refuse(file, '"__metadata__" must be an object of strings');
}

function placedTensor(file: WeightFile, dataStart: number, name: string, entry: Json): PlacedTensor {
  const fail = (fault: string): never => refuse(file, `tensor ${quote(name)}: ${fault}`);
  if (!(entry instanceof Map)) return fail("must be an object");
  for (const key of entry.keys()) {
    if (key !== "dtype" && key !== "shape" && key !== "data_offsets") fail(`unknown field ${quote(key)}`);
  }
  const dtypeName = entry.get("dtype");
  const dtype = typeof dtypeName === "string" ? dtypes.get(dtypeName) : undefined;
  if (dtype === undefined) {
    const have = typeof dtypeName === "string" ? quote(dtypeName) : "none";
    return fail(`dtype must be one of ${[...dtypes.keys()].join(", ")}, the file says ${have}`);
  }
  const shape = entry.get("shape");
  if (!isSizes(shape) || shape.length > maxRank) {
    return fail(`shape must be at most ${maxRank} integers from 0 to 2^53 - 1`);
  }
  const offsets = entry.get("data_offsets");
  if (!isSizes(offsets) || offsets.length !== 2) {
    return fail("data_offsets must be two integers from 0 to 2^53 - 1");
  }
  const [begin, end] = offsets as [number, number];
  const dataBytes = file.size - dataStart;
  if (begin > end || end > dataBytes) {
    return fail(`data_offsets [${begin}, ${end}] must rise and end within the ${dataBytes} bytes of data`);
  }
  let bytes = fileDtypeBytes[dtype];
  for (const size of shape) {
    // Each step is checked, so that a later 0 cannot hide a product that no f64 holds.
    bytes *= size;
    if (!Number.isSafeInteger(bytes)) return fail(`[${shape}] ${dtype} has more than 2^53 - 1 bytes`);
  }
  if (bytes !== end - begin) {
    fail(`[${shape}] ${dtype} needs ${bytes} bytes, data_offsets give ${end - begin}`);
  }
  return { name, dtype, shape, bytes, file: file.path, position: dataStart + begin };
}

/** Sorted by place, every tensor must begin where the one before ended, and the last must end the file. */
function checkCoverage(
  file: WeightFile,
  dataStart: number,
  tensors: ReadonlyMap<string, PlacedTensor>,
): void {
  const inOrder = [...tensors.values()].sort((a, b) => a.position - b.position || a.bytes - b.bytes);
  let covered = dataStart;
  for (const { name, position, bytes } of inOrder) {
    if (position !== covered) {
      const fault = position < covered ? "overlaps the tensor before it" : "leaves a gap before it";
      refuse(file, `tensor ${quote(name)}: ${fault} (begins at byte ${position}, expected ${covered})`);
    }
    covered += bytes;
  }
  if (covered !== file.size) {
    refuse(
      file,
      `data must end at the end of the file: tensors end at byte ${covered}, the file has ${file.size}`,
    );
  }
}

function isSizes(value: Json | undefined): value is number[] {
  return Array.isArray(value) && value.every((size) => Number.isSafeInteger(size) && (size as number) >= 0);
}

function refuse(file: WeightFile, fault: string): never {
  throw new ModelError(
    `Cannot load ${quote(file.path, 1000)}: ${fault}`,
    "The file is damaged or was not written by safetensors: download it again and compare its sha256.",
  );
}
