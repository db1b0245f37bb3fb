import { handles, pack } from "../../ffi/struct.ts";
import { check } from "../../ffi/vulkan.ts";
import * as vk from "../../ffi/vulkan.gen.ts";
import { DeviceError } from "../base/errors.ts";
import type { Device } from "./device.ts";
import { explainLoss } from "./errors.ts";

/** Something that can be submitted: a recording. */
export interface Submittable {
  readonly commandBuffer: bigint;
  /** Set by `submit`. */
  latestValue: bigint;
}

const forever = 0xffff_ffff_ffff_ffffn;

/**
 * The device's one compute queue. Submissions run in order; each raises a timeline semaphore by one, and
 * waiting for a value waits for that submission and all before it. The structs of a submission are packed
 * once, so a step costs two native calls: submit and wait.
 */
export class Queue {
  readonly #device: Device;
  readonly #queue: bigint;
  readonly #semaphore: bigint;
  readonly #commandBuffer = handles(1);
  readonly #signalValue = handles(1);
  readonly #waitValue = handles(1);
  readonly #submitInfo: Uint8Array;
  readonly #waitInfo: Uint8Array;
  #submitted = 0n;
  /** The latest value known to have been reached. */
  #finished = 0n;

  constructor(device: Device) {
    this.#device = device;
    const out = handles(1);
    device.commands.vkGetDeviceQueue(device.handle, device.physical.queueFamily, 0, out);
    this.#queue = out[0]!;
    const type = pack(vk.VkSemaphoreTypeCreateInfo, { semaphoreType: vk.VK_SEMAPHORE_TYPE_TIMELINE });
    this.#semaphore = device.create("vkCreateSemaphore", vk.VkSemaphoreCreateInfo, { pNext: type });
    const semaphores = handles([this.#semaphore]);
    this.#submitInfo = pack(vk.VkSubmitInfo, {
      pNext: pack(vk.VkTimelineSemaphoreSubmitInfo, {
        signalSemaphoreValueCount: 1,
        pSignalSemaphoreValues: this.#signalValue,
      }),
      commandBufferCount: 1,
      pCommandBuffers: this.#commandBuffer,
      signalSemaphoreCount: 1,
      pSignalSemaphores: semaphores,
    });
    this.#waitInfo = pack(vk.VkSemaphoreWaitInfo, {
      semaphoreCount: 1,
      pSemaphores: semaphores,
      pValues: this.#waitValue,
    });
  }

  /**
   * Starts a recording after everything submitted before.
   *
   * @returns The timeline value to wait for.
   * @throws {DeviceLostError} If the device was lost.
   */
  submit(recording: Submittable): bigint {
    this.#commandBuffer[0] = recording.commandBuffer;
    this.#signalValue[0] = this.#submitted + 1n;
    const result = this.#device.commands.vkQueueSubmit(this.#queue, 1, this.#submitInfo, 0n);
    if (result !== 0) explainLoss("starting work", () => check(result, "vkQueueSubmit"));
    recording.latestValue = ++this.#submitted;
    return this.#submitted;
  }

  /**
   * Blocks this thread until the submission of that value, and all before it, have finished. What they wrote
   * to mapped memory can be read then.
   *
   * @throws {DeviceLostError} If the device was lost.
   * @throws {DeviceError} If `timeoutMs` passes first; the work goes on.
   */
  wait(value: bigint, timeoutMs?: number): void {
    this.#waitValue[0] = value;
    const timeoutNs = timeoutMs === undefined ? forever : BigInt(Math.ceil(timeoutMs * 1e6));
    const result = this.#device.commands.vkWaitSemaphores(this.#device.handle, this.#waitInfo, timeoutNs);
    if (result === vk.VkResult.VK_TIMEOUT) {
      throw new DeviceError(
        `The device did not finish within ${timeoutMs} ms`,
        "Wait longer, or lower the load: fewer tokens per step, or no other program on the device",
      );
    }
    if (result !== 0) explainLoss("waiting for its work", () => check(result, "vkWaitSemaphores"));
    if (value > this.#finished) this.#finished = value;
  }

  /**
   * Makes sure that the submission of that value, and all before it, no longer run, whatever happened to them:
   * what they used may then be destroyed. Costs nothing after a wait that succeeded.
   */
  settle(value: bigint = this.#submitted): void {
    if (value <= this.#finished) return;
    // An error means that the device is lost, and a lost device runs nothing.
    this.#device.commands.vkDeviceWaitIdle(this.#device.handle);
    this.#finished = this.#submitted;
  }

  /** Submits a recording and waits for it. */
  run(recording: Submittable): void {
    this.wait(this.submit(recording));
  }

  /** The value of the latest submission. */
  get submitted(): bigint {
    return this.#submitted;
  }

  dispose(): void {
    this.#device.commands.vkDestroySemaphore(this.#device.handle, this.#semaphore, null);
  }
}
