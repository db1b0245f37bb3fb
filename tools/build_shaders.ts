/**
 * Compiles `shaders/*.comp` into `build/shaders.bin`, only those whose text or includes have changed.
 *
 *     bun tools/build_shaders.ts [--check]
 *
 * `--check` compiles nothing and exits with 1 when `build/shaders.bin` is not what the sources give.
 */
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { pid } from "node:process";
import { packShaders } from "../src/gpu/shader_library.ts";

const root = join(import.meta.dir, "..");
const sourceDirectory = join(root, "shaders");
const objectDirectory = join(root, "build/spirv");
const blobPath = join(root, "build/shaders.bin");
const target = ["-V", "--target-env", "vulkan1.2"];
const validatorTarget = ["--target-env", "vulkan1.2"];

/** A shader that the compiler or the validator refused. */
export interface ShaderFailure {
  readonly shader: string;
  readonly output: string;
}

/**
 * Compiles what is stale and packs everything. Shaders that fail are reported and left out.
 *
 * @param onCompiled hears of each shader that was compiled
 * @throws {Error} If the compiler is not installed.
 */
export function buildShaders(onCompiled: (shader: string) => void = () => {}): readonly ShaderFailure[] {
  mkdirSync(objectDirectory, { recursive: true });
  const failures: ShaderFailure[] = [];
  const modules = new Map<string, Uint8Array>();
  for (const shader of shaderNames()) {
    const object = objectPath(shader);
    const stale = !existsSync(object);
    const output = stale ? compile(shader, object) : undefined;
    if (output !== undefined) {
      failures.push({ shader, output });
      continue;
    }
    modules.set(shader, readFileSync(object));
    if (stale) onCompiled(shader);
  }
  removeStale();
  const blob = packShaders(modules);
  const current = existsSync(blobPath) && Buffer.from(blob).equals(readFileSync(blobPath));
  if (!current) writeAtomically(blobPath, blob);
  return failures;
}

/** Whether `build/shaders.bin` holds what the sources give. */
export function shadersAreCurrent(): boolean {
  const names = shaderNames();
  if (!existsSync(blobPath) || !names.every((shader) => existsSync(objectPath(shader)))) return false;
  const modules = new Map(names.map((shader) => [shader, new Uint8Array(readFileSync(objectPath(shader)))]));
  return Buffer.from(packShaders(modules)).equals(readFileSync(blobPath));
}

function shaderNames(): string[] {
  const files = readdirSync(sourceDirectory).filter((name) => name.endsWith(".comp"));
  return files.map((name) => basename(name, ".comp")).toSorted();
}

/** The name carries a hash of everything that goes into the module, so a file that exists is current. */
function objectPath(shader: string): string {
  const hash = createHash("sha256").update(target.join(" "));
  hashSource(hash, join(sourceDirectory, `${shader}.comp`), new Set());
  return join(objectDirectory, `${shader}.${hash.digest("hex").slice(0, 16)}.spv`);
}

function hashSource(hash: ReturnType<typeof createHash>, path: string, seen: Set<string>): void {
  if (seen.has(path) || !existsSync(path)) return;
  seen.add(path);
  const text = readFileSync(path, "utf8");
  hash.update(text).update("\0");
  for (const [, included] of text.matchAll(/^\s*#\s*include\s+"([^"]+)"/gm)) {
    hashSource(hash, join(dirname(path), included!), seen);
  }
}

/** @returns What the tools printed when they refused the shader. */
function compile(shader: string, object: string): string | undefined {
  const temporary = `${object}.${pid}.tmp`;
  const source = join(sourceDirectory, `${shader}.comp`);
  try {
    const output = runTool("glslangValidator", [...target, "-o", temporary, source]) ??
      runTool("spirv-val", [...validatorTarget, temporary]);
    if (output === undefined) renameSync(temporary, object);
    return output;
  } finally {
    rmSync(temporary, { force: true });
  }
}

function runTool(tool: string, args: readonly string[]): string | undefined {
  const { status, stdout, stderr, error } = spawnSync(tool, args, { encoding: "utf8" });
  if (error) {
    throw new Error(
      `Cannot run ${tool}: ${error.message}. Install it: on Debian and Ubuntu \`apt install glslang-tools spirv-tools\``,
    );
  }
  return status === 0 ? undefined : `${stdout}${stderr}`.trim();
}

/** Keeps the folder from growing with every edit. Files of other processes that still build are left alone. */
function removeStale(): void {
  const current = new Set(shaderNames().map((shader) => basename(objectPath(shader))));
  for (const name of readdirSync(objectDirectory)) {
    if (name.endsWith(".spv") && !current.has(name)) rmSync(join(objectDirectory, name), { force: true });
  }
}

function writeAtomically(path: string, bytes: Uint8Array): void {
  const temporary = `${path}.${pid}.tmp`;
  writeFileSync(temporary, bytes);
  renameSync(temporary, path);
}

function main(args: readonly string[]): number {
  if (args.includes("--check")) {
    if (shadersAreCurrent()) return 0;
    console.error("build/shaders.bin is not what the sources give: run bun tools/build_shaders.ts");
    return 1;
  }
  const failures = buildShaders((shader) => console.log(`compiled ${shader}.comp`));
  for (const { shader, output } of failures) console.error(`${shader}:\n${output}\n`);
  return failures.length > 0 ? 1 : 0;
}

if (import.meta.main) process.exit(main(process.argv.slice(2)));
