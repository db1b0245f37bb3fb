/** Opens a device in the environment of this process and prints its name, or what is wrong and what to do. */
import { DeviceError } from "../../../src/base/errors.ts";
import { Device } from "../../../src/gpu/device.ts";

try {
  const device = Device.open();
  console.log(device.info.name);
  device.dispose();
} catch (error) {
  if (!(error instanceof DeviceError)) throw error;
  console.log(`${error.message}\n${error.remedy}`);
}
