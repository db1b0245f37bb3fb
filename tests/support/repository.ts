/** The repository as the tests about the house see it. */
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, normalize, resolve } from "node:path";

/** The repository's root folder. */
export const repositoryRoot = resolve(import.meta.dir, "../..");

/** Folders that hold no source: what `.gitignore` names, and git's own. */
const ignoredFolders = new Set(
  readFileSync(join(repositoryRoot, ".gitignore"), "utf8").split("\n").map((line) => line.replace(/\/$/, ""))
    .concat(".git"),
);

/** Paths of all files that are, or could be, committed. Reads folders, not git: an unpacked archive has none. */
export function repositoryFiles(folder = ""): string[] {
  const entries = readdirSync(join(repositoryRoot, folder), { withFileTypes: true });
  return entries.flatMap((entry) => {
    const path = folder === "" ? entry.name : `${folder}/${entry.name}`;
    if (!entry.isDirectory()) return entry.isFile() ? [path] : [];
    return ignoredFolders.has(entry.name) ? [] : repositoryFiles(path);
  }).sort();
}

/** Text of one file of the repository. */
export function repositoryText(path: string): string {
  return readFileSync(join(repositoryRoot, path), "utf8");
}

/** One import: the file that asks, and what it asks for, a path from the root or a package's name. */
export interface ImportEdge {
  readonly from: string;
  readonly to: string;
  readonly isPackage: boolean;
}

const names = String.raw`(?:\*(?:\s+as\s+[\w$]+)?|[\w$]+|(?:[\w$]+\s*,\s*)?\{[^}]*\})`;
const patterns = [
  // Static forms stand at the start of a line in formatted code; so a quoted example in a comment is not one.
  new RegExp(String.raw`^(?:import|export)\s+(?:type\s+)?${names}\s+from\s+"([^"]+)"`, "gm"),
  /^import\s+"([^"]+)"/gm,
  /\b(?:import|require)\(\s*"([^"]+)"/g,
  /\bnew URL\(\s*"(\.[^"]+)",\s*import\.meta\.url\)/g,
];

/** All specifiers that a TypeScript source names: static, type-only, dynamic, re-exported, and worker URLs. */
export function importedSpecifiers(source: string): string[] {
  return patterns.flatMap((pattern) => [...source.matchAll(pattern)].map((match) => match[1]!));
}

/** The imports of the given files, relative ones resolved to paths from the root. */
export function importEdges(files: readonly string[]): ImportEdge[] {
  return files.flatMap((from) =>
    importedSpecifiers(repositoryText(from)).map((specifier) => {
      const isPackage = !specifier.startsWith(".");
      return { from, to: isPackage ? specifier : normalize(join(dirname(from), specifier)), isPackage };
    })
  );
}
