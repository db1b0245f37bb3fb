import { handles, pack } from "../../ffi/struct.ts";
import { check } from "../../ffi/vulkan.ts";
import * as vk from "../../ffi/vulkan.gen.ts";
import type { Device } from "./device.ts";

/** Takes a command buffer from the device's pool and begins it. It may be in flight more than once. */
export function beginCommandBuffer(device: Device): bigint {
  const info = pack(vk.VkCommandBufferAllocateInfo, {
    commandPool: device.commandPool,
    commandBufferCount: 1,
  });
  const out = handles(1);
  check(device.commands.vkAllocateCommandBuffers(device.handle, info, out), "vkAllocateCommandBuffers");
  const begin = pack(vk.VkCommandBufferBeginInfo, { flags: vk.VK_COMMAND_BUFFER_USAGE_SIMULTANEOUS_USE_BIT });
  try {
    check(device.commands.vkBeginCommandBuffer(out[0]!, begin), "vkBeginCommandBuffer");
  } catch (error) {
    freeCommandBuffers(device, [...out]);
    throw error;
  }
  return out[0]!;
}

export function endCommandBuffer(device: Device, commandBuffer: bigint): void {
  check(device.commands.vkEndCommandBuffer(commandBuffer), "vkEndCommandBuffer");
}

/** Gives command buffers back to the pool. None of them may still run. */
export function freeCommandBuffers(device: Device, commandBuffers: readonly bigint[]): void {
  const { commands, handle, commandPool } = device;
  commands.vkFreeCommandBuffers(handle, commandPool, commandBuffers.length, handles(commandBuffers));
}

const deviceStages = vk.VK_PIPELINE_STAGE_COMPUTE_SHADER_BIT | vk.VK_PIPELINE_STAGE_TRANSFER_BIT;
const deviceWrites = vk.VK_ACCESS_SHADER_WRITE_BIT | vk.VK_ACCESS_TRANSFER_WRITE_BIT;
const deviceAccess = deviceWrites | vk.VK_ACCESS_SHADER_READ_BIT | vk.VK_ACCESS_TRANSFER_READ_BIT;

const betweenDispatches = pack(vk.VkMemoryBarrier, {
  srcAccessMask: deviceWrites,
  dstAccessMask: deviceAccess,
});
const towardsHost = pack(vk.VkMemoryBarrier, {
  srcAccessMask: deviceWrites,
  dstAccessMask: vk.VK_ACCESS_HOST_READ_BIT,
});

/** Everything before, in this and in earlier submissions, is finished and visible to everything after. */
export function recordBarrier(device: Device, commandBuffer: bigint): void {
  device.commands.vkCmdPipelineBarrier(
    ...[commandBuffer, deviceStages, deviceStages, 0, 1, betweenDispatches, 0, null, 0, null] as const,
  );
}

/** What was written before is visible to the host once it has waited for the submission. */
export function recordHostBarrier(device: Device, commandBuffer: bigint): void {
  const hostStage = vk.VK_PIPELINE_STAGE_HOST_BIT;
  device.commands.vkCmdPipelineBarrier(
    ...[commandBuffer, deviceStages, hostStage, 0, 1, towardsHost, 0, null, 0, null] as const,
  );
}

/** Records, submits and waits: for work that happens once, at load. */
export function runOnce(device: Device, record: (commandBuffer: bigint) => void): void {
  const commandBuffer = beginCommandBuffer(device);
  try {
    recordBarrier(device, commandBuffer);
    record(commandBuffer);
    recordHostBarrier(device, commandBuffer);
    endCommandBuffer(device, commandBuffer);
    device.queue.run({ commandBuffers: [commandBuffer], latestValue: 0n });
  } finally {
    device.queue.settle();
    freeCommandBuffers(device, [commandBuffer]);
  }
}
