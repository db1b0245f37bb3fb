import { allocate, hold, packArray } from "../../ffi/struct.ts";
import {
  VK_DESCRIPTOR_TYPE_STORAGE_BUFFER,
  VkDescriptorBufferInfo,
  VkWriteDescriptorSet,
} from "../../ffi/vulkan.gen.ts";
import { assert } from "../base/assert.ts";
import type { Bound } from "./arguments.ts";

/** Devices promise at least 32 push descriptors; no kernel needs half as many. */
const maxBindings = 16;
const infoWords = VkDescriptorBufferInfo.size / 8;

/**
 * The structs that push a dispatch's buffers: writes for the bindings 0, 1, … that point to one array of buffer
 * infos. Packed once; a dispatch only overwrites handle, offset and range, and the driver copies them.
 */
export class DescriptorWrites {
  /** The `VkWriteDescriptorSet` array. */
  readonly memory: Uint8Array;
  readonly #infos: BigUint64Array;

  constructor() {
    const infos = allocate(maxBindings * VkDescriptorBufferInfo.size);
    this.#infos = new BigUint64Array(infos.buffer);
    const writes = Array.from({ length: maxBindings }, (_, binding) => ({
      dstBinding: binding,
      descriptorCount: 1,
      descriptorType: VK_DESCRIPTOR_TYPE_STORAGE_BUFFER,
      pBufferInfo: infos.subarray(binding * VkDescriptorBufferInfo.size),
    }));
    this.memory = packArray(VkWriteDescriptorSet, writes);
    hold(this.memory, infos);
  }

  /** Points the bindings to these views, in order. */
  set(bound: readonly Bound[]): void {
    assert(bound.length <= maxBindings, `${bound.length} buffers, at most ${maxBindings}`);
    bound.forEach(({ buffer, offset, range }, binding) => {
      const at = binding * infoWords;
      this.#infos[at] = buffer.handle;
      this.#infos[at + 1] = BigInt(offset);
      this.#infos[at + 2] = BigInt(range);
    });
  }
}
