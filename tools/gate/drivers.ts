import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { type CommandResult, runCommand } from "./step.ts";

/** One way to run the GPU tests: an environment that selects a driver and a vector width. */
export interface DriverSetting {
  readonly name: string;
  readonly env: Record<string, string | undefined>;
  /** Why this setting cannot run here; left out when it can. */
  readonly missing?: string;
}

/** The driver's own cache of compiled kernels; without it every run pays seconds of compilation. */
const sharedEnv = { MESA_SHADER_CACHE_DIR: resolve(".cache/mesa_shaders") };

/**
 * Debian's Mesa CPU driver at every width it knows, the backports' one at its two widest. The width sets the
 * subgroup size (128 bits: 4, 256: 8, 512: 16), so a kernel that assumes one fails on another. The first
 * setting that runs here is the one the whole test suite runs on.
 */
const lavapipes = [
  { name: "newer Mesa", root: resolve(".cache/mesa/usr"), widths: [256, 512] },
  { name: "system Mesa", root: "/usr", widths: [256, 128] },
] as const;

/** All settings of the matrix, each checked by opening a device on it. */
export async function driverSettings(): Promise<DriverSetting[]> {
  const settings: DriverSetting[] = [];
  for (const { name, root, widths } of lavapipes) {
    for (const width of widths) settings.push(await lavapipeSetting(name, root, width));
  }
  const runnable = settings.some((setting) => !setting.missing);
  return runnable ? settings : [await probe("system's Vulkan driver", sharedEnv), ...settings];
}

async function lavapipeSetting(name: string, root: string, width: number): Promise<DriverSetting> {
  const label = `${name}, ${width} bits`;
  const manifest = ["lvp_icd.json", `lvp_icd.${machine()}.json`]
    .map((file) => `${root}/share/vulkan/icd.d/${file}`).find(existsSync);
  if (!manifest) return { name: label, env: {}, missing: "driver not found" };
  const libraries = `${root}/lib/${machine()}-linux-gnu`;
  return await probe(label, {
    ...sharedEnv,
    VK_DRIVER_FILES: manifest,
    VK_ICD_FILENAMES: undefined,
    LD_LIBRARY_PATH: root === "/usr" ? undefined : libraries,
    LP_NATIVE_VECTOR_WIDTH: String(width),
  }, width / 32);
}

/** Opens a device under this environment and names the setting after what it found. */
async function probe(
  name: string,
  env: Record<string, string | undefined>,
  subgroupSize?: number,
): Promise<DriverSetting> {
  const result = await runCommand([process.execPath, "tools/gate/probe_driver.ts"], env);
  if (result.code !== 0) return { name, env, missing: lastLine(result) };
  const found = JSON.parse(lastLine(result)) as { driver: string; subgroupSize: number };
  if (subgroupSize && found.subgroupSize !== subgroupSize) {
    return { name, env, missing: `this CPU gives subgroups of ${found.subgroupSize}, not ${subgroupSize}` };
  }
  const bits = env.LP_NATIVE_VECTOR_WIDTH;
  const driver = found.driver.match(/^\D*[\d.]+/)?.[0] ?? found.driver; // without the package's own suffixes
  return { name: bits ? `${driver}, ${bits} bits` : driver, env };
}

function lastLine({ output }: CommandResult): string {
  return output.trimEnd().split("\n").at(-1) ?? "";
}

/** The processor's name as Debian spells it in paths. */
function machine(): string {
  return process.arch === "arm64" ? "aarch64" : "x86_64";
}
