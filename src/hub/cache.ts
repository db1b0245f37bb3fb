import { existsSync, lstatSync, readdirSync, rmSync, statSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { readSmallFile } from "../base/small_file.ts";
import { isCommit, isRepository, type RepositoryRevision } from "./repository.ts";

const folderPrefix = "models--";
const shardIndex = "model.safetensors.index.json";
const singleWeights = "model.safetensors";
const maxConfigBytes = 1 << 20;
const maxIndexBytes = 64 << 20;

/** Folders of one repository, as all programs that use the hub lay them out. */
export interface RepositoryFolders {
  readonly root: string;
  readonly blobs: string;
  readonly refs: string;
  readonly snapshots: string;
  readonly lock: string;
}

/** One version of a model that lies in the cache. */
export interface CachedModel extends RepositoryRevision {
  readonly commit: string;
  /** Directory with the checkpoint's files. */
  readonly path: string;
  readonly files: readonly { readonly name: string; readonly bytes: number }[];
  readonly bytes: number;
  /** What is not there and is needed; empty if the model can run. */
  readonly missing: readonly string[];
  /** When the last of its files came, in ms since 1970. */
  readonly modified: number;
}

export function repositoryFolders(cache: string, repository: string): RepositoryFolders {
  const name = folderPrefix + repository.replace("/", "--");
  const root = join(cache, name);
  return {
    root,
    blobs: join(root, "blobs"),
    refs: join(root, "refs"),
    snapshots: join(root, "snapshots"),
    lock: join(cache, ".locks", name, "llamav.lock"),
  };
}

/** The models in the cache that this program can run, or could once they are complete; one for each commit. */
export function listCache(cache: string): CachedModel[] {
  return entries(cache).filter((name) => name.startsWith(folderPrefix)).flatMap((name) => {
    const repository = name.slice(folderPrefix.length).replace("--", "/");
    if (!isRepository(repository)) return [];
    const { refs, snapshots } = repositoryFolders(cache, repository);
    const names = new Map(
      branches(refs).map((revision) => [readRef(join(refs, revision)), revision] as const),
    );
    return entries(snapshots).filter(isCommit).flatMap((commit) => {
      const model = readSnapshot(repository, names.get(commit) ?? commit, commit, join(snapshots, commit));
      return model ? [model] : [];
    });
  });
}

/** The version that a revision means, if it is in the cache. */
export function findCached(
  cache: string,
  { repository, revision }: RepositoryRevision,
): CachedModel | undefined {
  const { refs, snapshots } = repositoryFolders(cache, repository);
  const commit = isCommit(revision) ? revision : readRef(join(refs, revision));
  return commit === undefined
    ? undefined
    : readSnapshot(repository, revision, commit, join(snapshots, commit));
}

/** Removes all versions of a repository, and what has come of others. Nobody must be writing there. */
export function removeCached(cache: string, repository: string): void {
  rmSync(repositoryFolders(cache, repository).root, { recursive: true, force: true });
}

/** The repository that a directory is a version of, if it lies in a cache of the hub. */
export function repositoryOf(directory: string): string | undefined {
  const path = resolve(directory);
  const name = basename(dirname(dirname(path)));
  if (!isCommit(basename(path)) || basename(dirname(path)) !== "snapshots") return undefined;
  return name.startsWith(folderPrefix) ? name.slice(folderPrefix.length).replace("--", "/") : undefined;
}

function readSnapshot(
  repository: string,
  revision: string,
  commit: string,
  path: string,
): CachedModel | undefined {
  const names = entries(path);
  if (!isOurs(path)) return undefined;
  const sizes = names.flatMap((name) => {
    const found = statSync(join(path, name), { throwIfNoEntry: false });
    return found?.isFile() ? [{ name, bytes: found.size, modified: found.mtimeMs }] : [];
  });
  const present = new Set(sizes.map(({ name }) => name));
  const files = sizes.map(({ name, bytes }) => ({ name, bytes }));
  const missing = neededFiles(path).filter((name) => !present.has(name));
  return {
    repository,
    revision,
    commit,
    path,
    files,
    bytes: files.reduce((sum, { bytes }) => sum + bytes, 0),
    missing,
    modified: Math.max(0, ...sizes.map(({ modified }) => modified)),
  };
}

/** A cache is full of other models too. */
function isOurs(path: string): boolean {
  const config = readJson(join(path, "config.json"), maxConfigBytes);
  return (config as { model_type?: unknown } | undefined)?.model_type === "mllama";
}

function neededFiles(path: string): string[] {
  const small = ["config.json", "tokenizer.json"];
  if (existsSync(join(path, singleWeights)) || !existsSync(join(path, shardIndex))) {
    return [...small, singleWeights];
  }
  const index = readJson(join(path, shardIndex), maxIndexBytes) as { weight_map?: unknown } | undefined;
  const shards = Object.values(index?.weight_map ?? {}).filter((name) => typeof name === "string");
  return [...small, shardIndex, ...new Set(shards)];
}

/** @returns undefined where there is none, or none that can be read: who loads the model says why */
function readJson(path: string, maxBytes: number): unknown {
  try {
    const text = readSmallFile(path, maxBytes);
    return text === undefined ? undefined : JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** A ref is the name of a commit. */
const maxRefBytes = 1000;

function readRef(path: string): string | undefined {
  try {
    const commit = readSmallFile(path, maxRefBytes)?.trim() ?? "";
    return isCommit(commit) ? commit : undefined;
  } catch {
    return undefined;
  }
}

function branches(refs: string): string[] {
  return entries(refs).flatMap((name) => {
    const path = join(refs, name);
    return lstatSync(path).isDirectory() ? branches(path).map((below) => `${name}/${below}`) : [name];
  });
}

function entries(folder: string): string[] {
  try {
    return readdirSync(folder).sort();
  } catch {
    return [];
  }
}
