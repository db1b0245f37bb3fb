import { pack } from "../../ffi/struct.ts";
import * as vk from "../../ffi/vulkan.gen.ts";
import { assert } from "../base/assert.ts";
import {
  beginCommandBuffer,
  endCommandBuffer,
  freeCommandBuffer,
  recordBarrier,
  recordHostBarrier,
} from "./command_buffer.ts";
import { DescriptorWrites } from "./descriptors.ts";
import type { Device } from "./device.ts";
import { bindArguments, type Bound, packScalars } from "./arguments.ts";
import { type ByteAccess, HazardTracker } from "./hazards.ts";
import type { Arg, ArgValues, Kernel } from "./kernel.ts";
import type { Pipeline } from "./pipelines.ts";
import type { Profiler } from "./profiler.ts";
import type { Submittable } from "./queue.ts";
import { type Tensor, tensorBytes } from "./tensor.ts";

/** Workgroups per axis. */
export type Groups = readonly [x: number, y?: number, z?: number];

/**
 * Records dispatches and copies once, to be submitted any number of times. What changes from step to step is
 * read from buffers. Tensors must outlive the recording.
 *
 * One global memory barrier goes between two commands only where the bytes they touch ask for it, so
 * independent dispatches may overlap on the device. A recording starts with a barrier against everything
 * submitted before and ends with one that shows its results to the host.
 */
export class Recorder {
  readonly #commandBuffer: bigint;
  readonly #hazards = new HazardTracker();
  readonly #descriptors = new DescriptorWrites();
  readonly #profiler: Profiler | undefined;
  #pipeline: Pipeline | undefined;
  #dispatchCount = 0;
  #barrierCount = 0;

  /** @param options.profiler Measures the time between labels; it serves one recording */
  constructor(readonly device: Device, options: { profiler?: Profiler } = {}) {
    this.#commandBuffer = beginCommandBuffer(device);
    this.#profiler = options.profiler;
    recordBarrier(device, this.#commandBuffer);
    this.#profiler?.begin(this.#commandBuffer);
  }

  /**
   * Runs a kernel over a grid of workgroups.
   *
   * @param args A tensor for each buffer argument, a number for each scalar, `undefined` to leave out an
   *   optional buffer or where a tensor has no elements
   * @param spec Specialization constants that differ from the kernel's defaults
   * @throws {AssertionError} If a tensor does not fit its declaration, or the grid or a view exceeds a limit.
   */
  dispatch<A extends Record<string, Arg>, S extends string>(
    kernel: Kernel<A, S>,
    args: ArgValues<A>,
    groups: Groups,
    spec?: Partial<Record<S, number>>,
  ): void {
    const { commands, limits } = this.device;
    const [x, y = 1, z = 1] = groups;
    const fits = (count: number): boolean =>
      Number.isInteger(count) && 1 <= count && count <= limits.maxWorkgroupCount;
    if (!fits(x) || !fits(y) || !fits(z)) {
      assert(false, `${kernel.shader}: grid [${x}, ${y}, ${z}], each must be 1..${limits.maxWorkgroupCount}`);
    }
    // All checks come before the first command, so that a refused dispatch records nothing.
    const bound = bindArguments(this.device, kernel, args);
    const scalars = packScalars(kernel, args);
    const pipeline = this.device.pipelines.get(kernel, spec);
    this.#synchronize(bound.flatMap(({ access }) => access ?? []));
    this.#bind(pipeline, bound);
    if (scalars.length > 0) {
      const stage = vk.VK_SHADER_STAGE_COMPUTE_BIT;
      const { handle } = pipeline.layout;
      commands.vkCmdPushConstants(this.#commandBuffer, handle, stage, 0, scalars.length, scalars);
    }
    commands.vkCmdDispatch(this.#commandBuffer, x, y, z);
    this.#dispatchCount++;
  }

  /** Copies a tensor's bytes to another of the same length. */
  copy(source: Tensor, destination: Tensor): void {
    const bytes = tensorBytes(source);
    assert(bytes === tensorBytes(destination), `copy ${source.name} to ${destination.name}: lengths differ`);
    assert(!source.buffer.disposed && !destination.buffer.disposed, `copy ${source.name}: its arena is gone`);
    if (bytes === 0) return;
    this.#synchronize([tensorAccess(source, "read"), tensorAccess(destination, "write")]);
    const region = pack(vk.VkBufferCopy, {
      srcOffset: source.offset,
      dstOffset: destination.offset,
      size: bytes,
    });
    const { vkCmdCopyBuffer } = this.device.commands;
    vkCmdCopyBuffer(this.#commandBuffer, source.buffer.handle, destination.buffer.handle, 1, region);
  }

  /** Counts what follows to this stage, for the profiler. */
  label(name: string): void {
    this.#profiler?.label(this.#commandBuffer, name);
  }

  /** Ends the recording. The recorder cannot be used afterwards. */
  finish(): Recording {
    this.#profiler?.end(this.#commandBuffer);
    recordHostBarrier(this.device, this.#commandBuffer);
    endCommandBuffer(this.device, this.#commandBuffer);
    return new Recording(this.device, this.#commandBuffer, this.#dispatchCount, this.#barrierCount);
  }

  #synchronize(accesses: readonly ByteAccess[]): void {
    if (!this.#hazards.add(accesses)) return;
    recordBarrier(this.device, this.#commandBuffer);
    this.#barrierCount++;
  }

  #bind(pipeline: Pipeline, bound: readonly Bound[]): void {
    const { commands } = this.device;
    const point = vk.VK_PIPELINE_BIND_POINT_COMPUTE;
    if (this.#pipeline !== pipeline) {
      commands.vkCmdBindPipeline(this.#commandBuffer, point, pipeline.handle);
      this.#pipeline = pipeline;
    }
    if (bound.length === 0) return;
    this.#descriptors.set(bound);
    const { handle } = pipeline.layout;
    commands.vkCmdPushDescriptorSetKHR(
      this.#commandBuffer,
      point,
      handle,
      0,
      bound.length,
      this.#descriptors.memory,
    );
  }
}

/** Recorded work that can be submitted any number of times, also while an earlier submission still runs. */
export class Recording implements Submittable {
  /** Timeline value of the latest submission. */
  latestValue = 0n;

  constructor(
    private readonly device: Device,
    readonly commandBuffer: bigint,
    readonly dispatchCount: number,
    readonly barrierCount: number,
  ) {}

  /** Gives the command buffer back, after the latest submission of it has ended. */
  dispose(): void {
    this.device.queue.settle(this.latestValue);
    freeCommandBuffer(this.device, this.commandBuffer);
  }
}

function tensorAccess(tensor: Tensor, kind: "read" | "write"): ByteAccess {
  const { buffer, offset } = tensor;
  const end = offset + tensorBytes(tensor);
  return { buffer, begin: offset, end, reads: kind === "read", writes: kind === "write" };
}
