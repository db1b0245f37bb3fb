import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import {
  DeviceError,
  InterruptedRequestError,
  ModelError,
  ModelNotFoundError,
  RequestError,
} from "../../src/base/errors.ts";
import { EngineClient, type EngineNews } from "../../src/engine/client.ts";
import type { EngineImage, EngineOptions, EngineRequest, ToEngine } from "../../src/engine/protocol.ts";
import { buildShaders } from "../../tools/build_shaders.ts";
import { tinyFolder } from "../model/tiny_checkpoint.ts";
import { noiseImage, request as numberedRequest, text, useTinyModel } from "./tiny_engine.ts";
import { useWorkerSpy } from "./worker_spy.ts";
import { testLimitMs } from "../support/test_limit.ts";

setDefaultTimeout(testLimitMs);

buildShaders();
const model = useTinyModel();

const workers = useWorkerSpy();

function open(
  options: Partial<EngineOptions> = {},
  more: Parameters<typeof EngineClient.open>[1] = {},
): Promise<EngineClient> {
  return EngineClient.open({
    model,
    device: process.env.LLAMAV_DEVICE,
    contextLength: 64,
    chunkSize: 16,
    imageTiles: 8,
    ...options,
  }, more);
}

function request(more: Partial<EngineRequest> = {}): Omit<EngineRequest, "id"> {
  const { id: _, ...rest } = numberedRequest(0, text(10, 1), more);
  return rest;
}

async function collect(client: EngineClient, what = request(), signal?: AbortSignal): Promise<string[]> {
  return (await Array.fromAsync(client.run(what, signal))).map(({ type }) => type);
}

const whole = ["accepted", "started", ...new Array<string>(6).fill("token"), "end"];

/** The error that a promise is rejected with. */
async function rejection(promise: Promise<unknown>): Promise<Error> {
  try {
    await promise;
  } catch (error) {
    return error as Error;
  }
  throw new Error("It was not rejected");
}

describe("EngineClient.open()", () => {
  test("reports the bytes that it loads, and then the runs of the warm-up", async () => {
    const reports: { done: number; total: number; stage: string }[] = [];
    const options = { model, device: process.env.LLAMAV_DEVICE, contextLength: 64, warmUp: true };
    const client = await EngineClient.open(options, {
      onProgress: (done, total, stage) => reports.push({ done, total, stage }),
    });
    await client.close();
    const { weights, "warm-up": runs } = Object.groupBy(reports, ({ stage }) => stage);
    expect(reports).toEqual([...weights!, ...runs!]);
    for (const stage of [weights!, runs!]) {
      expect(stage.length).toBeGreaterThan(10);
      expect(stage[0]!.done).toBe(0);
      expect(stage.at(-1)!.done).toBe(stage[0]!.total);
    }
    expect(client.info.contextLength).toBe(64);
  });

  test("throws what is wrong with the model, as the class that says so", async () => {
    using empty = tinyFolder();
    expect(await rejection(open({ model: "/nowhere/to/be/found" }))).toBeInstanceOf(ModelNotFoundError);
    expect(await rejection(open({ model: empty.path }))).toBeInstanceOf(ModelError);
  });

  test("throws what is wrong with the device or an option, with the remedy", async () => {
    const noDevice = await rejection(open({ device: "no such device" }));
    expect(noDevice).toBeInstanceOf(DeviceError);
    expect((noDevice as DeviceError).remedy).toBeDefined();
    const tooLong = await rejection(open({ contextLength: 65 }));
    expect(tooLong).toBeInstanceOf(RequestError);
    expect(tooLong.message).toContain("64");
  });
});

describe("EngineClient.run()", () => {
  let client: EngineClient;
  let sent: ToEngine[];
  beforeAll(async () => {
    client = await open({ maxSequences: 2 });
    ({ sent } = workers.at(-1)!);
  });
  afterAll(() => client.close());

  test("gives the events of a sequence, also when several run", async () => {
    const image = { tokens: numberedRequest(0, [-1, 4, 5]).tokens, images: [noiseImage(1)] };
    const results = await Promise.all([
      collect(client),
      collect(client, request(image)),
      collect(client, request({ maxTokens: 2 })),
    ]);
    expect(results).toEqual([whole, whole, ["accepted", "started", "token", "token", "end"]]);
  });

  test("shares the pixels with the worker, so that they exist once and outlive it", async () => {
    const image = noiseImage(2);
    const { tokens } = numberedRequest(0, [-1, 4, 5]);
    expect(await collect(client, request({ tokens, images: [image] }))).toEqual(whole);
    const added = sent.findLast((message) => message.type === "add")!;
    const [{ pixels }] = added.request.images as [EngineImage];
    expect(pixels.buffer).toBeInstanceOf(SharedArrayBuffer);
    expect(pixels).toEqual(image.pixels);
    const twice = noiseImage(2);
    const both = request({ tokens: [...tokens, ...tokens], images: [twice, twice] });
    expect(await collect(client, both)).toEqual(whole);
  });

  test("throws what cannot be served, before any event, and goes on with the next", async () => {
    const error = await rejection(collect(client, request({ maxTokens: 60 })));
    expect(error).toBeInstanceOf(RequestError);
    expect((error as RequestError).details).toMatchObject({
      code: "context_length_exceeded",
      param: "messages",
    });
    expect(await collect(client)).toEqual(whole);
  });

  test("sends nothing when the signal was aborted before", async () => {
    const before = sent.length;
    const reason = new Error("too late");
    expect(await rejection(collect(client, request(), AbortSignal.abort(reason)))).toBe(reason);
    expect(sent.length).toBe(before);
  });

  test("throws the signal's reason when it is aborted, and ends the sequence", async () => {
    const controller = new AbortController();
    const reason = new Error("enough");
    const seen: string[] = [];
    const reading = (async () => {
      for await (const { type } of client.run(request({ maxTokens: 54 }), controller.signal)) {
        seen.push(type);
        if (type === "token") controller.abort(reason);
      }
    })();
    expect(await rejection(reading)).toBe(reason);
    expect(seen.slice(0, 3)).toEqual(["accepted", "started", "token"]);
    expect(seen).not.toContain("end");
    expect(sent.at(-1)!.type).toBe("abort");
    expect(await collect(client)).toEqual(whole);
  });

  test("ends the sequence at once when the signal is aborted while the reader is away", async () => {
    const controller = new AbortController();
    const events = client.run(request({ maxTokens: 54 }), controller.signal);
    await events.next();
    controller.abort();
    expect(sent.at(-1)!.type).toBe("abort");
    const count = sent.length;
    await events.return(undefined);
    expect(sent.length).toBe(count);
  });

  test("ends the sequence when the loop is left", async () => {
    for await (const { type } of client.run(request({ maxTokens: 54 }))) if (type === "token") break;
    expect(sent.at(-1)!.type).toBe("abort");
    expect(await collect(client)).toEqual(whole);
  });

  test("says nothing more to the engine about a sequence that has ended", async () => {
    const before = sent.length;
    await collect(client);
    expect(sent.slice(before).map(({ type }) => type)).toEqual(["add"]);
  });

  test("forgets 200 requests, however they end", async () => {
    const reasons: WeakRef<Error>[] = [];
    let listeners = 0;
    const countListeners = (signal: AbortSignal): AbortSignal => {
      const { addEventListener: add, removeEventListener: remove } = signal;
      signal.addEventListener = (...args: Parameters<typeof add>) => (listeners++, add.apply(signal, args));
      signal.removeEventListener = (...args: Parameters<typeof remove>) => (
        listeners--, remove.apply(signal, args)
      );
      return signal;
    };
    for (let i = 0; i < 200; i++) {
      const controller = new AbortController();
      const events = client.run(request({ maxTokens: 2 + i % 50 }), countListeners(controller.signal));
      await events.next();
      if (i % 4 === 0) await Array.fromAsync(events);
      const reason = new Error(`number ${i}`);
      reasons.push(new WeakRef(reason));
      if (i % 2 === 1) controller.abort(reason);
      if (i % 4 === 1) await rejection(Array.fromAsync(events));
      await events.return(undefined);
    }
    expect(await collect(client)).toEqual(whole);
    expect(listeners).toBe(0);
    Bun.gc(true);
    // The collector looks at the stack conservatively and may keep a few.
    expect(reasons.filter((reason) => reason.deref()).length).toBeLessThan(40);
  });
});

describe("EngineClient.close()", () => {
  test("fails what runs and refuses what comes", async () => {
    const client = await open();
    const running = collect(client, request({ maxTokens: 54 }));
    const outcome = rejection(running);
    await client.close();
    expect((await outcome).message).toBe("The engine was closed");
    expect((await rejection(collect(client))).message).toBe("The engine was closed");
    const trace = { tokens: [1], images: [], maxTokens: 0, steps: false };
    expect((await rejection(client.trace(trace))).message).toBe("The engine was closed");
  });

  test("may be called twice, also at the same time", async () => {
    const client = await open();
    await Promise.all([client.close(), client.close()]);
    await client.close();
  });
});

describe("A worker that stops", () => {
  const interrupted = async (outcome: Promise<unknown>) => {
    const error = await rejection(outcome);
    expect(error).toBeInstanceOf(InterruptedRequestError);
    expect((error as InterruptedRequestError).code).toBe("engine_failed");
  };

  /** Reads an answer to its end; resolves once its first token is there. */
  async function begun(client: EngineClient): Promise<{ rest: Promise<unknown> }> {
    const events = client.run(request({ maxTokens: 54 }));
    for (let event = await events.next(); event.value!.type !== "token";) event = await events.next();
    return { rest: Array.fromAsync(events) };
  }

  test("because it was ended interrupts what has begun, and another one goes on", async () => {
    const client = await open();
    const { rest } = await begun(client);
    const waiting = collect(client);
    workers.at(-1)!.worker.terminate();
    await interrupted(rest);
    expect(await waiting).toEqual(whole);
    expect(await collect(client)).toEqual(whole);
    await client.close();
  });

  test("because of a mistake of our own says so to whoever made it, and interrupts the others", async () => {
    const news: EngineNews[] = [];
    const client = await open({}, { onNews: (one) => news.push(one) });
    const { rest } = await begun(client);
    const wrong = { ...request(), tokens: undefined as never };
    expect((await rejection(collect(client, wrong))).message).toContain("tokens");
    await interrupted(rest);
    expect(await collect(client)).toEqual(whole);
    expect(news).toMatchObject([{ type: "recovering", pauseMs: 0 }, { type: "recovered" }]);
    expect(String((news[0] as { error: Error }).error.cause)).toContain("engine_core.ts"); // for the log
    await client.close();
  });

  test("because of a fault interrupts what runs, on the same thread", async () => {
    const client = await open();
    const { rest } = await begun(client);
    const count = workers.length;
    workers.at(-1)!.worker.postMessage({ type: "add" }); // a request without its request
    await interrupted(rest);
    expect(await collect(client)).toEqual(whole);
    expect(workers.length).toBe(count);
    await client.close();
  });

  test("while the next engine is waited for costs no further attempt", async () => {
    const news: EngineNews[] = [];
    const restarts = { pausesMs: [300], healthyMs: 60_000 };
    const onNews = (one: EngineNews) => {
      news.push(one);
      if (one.type === "recovering") workers.at(-1)!.worker.terminate();
    };
    const client = await open({}, { onNews, restarts });
    const { rest } = await begun(client);
    workers.at(-1)!.worker.postMessage({ type: "add" }); // a request without its request
    await interrupted(rest);
    expect(await collect(client)).toEqual(whole);
    expect(news.map(({ type }) => type)).toEqual(["recovering", "recovered"]);
    await client.close();
  });

  test("while it is being closed does not keep close() waiting", async () => {
    const client = await open();
    const closing = client.close();
    workers.at(-1)!.worker.terminate();
    await closing;
  });

  test("while it starts fails open()", async () => {
    const opening = open();
    workers.at(-1)!.worker.terminate();
    expect((await rejection(opening)).message).toMatch(/The engine could not start/);
  });
});
