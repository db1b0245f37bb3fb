/**
 * Builds `dist/llamav`: program, workers, shaders, the demo model and the Bun runtime in one file.
 *
 * Each flag has a reason:
 * - no autoloaded `.env` and `bunfig.toml`: the executable would run code and take settings from whatever
 *   directory its user stands in;
 * - code generation from strings off: nothing here needs it, and it closes `BUN_OPTIONS=--preload`;
 * - entry names without folders: a worker is found by `new URL("./name.ts", import.meta.url)`, which inside the
 *   executable is resolved beside the main module, whatever folder the source stands in;
 * - asset names with folders, JSON as it is: the files of the demo model are found where the repository has them
 *   (src/runtime/demo_model.ts);
 * - bytecode with ESM: starts faster; top-level await fails in the default format.
 */
import { mkdirSync, renameSync, rmSync } from "node:fs";
import { basename } from "node:path";
import manifest from "../package.json" with { type: "json" };

const outputDirectory = "dist";
const buildDirectory = "build/executable";
const fileName = process.platform === "win32" ? "llamav.exe" : "llamav";

function run(command: string[]): { code: number; output: string } {
  const { exitCode, stdout, stderr } = Bun.spawnSync(command);
  return { code: exitCode, output: `${stdout}${stderr}` };
}

/** Source files that run as workers; their base names must differ, since they end up in one folder. */
function workerEntries(): string[] {
  const entries = [...new Bun.Glob("src/**/*worker.ts").scanSync(".")].sort();
  const names = new Set(entries.map((entry) => basename(entry)));
  if (names.size !== entries.length) {
    throw new Error(`Worker files need different names, have ${entries.join(", ")}`);
  }
  return entries;
}

/** Files of the model inside the executable. */
function modelFiles(): string[] {
  return [...new Bun.Glob("models/*/*").scanSync(".")].sort();
}

function build(): string {
  rmSync(buildDirectory, { recursive: true, force: true });
  const { code, output } = run([
    process.execPath,
    "build",
    "--compile",
    "--minify",
    "--sourcemap",
    "--bytecode",
    "--format=esm",
    "--no-compile-autoload-dotenv",
    "--no-compile-autoload-bunfig",
    "--compile-exec-argv=--disallow-code-generation-from-strings=strict",
    "--entry-naming=[name].[ext]",
    "--asset-naming=[dir]/[name].[ext]",
    "--loader=.json:file",
    "main.ts",
    ...workerEntries(),
    ...modelFiles(),
    "--outfile",
    `${buildDirectory}/${fileName}`,
  ]);
  if (code !== 0) throw new Error(`Cannot build the executable:\n${output}`);
  return `${buildDirectory}/${fileName}`;
}

/** A failed build can leave an older file behind: only one that says the right version is taken. */
function checkVersion(path: string): void {
  const { code, output } = run([path, "--version"]);
  if (code !== 0 || !output.includes(manifest.version)) {
    throw new Error(
      `${path} --version must print ${manifest.version}, exit status ${code}, printed: ${output}`,
    );
  }
}

const built = build();
checkVersion(built);
mkdirSync(outputDirectory, { recursive: true });
renameSync(built, `${outputDirectory}/${fileName}`);
const megabytes = (Bun.file(`${outputDirectory}/${fileName}`).size / 1e6).toFixed(0);
console.log(`${outputDirectory}/${fileName} ${manifest.version}, ${megabytes} MB`);
