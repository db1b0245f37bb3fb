import type { Command } from "commander";
import { DeviceError } from "../base/errors.ts";
import { describeDeviceMemory } from "../runtime/device_memory.ts";
import type { FoundDevice } from "../runtime/devices.ts";
import type { CliContext } from "./context.ts";
import { addFlags, readFlags } from "./flags.ts";
import { formatTable } from "./table.ts";

const flags = ["json"] as const;

/** `llamav devices`: what `--device` can name. */
export function addDevices(program: Command, context: CliContext): void {
  const command = program.command("devices").summary("list the Vulkan devices of this machine")
    .description("Lists the Vulkan devices that --device can name; llamav doctor checks them.");
  addFlags(command, flags);
  command.action(async () => {
    const { json } = readFlags(command, flags, context.env);
    const devices = await context.services.findDevices();
    await context.terminal.print(
      json ? `${JSON.stringify({ devices }, null, 2)}\n` : formatDevices(devices, context.terminal.columns),
    );
    if (devices.some(({ missing }) => missing.length === 0)) return;
    throw new DeviceError("No device of this machine can be used", "llamav doctor says what to do about it");
  });
}

function formatDevices(devices: readonly FoundDevice[], columns?: number): string {
  return formatTable([
    ["DEVICE", "NAME", "TYPE", "DRIVER", "VULKAN", "MEMORY", "STATE"],
    ...devices.map(({ index, name, type, driverName, driverInfo, apiVersion, memoryBytes, missing }) => [
      String(index),
      name,
      type,
      `${driverName} ${driverInfo}`,
      apiVersion,
      describeDeviceMemory(type, memoryBytes),
      missing.length === 0 ? "ready" : `lacks ${missing.join(" and ")}`,
    ]),
  ], columns);
}
