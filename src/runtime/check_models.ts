import { accessSync, constants, existsSync, statfsSync } from "node:fs";
import { dirname } from "node:path";
import type { Environment } from "../base/environment.ts";
import { formatBytes } from "../base/units.ts";
import { listCache } from "../hub/cache.ts";
import { hubCache } from "../hub/settings.ts";
import type { Check } from "./reports.ts";

/** What was pulled from the hub, whether all of it has come, and whether more can be. */
export function checkModels(env: Environment): Check {
  const name = "models";
  const cache = hubCache(env);
  const models = listCache(cache);
  const bytes = models.reduce((sum, model) => sum + model.bytes, 0);
  const have = models.length === 0
    ? `none was pulled to ${cache}`
    : `${models.length} in ${cache}, ${formatBytes(bytes)}`;
  const incomplete = models.find(({ missing }) => missing.length > 0);
  if (incomplete) {
    const { repository, missing } = incomplete;
    return {
      name,
      status: "warn",
      detail: `${have}; ${repository} lacks ${missing.length} files`,
      remedy: `Finish it with llamav pull ${repository}, or remove it with llamav rm ${repository}`,
    };
  }
  const folder = existingFolder(cache);
  try {
    accessSync(folder, constants.W_OK);
    const { bavail, bsize } = statfsSync(folder);
    return { name, status: "ok", detail: `${have}; ${formatBytes(bavail * bsize)} free` };
  } catch (error) {
    const code = (error as { code?: unknown }).code ?? "unknown";
    const remedy = "Make the folder writable, or set HF_HOME to one that is: nothing can be pulled there";
    return { name, status: "warn", detail: `${have}; ${folder} cannot be written (${code})`, remedy };
  }
}

/** The folder, or the nearest one above it: a pull makes those between. */
function existingFolder(path: string): string {
  const above = dirname(path);
  return existsSync(path) || above === path ? path : existingFolder(above);
}
