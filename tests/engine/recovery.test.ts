import { afterEach, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { DeviceError, InterruptedRequestError, RequestError } from "../../src/base/errors.ts";
import type { EngineClient } from "../../src/engine/client.ts";
import type { EngineOptions } from "../../src/engine/protocol.ts";
import {
  FaultHarness,
  type Outcome,
  type ScriptedRequest,
  scriptedRequests,
  until,
  within,
} from "./faults/fault_harness.ts";
import { testLimitMs } from "../support/test_limit.ts";

setDefaultTimeout(testLimitMs);

/** What happens around one failure of the engine; `faults.test.ts` lets it fail everywhere. */
const harness = new FaultHarness();
const { control, news } = harness;
let client: EngineClient;
let requests: readonly ScriptedRequest[];

beforeAll(async () => {
  requests = await scriptedRequests();
});

afterEach(async () => {
  control.disarm();
  await client.close();
});

/** A client whose engine runs one request at a time; the device is lost in the second step. */
async function openDoomed(options: Partial<EngineOptions> = {}, pausesMs?: number[]): Promise<void> {
  news.length = 0;
  client = await harness.open({ maxSequences: 1, ...options }, pausesMs);
  control.arm({ command: "vkWaitSemaphores", occurrence: 2, action: "device lost" });
}

function codeOf(outcome: Outcome): string | undefined {
  return outcome instanceof InterruptedRequestError ? outcome.code : undefined;
}

describe("A lost device (O04)", () => {
  test("interrupts the request that runs, says that it can be sent again, and those that wait are answered", async () => {
    await openDoomed();
    const [text] = requests.slice(1);
    const [first, ...others] = await harness.answers(client, [text!, requests[0]!, text!]);
    expect(codeOf(first!)).toBe("device_lost");
    expect((first as InterruptedRequestError).remedy).toContain("send the request again");
    expect(others.map((outcome) => outcome instanceof Error)).toEqual([false, false]);
    expect(news.map(({ type }) => type)).toEqual(["recovering", "recovered"]);
    expect(client.state).toBe("ready");
    expect(client.losses).toEqual({ byDevice: 1, byFault: 0, restarts: 1 });
  });

  test("keeps requests that come meanwhile waiting, as many as may wait, and lets them go", async () => {
    await openDoomed({ maxQueued: 2 }, [300]);
    const [image, text] = requests;
    expect(codeOf((await harness.answers(client, [text!]))[0]!)).toBe("device_lost");
    await until(() => client.state === "recovering");
    const reason = new Error("gave up");
    const controller = new AbortController();
    const left = failureOf(Array.fromAsync(client.run(image!.request(), controller.signal)));
    const waiting = harness.answers(client, [text!]);
    const refused = await failureOf(Array.fromAsync(client.run(text!.request())));
    expect(refused).toBeInstanceOf(RequestError);
    expect((refused as RequestError).details.code).toBe("queue_full");
    expect(refused.message).toContain("2 requests wait");
    controller.abort(reason);
    expect(await left).toBe(reason);
    expect(client.state).toBe("recovering");
    expect(await waiting).toEqual([[...text!.want]]);
  });

  test("that is lost again and again ends everything, with what the last attempt failed for", async () => {
    await openDoomed({}, [0, 1]);
    const lost = { command: "vkQueueSubmit", occurrence: 1, action: "device lost" } as const;
    const full = { command: "vkAllocateMemory", occurrence: 3, action: "out of device memory" } as const;
    control.arm(lost, full, full);
    const running = failureOf(Array.fromAsync(client.run(requests[1]!.request())));
    const waiting = failureOf(Array.fromAsync(client.run(requests[0]!.request())));
    expect(await within(running)).toBeInstanceOf(InterruptedRequestError);
    const last = await within(client.failure);
    expect(last).toBeInstanceOf(DeviceError);
    expect(last.message).toContain("Cannot allocate");
    expect(await within(waiting)).toBe(last);
    expect([client.state, client.failed]).toEqual(["failed", last]);
    expect(await failureOf(Array.fromAsync(client.run(requests[0]!.request())))).toBe(last);
    expect(control.live("Memory")).toBe(0);
  });

  test("is final at once for a client that allows no restart", async () => {
    await openDoomed({ outputRows: 48 }, []);
    const trace = { tokens: requests[1]!.request().tokens, images: [], maxTokens: 2, steps: false };
    expect((await failureOf(client.trace(trace))).message).toContain("The device was lost");
    await within(client.failure);
    expect(news).toEqual([]);
  });
});

test("An engine that cannot be opened the first time is not tried again", async () => {
  client = await harness.open();
  news.length = 0;
  control.arm({ command: "vkAllocateMemory", occurrence: 2, action: "out of device memory" });
  expect(await failureOf(harness.open())).toBeInstanceOf(DeviceError);
  expect(control.fired).toBe(1);
  expect(news).toEqual([]);
});

test("EngineClient.close() does not wait for an engine that is to be opened later", async () => {
  await openDoomed({}, [60_000]);
  await harness.answers(client, requests.slice(0, 1));
  await until(() => client.state === "recovering");
  const begin = performance.now();
  await within(client.close());
  expect(performance.now() - begin).toBeLessThan(30_000);
  expect((await within(client.failure)).message).toBe("The engine was closed");
});

test("A request that ends every thread it is sent to is sent twice, and the one behind it is answered", async () => {
  client = await harness.open({ maxSequences: 1, firstAnswer: undefined });
  // Loading has none where nothing is compiled ahead.
  const end = { command: "vkCmdDispatch", occurrence: 1, action: "thread end" } as const;
  control.arm(end, end);
  const poison = failureOf(Array.fromAsync(client.run(requests[1]!.request())));
  expect((await within(poison) as InterruptedRequestError).code).toBe("engine_failed");
  expect(control.fired).toBe(2);
  expect(await harness.answers(client, requests.slice(0, 1))).toEqual([[...requests[0]!.want]]);
});

/** What a promise is rejected with. */
async function failureOf(promise: Promise<unknown>): Promise<Error> {
  try {
    await promise;
  } catch (error) {
    return error as Error;
  }
  throw new Error("It was not rejected");
}
