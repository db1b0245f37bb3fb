/** What a token takes of the main thread from the runtime's event to the socket, with an engine that costs nothing. */
import process from "node:process";
import { createLog } from "../../src/base/log.ts";
import { emptyStats } from "../../src/engine/stats.ts";
import { createApp } from "../../src/http/app.ts";
import { startServer } from "../../src/http/server.ts";
import { emptyCounts } from "../../src/runtime/counts.ts";
import type { GenerateEvent, GenerateRequest, Runtime } from "../../src/runtime/request.ts";
import { median } from "../../src/runtime/bench_report.ts";
import type { Result } from "../results_file.ts";

const streams = 8;

/**
 * Streams tokens to clients in another process and counts this thread's own time. Events come as an engine's do: one for
 * each stream, then the next turn of the event loop.
 *
 * @param tokens of all streams together, each round
 */
export async function measureStreamPath(rounds: number, tokens: number): Promise<Result> {
  const unavailable = () => Promise.reject(new Error("There are no pictures here"));
  const app = createApp({ version: "bench", log: createLog(() => {}), loadPicture: unavailable });
  app.serve(steadyRuntime());
  const server = startServer(app, "127.0.0.1", 0);
  const each = Math.ceil(tokens / streams);
  const costs: number[] = [];
  for (let round = -1; round < rounds; round++) {
    const before = process.threadCpuUsage();
    const reader = Bun.spawn([
      process.execPath,
      `${import.meta.dir}/reader.ts`,
      server.url,
      String(streams),
      String(each),
    ], { stdin: "ignore", stdout: "inherit", stderr: "inherit" });
    if (await reader.exited !== 0) throw new Error("The reader has missed something");
    const { user, system } = process.threadCpuUsage(before);
    if (round >= 0) costs.push((user + system) / (streams * each));
  }
  await server.stop(0);
  const shape = `${streams} streams of ${each}`;
  return { op: "server_stream_path", shape, dtype: "-", ms: 0, rate: median(costs), unit: "us per token" };
}

/** As many events as `maxTokens` says. All streams that wait get their next one in the same turn. */
function steadyRuntime(): Runtime {
  let turn: Promise<void> | undefined;
  const nextTurn = () =>
    turn ??= new Promise<void>((resolve) =>
      setImmediate(() => {
        turn = undefined;
        resolve();
      })
    );
  async function* generate({ maxTokens = 0 }: GenerateRequest): AsyncGenerator<GenerateEvent> {
    yield { type: "start", promptTokens: 1, imageTiles: 0 };
    for (let completionTokens = 1; completionTokens <= maxTokens; completionTokens++) {
      await nextTurn();
      yield { type: "text", choice: 0, text: " word", completionTokens };
    }
    const timings = { queueMs: 0, imageMs: 0, prefillMs: 0, decodeMs: 0 };
    const usage = { promptTokens: 1, cachedTokens: 0, completionTokens: maxTokens };
    yield {
      type: "end",
      choice: 0,
      finishReason: "length",
      usage: { ...usage, imageTiles: 0, cachedImages: 0, timings },
    };
  }
  const nothing = () => {
    throw new Error("This runtime has no words");
  };
  return {
    model: {
      id: "steady",
      path: "",
      contextLength: 131_072,
      imageTiles: 0,
      tileSize: 1,
      maxTiles: 1,
      kvTokens: 131_072,
      blockSize: 16,
      maxRequests: streams,
      device: "none",
      isCpu: false,
      memory: [],
      notes: [],
    },
    state: "ready",
    stats: emptyStats(),
    counts: emptyCounts(),
    silentMs: 0,
    queueRoom: streams,
    texts: { tokenize: nothing, tokenizeConversation: nothing, applyTemplate: nothing, detokenize: nothing },
    failure: new Promise(() => {}),
    failed: undefined,
    generate,
    close: () => Promise.resolve(),
  };
}
