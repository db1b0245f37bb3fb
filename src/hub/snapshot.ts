import { copyFile, link, mkdir, rename, rm, symlink, writeFile } from "node:fs/promises";
import { dirname, join, relative } from "node:path";
import type { RepositoryFolders } from "./cache.ts";

const cacheTag = `Signature: 8a477f597d28d172789f06886806bc55
# What is in this folder can be fetched again.
`;

/** Marks the cache for programs that make backups, unless it is marked. */
export async function tagCache(cache: string): Promise<void> {
  // What cannot be marked can still be used.
  await writeFile(join(cache, "CACHEDIR.TAG"), cacheTag, { flag: "wx" }).catch(() => {});
}

/** Gives a blob its name in a version of the repository: a relative link, where the system has them. */
export async function linkBlob(blob: string, path: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  const target = relative(dirname(path), blob);
  // A link is there at once and as a whole: where nothing has the name, whoever is ended here leaves nothing else.
  if (await symlink(target, path).then(() => true, () => false)) return;
  // Beside it first: another program may look at the name at any time.
  const draft = `${path}.llamav-${crypto.randomUUID()}`;
  try {
    await symlink(target, draft)
      .catch(() => link(blob, draft))
      .catch(() => copyFile(blob, draft));
    await rename(draft, path);
  } catch (error) {
    await rm(draft, { force: true });
    throw error;
  }
}

/** Says which commit a branch or tag means. */
export async function writeRef(folders: RepositoryFolders, revision: string, commit: string): Promise<void> {
  const path = join(folders.refs, revision);
  await mkdir(dirname(path), { recursive: true });
  const draft = `${path}.llamav-${crypto.randomUUID()}`;
  await writeFile(draft, commit);
  await rename(draft, path);
}
