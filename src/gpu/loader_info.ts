import { readFileSync } from "node:fs";
import { basename } from "node:path";
import { words } from "../../ffi/struct.ts";
import { check } from "../../ffi/vulkan.ts";
import { versionText } from "./needs.ts";
import { openLoader } from "./instance.ts";

/** The Vulkan loader that this process uses. */
export interface LoaderInfo {
  /** Path of its file, or the name by which the system found it where that is all that can be known. */
  readonly library: string;
  /** The newest Vulkan version that it speaks, decimal `major.minor.patch`. */
  readonly apiVersion: string;
}

/** @throws {DeviceError} If there is no loader; its remedy says what to install. */
export function loaderInfo(): LoaderInfo {
  const { libraryName, global } = openLoader();
  const version = words(1);
  check(global.vkEnumerateInstanceVersion(version), "vkEnumerateInstanceVersion");
  return { library: mappedPath(libraryName) ?? libraryName, apiVersion: versionText(version[0]!) };
}

/** Where a library that is already open was loaded from; known on Linux only. */
function mappedPath(name: string): string | undefined {
  const stem = basename(name).replace(/\.so\b.*/, ".so");
  let maps: string;
  try {
    maps = readFileSync("/proc/self/maps", "utf8");
  } catch {
    return undefined; // Another system, or one that hides it: the name must do.
  }
  const paths = maps.split("\n").map((line) => line.slice(line.indexOf("/")));
  return paths.find((path) => path.startsWith("/") && basename(path).startsWith(stem));
}
