import { ModelError } from "../base/errors.ts";
import { quote } from "../base/quote.ts";
import { isCommit } from "./repository.ts";

/** How the hub says what is in a file: of large files the hash of their bytes, of others git's. */
export interface FileHash {
  readonly algorithm: "sha256" | "git-sha1";
  /** Lower-case hexadecimal; the file's name among the blobs of the cache. */
  readonly hex: string;
}

/** A file of a repository. */
export interface HubFile {
  readonly path: string;
  readonly size: number;
  readonly hash: FileHash;
}

/** One commit of a repository: what the model runs from, and nothing else. */
export interface HubListing {
  readonly commit: string;
  readonly files: readonly HubFile[];
}

/** What this program reads of a checkpoint besides its weights. */
const smallFiles = [
  "config.json",
  "generation_config.json",
  "preprocessor_config.json",
  "processor_config.json",
  "tokenizer.json",
  "tokenizer_config.json",
  "special_tokens_map.json",
  "chat_template.json",
  "chat_template.jinja",
];
/** Without one of these there is no model. */
const neededFiles = ["config.json", "tokenizer.json"];
const singleWeights = "model.safetensors";
const shardIndex = "model.safetensors.index.json";
const shardName = /^model-\d{5}-of-\d{5}\.safetensors$/;

/** More than a repository of a model has by far. */
const maxFiles = 10_000;
/** Far above every shard, and small enough for exact arithmetic over all of them. */
const maxFileBytes = 2 ** 42;
const modelType = "mllama";

/**
 * Reads the hub's description of a commit and picks the files to fetch, small ones first. The description is
 * foreign: nothing in it becomes part of a path before it is checked.
 *
 * @param name the repository's, for messages
 * @throws {ModelError} If it is malformed, or describes no model that this program runs.
 */
export function readListing(body: unknown, name: string): HubListing {
  const info = recordOf(body) ?? refuse(name, "it must be an object");
  const { sha, siblings } = info;
  if (typeof sha !== "string" || !isCommit(sha)) refuse(name, `"sha" must be a commit, is ${show(sha)}`);
  if (!Array.isArray(siblings) || siblings.length > maxFiles) {
    refuse(name, `"siblings" must list at most ${maxFiles} files`);
  }
  const type = recordOf(info.config)?.model_type;
  if (typeof type === "string" && type !== modelType) {
    throw new ModelError(
      `${name} has a model of type ${quote(type)}, and this program runs "${modelType}", Llama 3.2 Vision`,
      "Name a repository of Llama 3.2 Vision, 11b or 90b",
    );
  }
  const entries = siblings.map((entry) => recordOf(entry) ?? refuse(name, "a file must be an object"));
  const paths = entries.map(({ rfilename }) => safePath(rfilename, name));
  const wanted = new Set(chooseFiles(paths, name));
  const files = entries.filter((_, i) => wanted.has(paths[i]!)).map((entry) => readFile(entry, name));
  return { commit: sha, files: files.toSorted((a, b) => a.size - b.size || (a.path < b.path ? -1 : 1)) };
}

/** Names below the repository's folder on every system; `../`, drives and control characters are no names. */
function safePath(path: unknown, name: string): string {
  const isSafe = typeof path === "string" && path.length <= 1000 &&
    path.split("/").every((part) => part !== "" && part !== "." && part !== "..") &&
    // deno-lint-ignore no-control-regex -- control characters are what this pattern is about
    !/[\u0000-\u001f\u007f\\:]/.test(path);
  return isSafe ? path : refuse(name, `a file must have a path inside the repository, not ${show(path)}`);
}

function chooseFiles(paths: readonly string[], name: string): string[] {
  const folded = new Map<string, string>();
  for (const path of paths.filter((path) => !path.includes("/"))) {
    const other = folded.get(path.toLowerCase());
    // On a file system that takes both for one, the second would replace the first.
    if (other !== undefined) refuse(name, `${quote(other)} and ${quote(path)} are one name on some systems`);
    folded.set(path.toLowerCase(), path);
  }
  const missing = neededFiles.find((path) => !paths.includes(path));
  if (missing !== undefined) noModel(name, `it has no ${missing}`);
  const small = paths.filter((path) => smallFiles.includes(path));
  // As they are opened: the single file wins.
  if (paths.includes(singleWeights)) return [...small, singleWeights];
  const shards = paths.filter((path) => shardName.test(path));
  if (!paths.includes(shardIndex) || shards.length === 0) noModel(name, "it has no safetensors files");
  return [...small, shardIndex, ...shards];
}

function readFile(entry: Record<string, unknown>, name: string): HubFile {
  const path = entry.rfilename as string;
  const lfs = recordOf(entry.lfs);
  const size = lfs?.size ?? entry.size;
  if (typeof size !== "number" || !Number.isSafeInteger(size) || size < 0 || size > maxFileBytes) {
    refuse(name, `the size of ${quote(path)} must be a number of bytes, is ${show(size)}`);
  }
  const [algorithm, digits, hex] = lfs
    ? ["sha256" as const, 64, lfs.sha256 ?? lfs.oid]
    : ["git-sha1" as const, 40, entry.blobId];
  if (typeof hex !== "string" || hex.length !== digits || !/^[0-9a-f]+$/.test(hex)) {
    refuse(name, `the hash of ${quote(path)} must be ${digits} hexadecimal digits, is ${show(hex)}`);
  }
  return { path, size, hash: { algorithm, hex } };
}

function recordOf(value: unknown): Record<string, unknown> | undefined {
  return typeof value === "object" && value !== null && !Array.isArray(value)
    ? value as Record<string, unknown>
    : undefined;
}

function show(value: unknown): string {
  return quote(typeof value === "string" ? value : JSON.stringify(value) ?? "nothing");
}

function noModel(name: string, fault: string): never {
  throw new ModelError(
    `${name} is no checkpoint in Hugging Face layout: ${fault}`,
    "Name a repository of Llama 3.2 Vision with safetensors files, 11b or 90b",
  );
}

function refuse(name: string, fault: string): never {
  throw new ModelError(
    `Cannot use what the hub says about ${name}: ${fault}`,
    "Check HF_ENDPOINT: what answers there speaks another language, or not the truth",
  );
}
