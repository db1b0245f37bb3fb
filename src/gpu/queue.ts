import { handles, pack } from "../../ffi/struct.ts";
import { check } from "../../ffi/vulkan.ts";
import * as vk from "../../ffi/vulkan.gen.ts";
import { assert } from "../base/assert.ts";
import { DeviceError } from "../base/errors.ts";
import type { Device } from "./device.ts";
import { explainLoss } from "./errors.ts";

/** Something that can be submitted: a recording. */
export interface Submittable {
  /** In the order in which they run; at least one. */
  readonly commandBuffers: readonly bigint[];
  /** Set by `submit`. */
  latestValue: bigint;
}

const forever = 0xffff_ffff_ffff_ffffn;

/**
 * The device's one compute queue. Submissions run in order; each raises a timeline semaphore by one, and
 * waiting for a value waits for that submission and all before it. The structs of a submission are packed
 * once, so a step costs two native calls: submit and wait, and one more for each place where it is split.
 */
export class Queue {
  readonly #device: Device;
  readonly #queue: bigint;
  readonly #semaphore: bigint;
  readonly #commandBuffer = handles(1);
  readonly #signalValue = handles(1);
  readonly #waitValue = handles(1);
  /** Submits `#commandBuffer` and signals nothing: all parts of a split recording but its last. */
  readonly #partInfo: Uint8Array;
  /** Submits `#commandBuffer` and signals `#signalValue`. */
  readonly #submitInfo: Uint8Array;
  readonly #waitInfo: Uint8Array;
  #submitted = 0n;
  /** The latest value known to have been reached. */
  #finished = 0n;
  /** Whether parts of a recording were submitted, and its last one, which tells when they end, was not. */
  #partsRun = false;

  constructor(device: Device) {
    this.#device = device;
    const out = handles(1);
    device.commands.vkGetDeviceQueue(device.handle, device.physical.queueFamily, 0, out);
    this.#queue = out[0]!;
    const type = pack(vk.VkSemaphoreTypeCreateInfo, { semaphoreType: vk.VK_SEMAPHORE_TYPE_TIMELINE });
    this.#semaphore = device.create("vkCreateSemaphore", vk.VkSemaphoreCreateInfo, { pNext: type });
    const semaphores = handles([this.#semaphore]);
    this.#partInfo = pack(vk.VkSubmitInfo, { commandBufferCount: 1, pCommandBuffers: this.#commandBuffer });
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
   * Starts a recording after everything submitted before. Each of its command buffers is a submission of its
   * own, so that none of them keeps the device longer than its watchdog allows; the last one raises the value.
   *
   * @returns The timeline value to wait for.
   * @throws {DeviceLostError} If the device was lost.
   */
  submit(recording: Submittable): bigint {
    const { commandBuffers } = recording;
    const last = commandBuffers.length - 1;
    assert(last >= 0, "A recording without command buffers would never end");
    this.#partsRun = last > 0;
    for (let part = 0; part < last; part++) this.#submitOne(commandBuffers[part]!, this.#partInfo);
    this.#signalValue[0] = this.#submitted + 1n;
    this.#submitOne(commandBuffers[last]!, this.#submitInfo);
    this.#partsRun = false;
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
    if (value <= this.#finished && !this.#partsRun) return;
    // An error means that the device is lost, and a lost device runs nothing.
    this.#device.commands.vkDeviceWaitIdle(this.#device.handle);
    this.#finished = this.#submitted;
    this.#partsRun = false;
  }

  /** Submits a recording and waits for it. */
  run(recording: Submittable): void {
    this.wait(this.submit(recording));
  }

  #submitOne(commandBuffer: bigint, info: Uint8Array): void {
    this.#commandBuffer[0] = commandBuffer;
    const result = this.#device.commands.vkQueueSubmit(this.#queue, 1, info, 0n);
    if (result === 0) return;
    this.settle();
    explainLoss("starting work", () => check(result, "vkQueueSubmit"));
  }

  /** The value of the latest submission. */
  get submitted(): bigint {
    return this.#submitted;
  }

  dispose(): void {
    this.#device.commands.vkDestroySemaphore(this.#device.handle, this.#semaphore, null);
  }
}
