/**
 * Lets each Vulkan command fail in turn, in a program that uses the whole gpu floor, and prints what went
 * wrong: a failure that was swallowed, or an object that the validation layer found left behind.
 */
import { existsSync, readFileSync } from "node:fs";
import type { Intercept } from "../../../ffi/library.ts";
import { deviceCommands, globalCommands, instanceCommands, VkResult } from "../../../ffi/vulkan.gen.ts";
import { VulkanError } from "../../../ffi/vulkan.ts";
import { DeviceError } from "../../../src/base/errors.ts";
import { Device } from "../../../src/gpu/device.ts";
import { Arena } from "../../../src/gpu/memory.ts";
import { Profiler } from "../../../src/gpu/profiler.ts";
import { Recorder } from "../../../src/gpu/recorder.ts";
import { Uploader } from "../../../src/gpu/staging.ts";
import { validationLogPath } from "../../../src/gpu/validation.ts";
import { siluMul } from "../../../src/ops/silu_mul.ts";
import { withoutUnifiedMemory } from "../../support/limited_device.ts";
import { TemporaryFolder } from "../../support/temporary_folder.ts";

const signatures = { ...globalCommands, ...instanceCommands, ...deviceCommands };
/** Failures that dispose() must not turn into exceptions: it has to go on. */
const mayBeIgnored = new Set(["vkDeviceWaitIdle", "vkGetPipelineCacheData"]);

/** Makes the n-th command that can fail return an error, without calling it. */
function failAt(n: number): { intercept: Intercept; failed: () => string | undefined } {
  let count = 0;
  let failed: string | undefined;
  return {
    failed: () => failed,
    intercept: (name, call) => {
      if (signatures[name as keyof typeof signatures]?.returns !== "i32") return call;
      return (...args) => {
        if (count++ !== n) return call(...args);
        failed = name;
        return name === "vkQueueSubmit"
          ? VkResult.VK_ERROR_DEVICE_LOST
          : VkResult.VK_ERROR_OUT_OF_HOST_MEMORY;
      };
    },
  };
}

using folder = new TemporaryFolder();
const cacheDirectory = folder.path;

/** Opens a device, uploads, runs a profiled kernel in two submissions, and cleans up whatever happened. */
function useEverything(intercept: Intercept): void {
  using stack = new DisposableStack();
  const device = stack.adopt(
    Device.open({ validation: true, intercept, cacheDirectory }),
    (it) => it.dispose(),
  );
  const arena = stack.adopt(
    new Arena(withoutUnifiedMemory(device), "a", 1024, "device"),
    (it) => it.dispose(),
  );
  const uploader = stack.adopt(new Uploader(device, 64), (it) => it.dispose());
  const profiler = stack.adopt(new Profiler(device, 4), (it) => it.dispose());
  const [gateUp, y] = [arena.tensor("gateUp", "f32", [1, 16]), arena.tensor("y", "f32", [1, 8])];
  uploader.write(gateUp, 0, 64, ({ bytes }) => bytes.fill(1));
  uploader.flush();
  using cmd = new Recorder(device, { profiler });
  siluMul(cmd, gateUp, y);
  cmd.split();
  siluMul(cmd, gateUp, y);
  const recording = stack.adopt(cmd.finish(), (it) => it.dispose());
  device.queue.run(recording);
  profiler.read();
}

let commands = 0;
for (let n = 0;; n++) {
  const { intercept, failed } = failAt(n);
  let thrown: unknown;
  try {
    useEverything(intercept);
  } catch (error) {
    thrown = error;
  }
  const name = failed();
  const expected = thrown instanceof VulkanError || thrown instanceof DeviceError;
  if (name !== undefined && !expected && !mayBeIgnored.has(name)) console.log(`${name} (${n}): ${thrown}`);
  if (name === undefined && thrown !== undefined) throw thrown;
  const log = existsSync(validationLogPath) ? readFileSync(validationLogPath, "utf8") : "";
  if (log !== "") console.log(`${name} (${n}) left:\n${log}`);
  if (name === undefined) break;
  commands++;
}
console.error(commands);
