import process from "node:process";
import { createLog } from "../../src/base/log.ts";
import { createApp } from "../../src/http/app.ts";
import { startServer } from "../../src/http/server.ts";
import { median } from "../../src/runtime/bench_report.ts";
import type { Runtime } from "../../src/runtime/request.ts";
import { openRuntime } from "../../src/runtime/runtime.ts";
import type { Result } from "../results_file.ts";

const streams = 8;

/**
 * Milliseconds of a step: none, so that the main thread is what everybody waits for; and about what the demo takes for
 * eight rows on two CPU cores, and an 11B for as many on a large card.
 */
const paces = [0, 5];

/**
 * What a streamed piece of text, nearly always one token, takes of the main thread, all the way from the engine's
 * message to the socket. The engine is simulated. Where it takes its time the main thread sleeps between steps and
 * finds cold caches when it wakes up: a piece is dearer then, and there are fewer of them.
 *
 * @param tokens of each stream, each round
 */
export async function measureStreamPath(rounds: number, tokens: number): Promise<Result[]> {
  const rows: Result[] = [];
  for (const pace of paces) rows.push(await measurePace(pace, rounds, tokens));
  return rows;
}

async function measurePace(stepMs: number, rounds: number, tokens: number): Promise<Result> {
  const unavailable = () => Promise.reject(new Error("There are no pictures here"));
  const app = createApp({ version: "bench", log: createLog(() => {}), loadPicture: unavailable });
  const runtime = await openPaced(stepMs);
  app.serve(runtime);
  const server = startServer(app, "127.0.0.1", 0);
  const costs: number[] = [];
  for (let round = -1; round < rounds; round++) {
    const before = process.threadCpuUsage();
    const pieces = await readStreams(server.url, tokens);
    const { user, system } = process.threadCpuUsage(before);
    if (round >= 0) costs.push((user + system) / pieces);
  }
  await server.stop(0);
  await runtime.close();
  const shape = `${streams} streams, ${stepMs === 0 ? "as fast as it goes" : `a step each ${stepMs} ms`}`;
  return { op: "server_stream_path", shape, dtype: "-", ms: 0, rate: median(costs), unit: "us per token" };
}

/** Pieces of text that have come. */
async function readStreams(url: string, tokens: number): Promise<number> {
  const reader = Bun.spawn([
    process.execPath,
    `${import.meta.dir}/reader.ts`,
    url,
    String(streams),
    String(tokens),
  ], { stdin: "ignore", stdout: "pipe", stderr: "inherit" });
  const pieces = Number(await new Response(reader.stdout).text());
  if (await reader.exited !== 0) throw new Error("The reader has missed something");
  return pieces;
}

/** The demo, whose engine is a paced one. */
async function openPaced(stepMs: number): Promise<Runtime> {
  const RealWorker = globalThis.Worker;
  globalThis.Worker = class extends RealWorker {
    constructor() {
      super(new URL("./paced_worker.ts", import.meta.url), {
        env: { ...process.env, STEP_MS: String(stepMs) },
      });
    }
  } as typeof Worker;
  try {
    return await openRuntime({ model: "demo", maxSequences: streams });
  } finally {
    globalThis.Worker = RealWorker;
  }
}
