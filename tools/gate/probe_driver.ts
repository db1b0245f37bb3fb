/** Opens the default device and prints one line of JSON about it; `drivers.ts` runs this in each environment. */
import { Device } from "../../src/gpu/device.ts";

const device = Device.open();
const { driverInfo, subgroupSize } = device.info;
device.dispose();
console.log(JSON.stringify({ driver: driverInfo, subgroupSize }));
