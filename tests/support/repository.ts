/** The repository as the tests about the house see it. */
import { readFileSync } from "node:fs";
import { dirname, join, normalize, resolve } from "node:path";

/** The repository's root folder. */
export const repositoryRoot = resolve(import.meta.dir, "../..");

/** Paths of all files that are, or could be, committed: what git tracks and what it does not ignore. */
export function repositoryFiles(): string[] {
  const listed = Bun.spawnSync(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], {
    cwd: repositoryRoot,
  });
  if (listed.exitCode !== 0) throw new Error(`Cannot list the repository's files: ${listed.stderr}`);
  const files = listed.stdout.toString().split("\0").filter((path) => path !== "");
  return files.filter((path) => Bun.file(join(repositoryRoot, path)).size > 0).sort();
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
