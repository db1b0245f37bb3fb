import {
  appendFileSync,
  chmodSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { homedir } from "node:os";
import { dirname, isAbsolute, join } from "node:path";
import process from "node:process";
import type { Environment } from "../../base/environment.ts";
import { ExplainedError } from "../../base/errors.ts";

/**
 * The folder for what a person would miss, such as conversations. `XDG_STATE_HOME` is followed on every system, and a
 * relative one is ignored, as its specification says.
 */
export function stateDirectory(
  env: Environment,
  platform: string = process.platform,
  home: string = env["HOME"] || homedir(),
): string {
  const chosen = env["XDG_STATE_HOME"];
  if (chosen && isAbsolute(chosen)) return join(chosen, "llamav");
  if (platform === "win32") return join(env["LOCALAPPDATA"] || join(home, "AppData/Local"), "llamav/state");
  if (platform === "darwin") return join(home, "Library/Application Support/llamav");
  return join(home, ".local/state/llamav");
}

/**
 * Writes a file that only its owner can read. Who reads it meanwhile sees the old one or the new one, whole.
 *
 * @throws {ExplainedError} If the disk does not take it.
 */
export function writePrivate(path: string, content: string | Uint8Array): void {
  inFolder(path, () => {
    const draft = `${path}.${process.pid}.new`;
    writeFileSync(draft, content, { mode: 0o600 });
    renameSync(draft, path);
  });
}

/**
 * Adds to a file that only its owner can read.
 *
 * @throws {ExplainedError} If the disk does not take it.
 */
export function appendPrivate(path: string, content: string): void {
  inFolder(path, () => {
    if (existsSync(path)) checkIsRegular(path);
    appendFileSync(path, content, { mode: 0o600 });
    // The mode above counts for a new file only.
    chmodSync(path, 0o600);
  });
}

/**
 * All of a file.
 *
 * @throws {Error} If it is not there, cannot be read, or is no regular file.
 */
export function readRegularFile(path: string): Uint8Array {
  checkIsRegular(path);
  return readFileSync(path);
}

export function isRegularFile(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFile() === true;
}

/** A pipe would be waited for, and a device read, without end. */
function checkIsRegular(path: string): void {
  if (!statSync(path).isFile()) throw new Error("it is no regular file");
}

/** Makes the folder of a file and does something there; a failure gets the file's name. */
function inFolder(path: string, work: () => void): void {
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    work();
  } catch (error) {
    const reason = (error as { code?: string }).code ?? (error as Error).message;
    const remedy = "Set XDG_STATE_HOME to a folder that takes files, or keep nothing with --no-history";
    throw new ExplainedError(`Cannot write "${path}": ${reason}`, remedy, { cause: error });
  }
}
