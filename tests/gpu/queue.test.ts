import { expect, test } from "bun:test";
import { DeviceError } from "../../src/base/errors.ts";
import { openTestDevice } from "../support/gpu.ts";

const device = openTestDevice();

test("Queue.wait() gives up after its timeout", () => {
  const never = device.queue.submitted + 1000n;
  const wait = () => device.queue.wait(never, 5);
  expect(wait).toThrow(DeviceError);
  expect(wait).toThrow("did not finish within 5 ms");
});

test("Queue.wait() returns at once for work that is done", () => {
  device.queue.wait(device.queue.submitted, 0);
  expect(device.queue.submitted).toBeGreaterThanOrEqual(0n);
});
