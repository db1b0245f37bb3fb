import { existsSync } from "node:fs";
import { isRepository, parseRepository, type RepositoryRevision } from "../hub/repository.ts";
import { demoModel } from "./demo_model.ts";

/** Short names of the models that this program is made for. */
const aliases: Readonly<Record<string, string>> = {
  "11b": "meta-llama/Llama-3.2-11B-Vision-Instruct",
  "90b": "meta-llama/Llama-3.2-90B-Vision-Instruct",
};

/** What is known of the published models without asking the hub: the bytes of their files, about. */
const publishedBytes: Readonly<Record<string, number>> = {
  "meta-llama/Llama-3.2-11B-Vision-Instruct": 21.3e9,
  "meta-llama/Llama-3.2-11B-Vision": 21.3e9,
  "meta-llama/Llama-3.2-90B-Vision-Instruct": 177.2e9,
  "meta-llama/Llama-3.2-90B-Vision": 177.2e9,
};

/** About how large a published model is, which its owner gives to who agrees to its license; undefined of others. */
export function bytesOfPublished(repository: string): number | undefined {
  return Object.hasOwn(publishedBytes, repository) ? publishedBytes[repository] : undefined;
}

/** The short names, for shells that complete them. */
export const modelAliases: readonly string[] = Object.keys(aliases);

/** What a person means by MODEL. */
export type NamedModel =
  | { readonly kind: "demo" }
  | { readonly kind: "directory"; readonly path: string }
  | { readonly kind: "repository" } & RepositoryRevision;

/**
 * Reads MODEL: the demo's name, a path that exists, `11b` or `90b`, a repository `OWNER/NAME[@REVISION]`; everything
 * else is a path, that of a directory which is not there.
 *
 * @throws {RangeError} If it is a repository with a malformed revision; the message begins with "must".
 */
export function nameModel(model: string): NamedModel {
  if (model === demoModel) return { kind: "demo" };
  if (model === "" || existsSync(model)) return { kind: "directory", path: model };
  const text = expandAlias(model);
  if (!isRepository(text.split("@")[0]!)) return { kind: "directory", path: model };
  return { kind: "repository", ...parseRepository(text) };
}

/** Whether a word is one of the short names. */
export function isAlias(word: string): boolean {
  return expandAlias(word) !== word;
}

/** The repository of a short name; other texts as they are. */
export function expandAlias(model: string): string {
  const name = model.toLowerCase();
  return Object.hasOwn(aliases, name) ? aliases[name]! : model;
}
