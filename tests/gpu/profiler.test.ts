import { expect, test } from "bun:test";
import { Arena } from "../../src/gpu/memory.ts";
import { Profiler } from "../../src/gpu/profiler.ts";
import { Recorder } from "../../src/gpu/recorder.ts";
import { openTestDevice } from "../support/gpu.ts";

const device = openTestDevice();

test.if(device.info.timestampPeriodNs > 0)("Profiler.read() gives the time of each label, summed", () => {
  const bytes = 2 ** 24;
  const arena = new Arena(device, "test", 4 * bytes, "device");
  const [a, b, c, d] = ["a", "b", "c", "d"].map((name) => arena.tensor(name, "u8", [bytes]));
  const profiler = new Profiler(device);
  const cmd = new Recorder(device, { profiler });
  cmd.label("large");
  cmd.copy(a!, b!);
  cmd.label("nothing");
  cmd.label("large");
  cmd.copy(c!, d!);
  const recording = cmd.finish();
  for (let run = 0; run < 2; run++) {
    device.queue.run(recording);
    const times = profiler.read();
    expect([...times.keys()]).toEqual(["", "large", "nothing"]);
    // 64 MiB are moved: more than 0.01 ms on any device, and far more than nothing at all.
    expect(times.get("large")!).toBeGreaterThan(0.01);
    expect(times.get("large")!).toBeGreaterThan(times.get("nothing")!);
    expect(times.get("large")!).toBeLessThan(10_000);
  }
  recording.dispose();
  profiler.dispose();
  arena.dispose();
});
