import { afterAll, expect } from "bun:test";
import { existsSync, readFileSync, statSync } from "node:fs";
import { buildShaders } from "../../tools/build_shaders.ts";
import { Device } from "../../src/gpu/device.ts";
import { validationLogPath } from "../../src/gpu/validation.ts";

let shared: Device | undefined;
let readBytes = 0;

/**
 * The device that all GPU tests of this process share, under the validation layer. Compiles stale shaders
 * first. The test file that calls this fails at its end if the layer has said anything.
 */
export function openTestDevice(): Device {
  afterAll(expectSilentValidation);
  return shared ??= openDevice();
}

function openDevice(): Device {
  for (const { shader, output } of buildShaders()) console.error(`${shader}:\n${output}`);
  return Device.open({ select: process.env.LLAMAV_DEVICE, validation: true });
}

/** Fails if the validation layer has logged anything since the last call. */
export function expectSilentValidation(): void {
  expect(takeValidationMessages()).toBe("");
}

/** What the validation layer has logged since the last call. */
export function takeValidationMessages(): string {
  if (!existsSync(validationLogPath)) return "";
  const text = readFileSync(validationLogPath).subarray(readBytes).toString();
  readBytes = statSync(validationLogPath).size;
  return text;
}
