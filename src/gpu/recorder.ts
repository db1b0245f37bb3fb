import { pack } from "../../ffi/struct.ts";
import * as vk from "../../ffi/vulkan.gen.ts";
import { assert } from "../base/assert.ts";
import {
  beginCommandBuffer,
  endCommandBuffer,
  freeCommandBuffers,
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
 *
 * Declare it with `using`: if an operation throws, what was recorded is given back.
 */
export class Recorder implements Disposable {
  /** The last one is being recorded. Empty once the recorder is finished or disposed. */
  #commandBuffers: bigint[] = [];
  readonly #hazards = new HazardTracker();
  readonly #descriptors = new DescriptorWrites();
  readonly #profiler: Profiler | undefined;
  readonly #compileOnly: boolean;
  /** The pipeline that is bound in the command buffer being recorded. */
  #pipeline: Pipeline | undefined;
  /** Whether the command buffer being recorded holds a dispatch or a copy. */
  #hasWork = false;
  #splitIsDue = false;
  #dispatchCount = 0;
  #barrierCount = 0;

  /**
   * @param options.profiler Measures the time between labels; it serves one recording
   * @param options.compileOnly Dispatches no workgroups and copies nothing: no tensor is touched, but a driver that
   *   compiles a kernel at its first use does it then
   */
  constructor(readonly device: Device, options: { profiler?: Profiler; compileOnly?: boolean } = {}) {
    this.#compileOnly = options.compileOnly ?? false;
    this.#commandBuffers.push(beginCommandBuffer(device));
    try {
      recordBarrier(device, this.#commandBuffer);
      options.profiler?.begin(this.#commandBuffer);
      this.#profiler = options.profiler;
    } catch (error) {
      this.dispose();
      throw error;
    }
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
    this.#beginCommand(bound.flatMap(({ access }) => access ?? []));
    this.#bind(pipeline, bound);
    if (scalars.length > 0) {
      const stage = vk.VK_SHADER_STAGE_COMPUTE_BIT;
      const { handle } = pipeline.layout;
      commands.vkCmdPushConstants(this.#commandBuffer, handle, stage, 0, scalars.length, scalars);
    }
    if (this.#compileOnly) commands.vkCmdDispatch(this.#commandBuffer, 0, 0, 0);
    else commands.vkCmdDispatch(this.#commandBuffer, x, y, z);
    this.#dispatchCount++;
  }

  /** Copies a tensor's bytes to another of the same length. */
  copy(source: Tensor, destination: Tensor): void {
    const bytes = tensorBytes(source);
    assert(bytes === tensorBytes(destination), `copy ${source.name} to ${destination.name}: lengths differ`);
    assert(!source.buffer.disposed && !destination.buffer.disposed, `copy ${source.name}: its arena is gone`);
    if (bytes === 0 || this.#compileOnly) return;
    this.#beginCommand([tensorAccess(source, "read"), tensorAccess(destination, "write")]);
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

  /**
   * Puts what follows into a submission of its own. Systems reset a device that works on one submission for
   * longer than a few seconds (Windows: 2), so long work is cut where it can be: between layers.
   *
   * Results are the same with and without. Where nothing was recorded since the last split, or nothing follows,
   * there is nothing to split.
   */
  split(): void {
    assert(this.#commandBuffers.length > 0, spent);
    this.#splitIsDue = this.#hasWork;
  }

  /** Ends the recording. The recorder cannot be used afterwards. */
  finish(): Recording {
    this.#profiler?.end(this.#commandBuffer);
    recordHostBarrier(this.device, this.#commandBuffer);
    endCommandBuffer(this.device, this.#commandBuffer);
    const commandBuffers = this.#commandBuffers;
    this.#commandBuffers = [];
    return new Recording(this.device, commandBuffers, this.#dispatchCount, this.#barrierCount);
  }

  /** Gives back what was recorded, if it was not finished. The recorder cannot be used afterwards. */
  dispose(): void {
    const commandBuffers = this.#commandBuffers;
    this.#commandBuffers = [];
    if (commandBuffers.length > 0) freeCommandBuffers(this.device, commandBuffers);
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  get #commandBuffer(): bigint {
    const current = this.#commandBuffers.at(-1);
    assert(current !== undefined, spent);
    return current;
  }

  /** Everything that must come before a command: the split that is due, and a barrier if its bytes need one. */
  #beginCommand(accesses: readonly ByteAccess[]): void {
    if (this.#splitIsDue) {
      endCommandBuffer(this.device, this.#commandBuffer);
      this.#commandBuffers.push(beginCommandBuffer(this.device));
      this.#pipeline = undefined;
      this.#splitIsDue = false;
    }
    this.#hasWork = true;
    // Barriers reach back over all earlier submissions, so what was noted before a split still counts.
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
  readonly #commandBuffers: readonly bigint[];
  #disposed = false;

  constructor(
    private readonly device: Device,
    commandBuffers: readonly bigint[],
    readonly dispatchCount: number,
    readonly barrierCount: number,
  ) {
    this.#commandBuffers = commandBuffers;
  }

  /** One, and one more for each split. */
  get commandBuffers(): readonly bigint[] {
    assert(!this.#disposed, "The recording is disposed");
    return this.#commandBuffers;
  }

  /** Gives the command buffers back, after the latest submission of them has ended. */
  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    this.device.queue.settle(this.latestValue);
    freeCommandBuffers(this.device, this.#commandBuffers);
  }
}

const spent = "The recorder is finished or disposed";

function tensorAccess(tensor: Tensor, kind: "read" | "write"): ByteAccess {
  const { buffer, offset } = tensor;
  const end = offset + tensorBytes(tensor);
  return { buffer, begin: offset, end, reads: kind === "read", writes: kind === "write" };
}
