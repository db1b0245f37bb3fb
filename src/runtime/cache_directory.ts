import { homedir } from "node:os";
import { isAbsolute, join } from "node:path";
import process from "node:process";
import type { Environment } from "../base/environment.ts";

/**
 * The folder for what can be made again, such as compiled kernels. `XDG_CACHE_HOME` is followed on every system, and a
 * relative one is ignored, as its specification says.
 */
export function cacheDirectory(
  env: Environment = process.env,
  platform: string = process.platform,
  home: string = homedir(),
): string {
  const chosen = env.XDG_CACHE_HOME;
  if (chosen && isAbsolute(chosen)) return join(chosen, "llamav");
  if (platform === "win32") return join(env.LOCALAPPDATA || join(home, "AppData/Local"), "llamav/cache");
  if (platform === "darwin") return join(home, "Library/Caches/llamav");
  return join(home, ".cache/llamav");
}
