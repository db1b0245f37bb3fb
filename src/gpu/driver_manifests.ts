import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, isAbsolute, join, resolve } from "node:path";
import type { Environment } from "../base/environment.ts";

/** A file that tells the Vulkan loader where a driver is. */
export interface DriverManifest {
  readonly path: string;
  /** The driver's library as the file names it. */
  readonly library?: string;
  /** Why the loader can do nothing with it. */
  readonly problem?: string;
}

export interface DriverManifests {
  /** The variable that replaces the search, where one is set. */
  readonly chosenBy?: "VK_DRIVER_FILES" | "VK_ICD_FILENAMES";
  readonly manifests: readonly DriverManifest[];
}

/**
 * Drivers that the loader would find on Linux, in its order, to explain why a device is not there.
 * Source: Vulkan-Loader, docs/LoaderDriverInterface.md, "Driver Discovery on Linux".
 */
export function driverManifests(env: Environment, home: string = homedir()): DriverManifests {
  for (const chosenBy of ["VK_DRIVER_FILES", "VK_ICD_FILENAMES"] as const) {
    if (env[chosenBy]) return { chosenBy, manifests: listed(env[chosenBy]).map(readManifest) };
  }
  const found = searchFolders(env, home).flatMap(manifestsIn);
  return { manifests: [...listed(env.VK_ADD_DRIVER_FILES), ...new Set(found)].map(readManifest) };
}

/** Files of a list as in `PATH`; a folder stands for the manifests in it. */
function listed(value: string | undefined): string[] {
  const entries = (value ?? "").split(":").filter((entry) => entry !== "");
  return entries.flatMap((entry) => isDirectory(entry) ? manifestsIn(entry) : [entry]);
}

function searchFolders(env: Environment, home: string): string[] {
  const several = (value: string | undefined, otherwise: string) => (value || otherwise).split(":");
  return [
    env.XDG_CONFIG_HOME || join(home, ".config"),
    ...several(env.XDG_CONFIG_DIRS, "/etc/xdg"),
    "/etc",
    env.XDG_DATA_HOME || join(home, ".local/share"),
    ...several(env.XDG_DATA_DIRS, "/usr/local/share:/usr/share"),
  ].map((folder) => join(folder, "vulkan/icd.d"));
}

function manifestsIn(folder: string): string[] {
  if (!isDirectory(folder)) return [];
  try {
    return readdirSync(folder).filter((name) => name.endsWith(".json")).sort().map((name) =>
      join(folder, name)
    );
  } catch {
    return []; // A folder that we may not read gives the loader nothing either.
  }
}

function readManifest(path: string): DriverManifest {
  let library: unknown;
  try {
    library = (JSON.parse(readFileSync(path, "utf8")) as { ICD?: { library_path?: unknown } } | null)?.ICD
      ?.library_path;
  } catch (error) {
    return {
      path,
      problem: existsSync(path) ? `not readable (${(error as Error).message})` : "no such file",
    };
  }
  if (typeof library !== "string") return { path, problem: "names no library" };
  // A bare name is looked up by the system's loader, which knows more places than we do.
  const file = library.includes("/") && !isAbsolute(library) ? resolve(dirname(path), library) : library;
  return {
    path,
    library,
    problem: isAbsolute(file) && !existsSync(file) ? `${file} does not exist` : undefined,
  };
}

function isDirectory(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
}
