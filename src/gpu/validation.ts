import { mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { kill, pid } from "node:process";
import { setNativeEnvironment } from "../../ffi/posix.ts";
import { pack, words } from "../../ffi/struct.ts";
import {
  VK_VALIDATION_FEATURE_ENABLE_SYNCHRONIZATION_VALIDATION_EXT,
  VkValidationFeaturesEXT,
} from "../../ffi/vulkan.gen.ts";

const prefix = "llamav-validation-";
export const validationLayer = "VK_LAYER_KHRONOS_validation";

/**
 * Where the validation layer of this process writes. A file, because a callback into JavaScript from a
 * driver's thread corrupts the heap of this runtime.
 */
export const validationLogPath: string = join(tmpdir(), `${prefix}${pid}`, "messages.log");

/** Tells the layer to log to `validationLogPath`. It reads its settings once, when it is first loaded. */
export function enableValidation(): void {
  const directory = dirname(validationLogPath);
  removeLogsOfTheDead(dirname(directory));
  mkdirSync(directory, { recursive: true });
  const settings = [
    "khronos_validation.debug_action = VK_DBG_LAYER_ACTION_LOG_MSG",
    "khronos_validation.report_flags = error,warn,perf",
    `khronos_validation.log_filename = ${validationLogPath}`,
  ];
  writeFileSync(join(directory, "vk_layer_settings.txt"), settings.join("\n") + "\n");
  setNativeEnvironment("VK_LAYER_SETTINGS_PATH", directory);
}

/** The struct to chain to instance creation: core checks plus synchronization validation. */
export function validationFeatures(): Uint8Array {
  return pack(VkValidationFeaturesEXT, {
    enabledValidationFeatureCount: 1,
    pEnabledValidationFeatures: words([VK_VALIDATION_FEATURE_ENABLE_SYNCHRONIZATION_VALIDATION_EXT]),
  });
}

/** Logs outlive their process, for people to read, until the next one that validates. */
function removeLogsOfTheDead(directory: string): void {
  const owners = readdirSync(directory).filter((name) => name.startsWith(prefix)).map((name) =>
    name.slice(prefix.length)
  );
  for (const owner of owners) {
    if (!isAlive(Number(owner))) rmSync(join(directory, prefix + owner), { recursive: true, force: true });
  }
}

function isAlive(processId: number): boolean {
  try {
    return kill(processId, 0);
  } catch (error) {
    return error instanceof Error && "code" in error && error.code === "EPERM"; // somebody else's
  }
}
