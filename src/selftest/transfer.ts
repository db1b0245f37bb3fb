import type { Device } from "../gpu/device.ts";
import { Arena } from "../gpu/memory.ts";
import { Recorder } from "../gpu/recorder.ts";
import { Uploader } from "../gpu/staging.ts";
import { random } from "./random.ts";

const byteLength = 3 * 2 ** 20 + 12;
/** Smaller than the data, so that the staging ring goes round where there is one. */
const ringBytes = 2 ** 20;

/**
 * Sends bytes to the device's own memory the way weights go, copies them there, and reads them back.
 *
 * @returns How many of the bytes came back changed, and how many were sent.
 * @throws {DeviceError} If the device has no memory for it, or fails.
 */
export function testTransfer(device: Device): { readonly changed: number; readonly sent: number } {
  using stack = new DisposableStack();
  const [own, host] = (["device", "readback"] as const).map((placement) => {
    const arena = stack.adopt(
      new Arena(device, "transfer test", byteLength + 256, placement),
      (it) => it.dispose(),
    );
    return { arena, tensor: arena.tensor("bytes", "u8", [byteLength]) };
  });
  const rng = random(1);
  const bytes = Uint8Array.from({ length: byteLength }, () => rng.below(256));
  const uploader = stack.adopt(new Uploader(device, ringBytes), (it) => it.dispose());
  let done = 0;
  uploader.write(own!.tensor, 0, byteLength, (target) => {
    target.bytes.set(bytes.subarray(done, done += target.bytes.length));
  });
  uploader.flush();
  const cmd = new Recorder(device);
  cmd.copy(own!.tensor, host!.tensor);
  const recording = stack.adopt(cmd.finish(), (it) => it.dispose());
  device.queue.run(recording);
  const back = host!.arena.view(host!.tensor);
  return { changed: bytes.reduce((count, byte, i) => count + Number(byte !== back[i]), 0), sent: byteLength };
}
