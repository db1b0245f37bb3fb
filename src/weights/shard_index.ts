import { join } from "node:path";
import { ModelError } from "../base/errors.ts";
import { quote } from "../base/quote.ts";
import { type Json, parseStrictJson } from "../base/strict_json.ts";
import { openWeightFile, type WeightFile } from "./file.ts";
import { maxHeaderBytes } from "./safetensors.ts";

export const indexFileName = "model.safetensors.index.json";

/** Which tensors lie in which shard. */
export interface ShardIndex {
  /** File name → names of its tensors, in the index's order of first mention. */
  readonly shards: ReadonlyMap<string, ReadonlySet<string>>;
}

/** More shards would need more open files than a process has by default; 90B has 37. */
const maxShards = 512;

/**
 * Reads `model.safetensors.index.json`. A shard is named by a plain file name: no folder, no `..`, no
 * absolute path. (The file itself may be a link elsewhere, as in the Hugging Face cache.)
 *
 * @throws {ModelError} Naming the file and the entry at fault.
 */
export function readShardIndex(directory: string): ShardIndex {
  const file = openWeightFile(join(directory, indexFileName));
  try {
    if (file.size > maxHeaderBytes) {
      refuse(file, `must have at most ${maxHeaderBytes} bytes, has ${file.size}`);
    }
    return parseIndex(file, parse(file));
  } finally {
    file.close();
  }
}

function parse(file: WeightFile): Json {
  const bytes = file.read(0, file.size);
  try {
    return parseStrictJson(bytes);
  } catch (error) {
    refuse(file, error instanceof SyntaxError ? error.message : String(error));
  }
}

function parseIndex(file: WeightFile, json: Json): ShardIndex {
  const weightMap = json instanceof Map ? json.get("weight_map") : undefined;
  if (!(weightMap instanceof Map) || weightMap.size === 0) {
    refuse(file, "needs an object weight_map with entries");
  }
  const shards = new Map<string, Set<string>>();
  for (const [name, shard] of weightMap) {
    if (typeof shard !== "string") refuse(file, `weight_map ${quote(name)} must be a file name`);
    checkShardName(file, name, shard);
    const names = shards.get(shard);
    if (names) names.add(name);
    else shards.set(shard, new Set([name]));
  }
  if (shards.size > maxShards) refuse(file, `must name at most ${maxShards} shards, names ${shards.size}`);
  return { shards };
}

function checkShardName(file: WeightFile, name: string, shard: string): void {
  // One path segment on every system: no separator, no drive, no leading dot, no control character.
  if (/^[A-Za-z0-9_][A-Za-z0-9._-]{0,200}\.safetensors$/.test(shard)) return;
  refuse(file, `weight_map ${quote(name)} must be a plain *.safetensors file name, is ${quote(shard)}`);
}

function refuse(file: WeightFile, fault: string): never {
  throw new ModelError(
    `Cannot load ${quote(file.path, 1000)}: ${fault}`,
    "The index is damaged or was tampered with: download it again.",
  );
}
