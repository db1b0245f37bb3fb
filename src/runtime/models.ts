import { existsSync, readdirSync, statSync } from "node:fs";
import { basename, join, resolve } from "node:path";
import process from "node:process";
import type { Environment } from "../base/environment.ts";
import { AccessError, ExplainedError, ModelNotFoundError } from "../base/errors.ts";
import { quote } from "../base/quote.ts";
import {
  type CachedModel,
  findCached,
  listCache,
  removeCached,
  repositoryFolders,
  repositoryOf,
} from "../hub/cache.ts";
import { HubClient } from "../hub/client.ts";
import { withLock } from "../hub/lock.ts";
import { pull, type PulledModel, type PullEvent } from "../hub/pull.ts";
import { parseRepository, type RepositoryRevision } from "../hub/repository.ts";
import { hubCache, hubSettings } from "../hub/settings.ts";
import { demoDirectory, demoModel } from "./demo_model.ts";
import { bytesOfPublished, expandAlias, nameModel } from "./model_name.ts";

export type { PulledModel, PullEvent } from "../hub/pull.ts";
export type { RepositoryRevision } from "../hub/repository.ts";

/** A model on this machine. */
export interface LocalModel {
  /** What MODEL can say to mean it. */
  readonly name: string;
  /** Branch, tag or commit of a model that was pulled. */
  readonly revision?: string;
  readonly commit?: string;
  /** Left out of the one inside the program. */
  readonly path?: string;
  readonly files: readonly { readonly name: string; readonly bytes: number }[];
  readonly bytes: number;
  /** Files that a pull has not brought yet. */
  readonly missing: readonly string[];
  /** When the last of its files came, in ISO 8601. */
  readonly modified?: string;
}

/**
 * The directory of a model; nothing is fetched.
 *
 * @throws {ModelNotFoundError} If it is a repository that is not in the cache, or not complete there.
 */
export function modelDirectory(model: string, env: Environment = process.env): string {
  const named = nameModel(model);
  if (named.kind === "demo") return demoDirectory();
  if (named.kind === "directory") return named.path;
  const cached = findCached(hubCache(env), named);
  if (cached && cached.missing.length === 0) return cached.path;
  const have = cached ? `${hubCache(env)} lacks ${describeMissing(cached)}` : `it is not in ${hubCache(env)}`;
  throw new ModelNotFoundError(
    `There is no ${cached ? "complete " : ""}model ${quote(model)} on this machine: ${have}`,
    `Fetch it from the hub: llamav pull ${model}`,
  );
}

function describeMissing({ missing }: Pick<CachedModel, "missing">): string {
  const names = missing.slice(0, 3).join(", ");
  return missing.length > 3 ? `${names} and ${missing.length - 3} more` : names;
}

/**
 * Looks whether MODEL can be opened, as far as that can be seen from outside.
 *
 * @throws {ModelNotFoundError} If nothing is there, or no checkpoint.
 */
export function checkModel(model: string, env: Environment): void {
  const path = modelDirectory(model, env);
  if (describeDirectory(model, path).files.some(({ name }) => name === "config.json")) return;
  throw new ModelNotFoundError(
    `Cannot open model ${quote(model, 1000)}: the directory has no config.json`,
    "Name the directory of a checkpoint in Hugging Face layout",
  );
}

/** The repository that has to be pulled before MODEL can be opened, if there is one. */
export function missingModel(model: string, env: Environment): RepositoryRevision | undefined {
  const named = nameModel(model);
  if (named.kind !== "repository") return undefined;
  const cached = findCached(hubCache(env), named);
  return cached && cached.missing.length === 0 ? undefined : named;
}

/** The name that a model goes by: its repository's, or its directory's. */
export function modelId(directory: string): string {
  return repositoryOf(directory) ?? basename(resolve(directory));
}

export interface PullModelOptions {
  readonly env: Environment;
  /** Patterns of file names, such as `*.json`: of those that this program reads the ones that fit. */
  readonly include?: readonly string[];
  readonly exclude?: readonly string[];
  readonly userAgent: string;
  readonly onEvent: (event: PullEvent) => void;
  readonly signal?: AbortSignal;
}

/** What a person should know before a model is fetched. */
export interface RemoteModel {
  /** Of all files; undefined where nobody knows. */
  readonly bytes?: number;
  /** Its owner gives it to who agrees to a license, by a token. */
  readonly isGated: boolean;
}

/** Who asks whether to fetch waits so long for the hub to say what that is. */
const lookUpMs = 3000;

/** How large a model of the hub is, by the hub's own list of files; where that is silent, by what is known here. */
export async function lookUpRemote(
  { repository, revision }: RepositoryRevision,
  { env, userAgent }: Pick<PullModelOptions, "env" | "userAgent">,
): Promise<RemoteModel> {
  const bytes = bytesOfPublished(repository);
  const known = { bytes, isGated: bytes !== undefined };
  try {
    const settings = hubSettings(env);
    if (settings.offline) return known;
    const client = new HubClient(settings, { userAgent, stallMs: lookUpMs });
    const { files } = await client.list({ repository, revision }, AbortSignal.timeout(lookUpMs));
    return { ...known, bytes: files.reduce((sum, { size }) => sum + size, 0) };
  } catch (error) {
    // Whatever else is wrong is told by the pull.
    return error instanceof AccessError ? { ...known, isGated: true } : known;
  }
}

/**
 * Fetches a model from the hub.
 *
 * @param model `OWNER/NAME[@REVISION]`, `11b` or `90b`
 * @throws {RangeError} If it is none of these.
 * @throws What `pull` throws.
 */
export function pullModel(
  model: string,
  { env, include = [], exclude = [], ...options }: PullModelOptions,
): Promise<PulledModel> {
  const target = parseRepository(expandAlias(model));
  const [wanted, unwanted] = [include, exclude].map((patterns) => patterns.map((text) => new Bun.Glob(text)));
  const wants = (path: string) =>
    (wanted!.length === 0 || wanted!.some((glob) => glob.match(path))) &&
    !unwanted!.some((glob) => glob.match(path));
  return pull({ ...target, settings: hubSettings(env), wants, ...options });
}

/** The models on this machine: the demo, and those in the hub's cache. */
export function listModels(env: Environment): LocalModel[] {
  return [describeDemo(), ...listCache(hubCache(env)).map(describeCached)];
}

/**
 * What is on this machine of a model.
 *
 * @throws {ModelNotFoundError} If nothing is, or a directory is no checkpoint.
 */
export function describeModel(model: string, env: Environment): LocalModel {
  const named = nameModel(model);
  if (named.kind === "demo") return describeDemo();
  if (named.kind === "directory") {
    checkModel(model, env);
    return describeDirectory(model, named.path);
  }
  const cached = findCached(hubCache(env), named);
  // The error of the way to open it says what there is to say.
  return cached ? describeCached(cached) : describeDirectory(model, modelDirectory(model, env));
}

/**
 * Removes a model that was pulled, all its versions with it. Waits for a pull that is under way.
 *
 * @returns what was there
 * @throws {ModelNotFoundError} If it is not in the cache.
 * @throws {ExplainedError} If it is no model of the hub: a directory belongs to whoever made it.
 */
export async function removeModel(
  model: string,
  env: Environment,
  signal?: AbortSignal,
): Promise<LocalModel[]> {
  const models = removable(model, env);
  const { repository } = nameModel(model) as RepositoryRevision;
  const cache = hubCache(env);
  await withLock(repositoryFolders(cache, repository).lock, () => {
    removeCached(cache, repository);
    return Promise.resolve();
  }, { signal });
  return models;
}

/** What `removeModel` would remove. @throws What it throws. */
export function removable(model: string, env: Environment): LocalModel[] {
  const named = nameModel(model);
  if (named.kind !== "repository") {
    throw new ExplainedError(
      `Cannot remove ${quote(model)}: it ${
        named.kind === "demo" ? "is part of the program" : "was not pulled"
      }`,
      named.kind === "demo" ? undefined : "Name a model of llamav list, or delete the directory yourself",
    );
  }
  const cache = hubCache(env);
  const models = listCache(cache).filter(({ repository }) => repository === named.repository);
  // Of a pull that brought nothing whole there are no versions.
  if (models.length === 0 && !existsSync(repositoryFolders(cache, named.repository).root)) {
    throw new ModelNotFoundError(`There is no ${named.repository} in ${cache}`, "See llamav list");
  }
  return models.map(describeCached);
}

function describeCached({ repository, revision, modified, ...model }: CachedModel): LocalModel {
  const name = revision === "main" ? repository : `${repository}@${revision}`;
  return { name, revision, ...model, modified: new Date(modified).toISOString() };
}

function describeDemo(): LocalModel {
  const { path: _, ...model } = describeDirectory(demoModel, demoDirectory());
  return model;
}

function describeDirectory(name: string, path: string): LocalModel {
  let names: string[];
  try {
    names = readdirSync(path).sort();
  } catch (error) {
    const { code, message } = error as { code?: string; message: string };
    throw new ModelNotFoundError(
      code === "ENOENT"
        ? `There is no model ${quote(name, 1000)} on this machine`
        : `Cannot open the model directory ${quote(path, 1000)}: ${message}`,
      "llamav list lists those that there are; MODEL is one of them, a directory, OWNER/NAME, 11b, 90b or demo",
      { cause: error },
    );
  }
  const files = names.flatMap((name) => {
    const found = statSync(join(path, name), { throwIfNoEntry: false });
    return found?.isFile() ? [{ name, bytes: found.size }] : [];
  });
  return { name, path, files, bytes: files.reduce((sum, { bytes }) => sum + bytes, 0), missing: [] };
}
