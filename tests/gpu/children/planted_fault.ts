/**
 * Makes the mistake named by its argument under the validation layer and prints what the layer says. In a
 * process of its own, so that the log of the other tests stays empty.
 */
import { readFileSync } from "node:fs";
import { pack } from "../../../ffi/struct.ts";
import { VkBufferCopy } from "../../../ffi/vulkan.gen.ts";
import { beginCommandBuffer, endCommandBuffer, freeCommandBuffers } from "../../../src/gpu/command_buffer.ts";
import { Device } from "../../../src/gpu/device.ts";
import { GpuBuffer } from "../../../src/gpu/memory.ts";
import { validationLogPath } from "../../../src/gpu/validation.ts";

const faults: Readonly<Record<string, (device: Device) => void>> = {
  none: () => {},
  leak: (device) => void new GpuBuffer(device, "leaked", 64, "device"),
  // Copies a to b and b to c without the barrier that the recorder would put between.
  hazard: (device) =>
    withBuffers(device, (commandBuffer, [a, b, c]) => {
      copy(device, commandBuffer, a!, b!, 64);
      copy(device, commandBuffer, b!, c!, 64);
    }),
  // Copies beyond the end of a buffer.
  usage: (device) =>
    withBuffers(device, (commandBuffer, [a, b]) => copy(device, commandBuffer, a!, b!, 4096)),
};

function withBuffers(device: Device, record: (commandBuffer: bigint, buffers: GpuBuffer[]) => void): void {
  const buffers = ["a", "b", "c"].map((name) => new GpuBuffer(device, name, 64, "device"));
  const commandBuffer = beginCommandBuffer(device);
  record(commandBuffer, buffers);
  endCommandBuffer(device, commandBuffer);
  freeCommandBuffers(device, [commandBuffer]);
  for (const buffer of buffers) buffer.dispose();
}

function copy(device: Device, commandBuffer: bigint, from: GpuBuffer, to: GpuBuffer, size: number): void {
  device.commands.vkCmdCopyBuffer(commandBuffer, from.handle, to.handle, 1, pack(VkBufferCopy, { size }));
}

const device = Device.open({ validation: true });
faults[process.argv[2]!]!(device);
device.dispose();
process.stdout.write(readFileSync(validationLogPath));
