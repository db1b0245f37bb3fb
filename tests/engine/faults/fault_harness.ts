import { afterAll, beforeAll, expect } from "bun:test";
import { readFileSync } from "node:fs";
import { InterruptedRequestError } from "../../../src/base/errors.ts";
import { EngineClient, type EngineNews } from "../../../src/engine/client.ts";
import { unpackEvents } from "../../../src/engine/packed_events.ts";
import type { EngineImage, EngineOptions, EngineRequest, FromEngine } from "../../../src/engine/protocol.ts";
import { greedy } from "../../../src/engine/sampling.ts";
import { decodeImage } from "../../../src/images/decode.ts";
import { prepareImage } from "../../../src/images/tiles.ts";
import { readConfig } from "../../../src/model/config.ts";
import { type GoldenCase, goldenCase, goldenImagePath } from "../../support/goldens.ts";
import { buildShaders } from "../../../tools/build_shaders.ts";
import { FaultControl } from "./fault_control.ts";

/** Tokens of an answer: enough for a step that fails to have others behind it. */
const answerLength = 5;
/** Longer than anything here may take, also on a busy machine: what waits longer hangs. */
const hangMs = 60_000;

/** A prompt of the goldens and the tokens that must follow. */
export interface ScriptedRequest {
  readonly name: string;
  readonly request: () => Omit<EngineRequest, "id">;
  readonly want: readonly number[];
}

/** The answer of a request, or the error it ended with. */
export type Outcome = readonly number[] | Error;

/** Prompts with and without a picture, on the smallest checkpoint. */
export async function scriptedRequests(): Promise<ScriptedRequest[]> {
  return await Promise.all(
    ["image_wide", "text_only", "two_images_separated"].map(async (name) => {
      const golden = goldenCase("micro-mllama", name);
      const images = await preparedImages(golden);
      const request = () => ({
        tokens: golden.file.input_ids,
        images,
        sampling: greedy,
        maxTokens: answerLength,
        stopIds: [],
      });
      return { name, request, want: golden.file.greedy.ids.slice(0, answerLength) };
    }),
  );
}

async function preparedImages({ file, checkpoints }: GoldenCase): Promise<EngineImage[]> {
  const { size: tileSize, maxImageTiles: maxTiles } = readConfig(checkpoints[0]!.directory).image;
  return await Promise.all(file.images.map(async ({ file }) => {
    const bytes = new Uint8Array(readFileSync(goldenImagePath(file)));
    return prepareImage(await decodeImage(bytes), { tileSize, maxTiles });
  }));
}

/** Clients whose engines run on a faulty device, and what they say over the border. */
export class FaultHarness {
  readonly control = new FaultControl();
  readonly news: EngineNews[] = [];
  readonly #messages: FromEngine[] = [];

  /** Replaces the worker of every client that the test file opens. */
  constructor() {
    buildShaders();
    const RealWorker = globalThis.Worker;
    const { control } = this;
    const hear = (message: FromEngine) => this.#messages.push(message);
    beforeAll(() => {
      globalThis.Worker = class extends RealWorker {
        constructor() {
          super(new URL("./faulty_worker.ts", import.meta.url));
          this.postMessage(control.memory);
          this.addEventListener("message", ({ data }: MessageEvent<FromEngine>) => hear(data));
        }
      } as typeof Worker;
    });
    afterAll(() => {
      globalThis.Worker = RealWorker;
    });
  }

  async open(options: Partial<EngineOptions> = {}, pausesMs = [0, 0, 0, 0]): Promise<EngineClient> {
    const { directory } = goldenCase("micro-mllama", "text_only").checkpoints[0]!;
    return await within(EngineClient.open(
      {
        model: directory,
        device: process.env.LLAMAV_DEVICE,
        contextLength: 160,
        chunkSize: 48,
        imageTiles: 8,
        maxSequences: 2,
        firstAnswer: { pictures: true, draws: false }, // as in the product
        ...options,
      },
      // An engine that was opened has all its attempts again, so that a sweep can go on for ever.
      { restarts: { pausesMs, healthyMs: 0 }, onNews: (news) => this.news.push(news) },
    ));
  }

  /** Loses the device under a request, so that the next ones find an engine that has done nothing yet. */
  async renew(client: EngineClient, { request }: ScriptedRequest): Promise<void> {
    this.news.length = 0;
    this.control.arm({ command: "vkQueueSubmit", occurrence: 1, action: "device lost" });
    const [outcome] = await this.answers(client, [{ name: "lost", request, want: [] }]);
    expect(outcome).toBeInstanceOf(InterruptedRequestError);
    await until(() => this.news.some(({ type }) => type === "recovered"));
    this.control.takeCounts();
    this.news.length = 0;
  }

  /** Runs requests at the same time and checks what each hears: its own tokens and an end, or one error. */
  async answers(client: EngineClient, requests: readonly ScriptedRequest[]): Promise<Outcome[]> {
    this.#messages.length = 0;
    const outcomes = await within(Promise.all(requests.map((one) => answerTo(client, one))));
    this.#expectOneEndEach();
    for (const [i, outcome] of outcomes.entries()) {
      if (outcome instanceof Error) expect(outcome).toBeInstanceOf(InterruptedRequestError);
      else expect([requests[i]!.name, outcome]).toEqual([requests[i]!.name, [...requests[i]!.want]]);
    }
    return outcomes;
  }

  /** No request hears anything after its end or its error. */
  #expectOneEndEach(): void {
    const ended = new Set<number>();
    for (const message of this.#messages) {
      if (message.type !== "events") continue;
      for (const event of unpackEvents(message.events)) {
        expect([event, ended.has(event.id)]).toEqual([event, false]);
        if (event.type === "end" || event.type === "error") ended.add(event.id);
      }
    }
  }
}

async function answerTo(client: EngineClient, { request }: ScriptedRequest): Promise<Outcome> {
  const tokens: number[] = [];
  try {
    for await (const event of client.run(request())) if (event.type === "token") tokens.push(event.token);
    return tokens;
  } catch (error) {
    if (error instanceof Error) return error;
    throw error;
  }
}

/** @throws If it takes so long that it must hang. */
export async function within<T>(work: Promise<T>): Promise<T> {
  const { promise, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new Error(`Nothing came for ${hangMs} ms`)), hangMs);
  return await Promise.race([work, promise]).finally(() => clearTimeout(timer));
}

/** Waits for what comes by itself, and fails where it does not. */
export async function until(condition: () => boolean): Promise<void> {
  for (const end = performance.now() + hangMs; !condition();) {
    if (performance.now() > end) throw new Error(`It did not happen in ${hangMs} ms`);
    await Bun.sleep(1);
  }
}
