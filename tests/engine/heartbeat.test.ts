import { expect, setDefaultTimeout, test } from "bun:test";
import { EngineClient } from "../../src/engine/client.ts";
import { Heartbeat } from "../../src/engine/heartbeat.ts";
import { greedy } from "../../src/engine/sampling.ts";
import { until } from "../support/fake_runtime.ts";
import { testLimitMs } from "../support/test_limit.ts";
import { useSimWorker } from "./sim_thread.ts";

setDefaultTimeout(testLimitMs);
useSimWorker("./hanging_worker.ts");

test("Heartbeat.silentMs counts from a question that nobody answers, and asks one at a time", async () => {
  let now = 1000;
  let asked = 0;
  const heartbeat = new Heartbeat(() => asked++, 1, () => now);
  expect(heartbeat.silentMs).toBe(0);
  await until(() => asked === 1);
  now += 700;
  await Bun.sleep(20);
  expect([asked, heartbeat.silentMs]).toEqual([1, 700]);
  heartbeat.heard();
  expect(heartbeat.silentMs).toBe(0);
  await until(() => asked === 2);
  heartbeat.stop();
  now += 700;
  await Bun.sleep(20);
  expect([asked, heartbeat.silentMs]).toEqual([2, 0]);
});

test("EngineClient.silentMs grows while the thread hangs in a step, and is 0 again when it goes on (O16)", async () => {
  const client = await EngineClient.open({ model: "simulated" }, { heartbeatMs: 20 });
  const run = Array.fromAsync(
    client.run({ tokens: [999, 1, 2], images: [], sampling: greedy, maxTokens: 3, stopIds: [] }),
  );
  await until(() => client.silentMs > 300);
  expect((await run).at(-1)).toMatchObject({ type: "end", reason: "length" });
  await until(() => client.silentMs === 0);
  await client.close();
  expect(client.silentMs).toBe(0);
});
