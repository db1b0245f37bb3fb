import { VulkanError } from "../../ffi/vulkan.ts";
import { VkResult } from "../../ffi/vulkan.gen.ts";
import { DeviceError } from "../base/errors.ts";

/** The device stopped working. Everything on it is gone: drop it and open it again. */
export class DeviceLostError extends DeviceError {
  override readonly name = "DeviceLostError";
}

/** Runs commands that talk to the device and says it in our own words when it is lost. */
export function explainLoss<T>(what: string, run: () => T): T {
  try {
    return run();
  } catch (error) {
    if (!(error instanceof VulkanError) || error.result !== VkResult.VK_ERROR_DEVICE_LOST) throw error;
    throw new DeviceLostError(
      `The device was lost while ${what}`,
      "The driver or the system reset it: look into the system's log, and update the driver if it happens again",
      { cause: error },
    );
  }
}

/** How a command of the device can fail: the device is gone, memory is used up, or anything else. */
export type DeviceFailure = "lost" | "out of memory" | "refused";

/** Which failure of the device an error stands for, or is caused by; `undefined` for errors of other kinds. */
export function deviceFailure(error: unknown): DeviceFailure | undefined {
  if (error instanceof DeviceLostError) return "lost";
  if (!(error instanceof VulkanError)) return error instanceof Error ? deviceFailure(error.cause) : undefined;
  switch (error.result) {
    case VkResult.VK_ERROR_DEVICE_LOST:
      return "lost";
    case VkResult.VK_ERROR_OUT_OF_DEVICE_MEMORY:
    case VkResult.VK_ERROR_OUT_OF_HOST_MEMORY:
      return "out of memory";
    default:
      return "refused";
  }
}
