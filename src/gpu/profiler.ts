import { handles } from "../../ffi/struct.ts";
import { check } from "../../ffi/vulkan.ts";
import * as vk from "../../ffi/vulkan.gen.ts";
import { assert } from "../base/assert.ts";
import { DeviceError } from "../base/errors.ts";
import type { Device } from "./device.ts";

/**
 * Time per label of one recording, from timestamps that the device writes between its commands. Give it to
 * `new Recorder(device, { profiler })`, run the recording, then `read()`.
 */
export class Profiler {
  readonly #device: Device;
  readonly #pool: bigint;
  readonly #capacity: number;
  /** The label that starts at each timestamp; the last timestamp starts none. */
  readonly #labels: string[] = [];
  #ended = false;
  #disposed = false;

  /**
   * @param capacity Labels that the recording may have
   * @throws {DeviceError} If the device's compute queue has no timestamps.
   */
  constructor(device: Device, capacity = 1024) {
    if (device.info.timestampPeriodNs === 0) {
      throw new DeviceError(
        `"${device.info.name}" cannot measure time on its compute queue`,
        "Profile on another device",
      );
    }
    this.#device = device;
    this.#capacity = capacity;
    this.#pool = device.create("vkCreateQueryPool", vk.VkQueryPoolCreateInfo, {
      queryType: vk.VK_QUERY_TYPE_TIMESTAMP,
      queryCount: capacity + 1,
    });
  }

  /** Called by the recorder. What precedes the first label is counted as "". */
  begin(commandBuffer: bigint): void {
    assert(this.#labels.length === 0, "A profiler serves one recording");
    this.#device.commands.vkCmdResetQueryPool(commandBuffer, this.#pool, 0, this.#capacity + 1);
    this.label(commandBuffer, "");
  }

  /** Called by the recorder. */
  label(commandBuffer: bigint, name: string): void {
    assert(this.#labels.length < this.#capacity, `more than ${this.#capacity} labels`);
    this.#write(commandBuffer, this.#labels.length);
    this.#labels.push(name);
  }

  /** Called by the recorder. */
  end(commandBuffer: bigint): void {
    this.#write(commandBuffer, this.#labels.length);
    this.#ended = true;
  }

  /** Milliseconds per label of the latest run, in the order of first use. Labels used twice are summed. */
  read(): ReadonlyMap<string, number> {
    assert(this.#ended, "The recording is not finished");
    const count = this.#labels.length + 1;
    const ticks = handles(count);
    const flags = vk.VK_QUERY_RESULT_64_BIT | vk.VK_QUERY_RESULT_WAIT_BIT;
    const { commands, handle } = this.#device;
    check(
      commands.vkGetQueryPoolResults(handle, this.#pool, 0, count, count * 8, ticks, 8, flags),
      "vkGetQueryPoolResults",
    );
    const times = new Map<string, number>();
    this.#labels.forEach((label, index) => {
      const ms = Number(ticks[index + 1]! - ticks[index]!) * this.#device.info.timestampPeriodNs / 1e6;
      times.set(label, (times.get(label) ?? 0) + ms);
    });
    return times;
  }

  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    this.#device.commands.vkDestroyQueryPool(this.#device.handle, this.#pool, null);
  }

  /** At the bottom of the pipe: when everything before has finished. */
  #write(commandBuffer: bigint, query: number): void {
    const stage = vk.VK_PIPELINE_STAGE_BOTTOM_OF_PIPE_BIT;
    this.#device.commands.vkCmdWriteTimestamp(commandBuffer, stage, this.#pool, query);
  }
}
