import { EngineClient } from "../engine/client.ts";
import type { EngineOptions, EngineRequest, OnProgress } from "../engine/protocol.ts";
import { noRestarts } from "../engine/restarts.ts";
import { greedy } from "../engine/sampling.ts";
import type { MllamaConfig } from "../model/config.ts";
import { randomImage, randomPrompt } from "./bench_requests.ts";

/** Seed of the first decoded prompt; the others' follow. */
export const firstSeed = 7;

/** An open engine, opened again and again for the time that it takes. */
export interface TimedOpen {
  readonly engine: EngineClient;
  /** Bytes read from the checkpoint. */
  readonly bytes: number;
  readonly ms: number;
}

/** Opens an engine, and takes the time from when the memory is there until the weights are in it. */
export async function openTimed(options: EngineOptions): Promise<TimedOpen> {
  let [begin, bytes] = [0, 0];
  const onProgress: OnProgress = (done, total, stage) => {
    if (stage !== "weights") return;
    if (done === 0) begin = performance.now();
    bytes = total;
  };
  const engine = await EngineClient.open(options, { onProgress, restarts: noRestarts });
  return { engine, bytes, ms: performance.now() - begin };
}

/** Runs stages on one engine. No two runs share a prompt or a picture, so that no cache saves them work. */
export class BenchStages {
  #nextSeed = 1000;

  constructor(readonly engine: EngineClient, readonly config: MllamaConfig) {}

  /** Milliseconds of the vision tower for one picture of so many tiles. */
  async image(tiles: number): Promise<number> {
    const seed = this.#nextSeed++;
    const tokens = [this.config.imageTokenIndex, ...randomPrompt(this.config, seed, 7)];
    const images = [randomImage(this.config, seed, tiles)];
    return (await this.#first({ tokens, images })).imageMs;
  }

  /** Milliseconds from the start of a prompt to the first token after it. */
  async prefill(length: number): Promise<number> {
    const tokens = randomPrompt(this.config, this.#nextSeed++, length);
    const { prefillMs, cachedTokens } = await this.#first({ tokens, images: [] });
    if (cachedTokens > 0) throw new Error(`${cachedTokens} tokens of a prompt nobody has asked were cached`);
    return prefillMs;
  }

  /**
   * The prompts of a batch, each with its first greedy token, which leaves one row to compute: so they all begin to
   * decode at once.
   *
   * @param tiles of the picture that all of them are about; none, 0
   */
  async prompts(batch: number, length: number, tiles: number): Promise<DecodePrompt[]> {
    const images = tiles > 0 ? [randomImage(this.config, firstSeed, tiles)] : [];
    const prompts: DecodePrompt[] = [];
    for (let i = 0; i < batch; i++) {
      const text = randomPrompt(this.config, firstSeed + i, length - images.length);
      const prompt = [...images.map(() => this.config.imageTokenIndex), ...text];
      const { token } = await this.#first({ tokens: prompt, images });
      prompts.push({ tokens: [...prompt, token], images });
    }
    return prompts;
  }

  /**
   * Decodes prompts together.
   *
   * @param steps steps that are timed, once all sequences decode
   * @param spare further tokens that there is room for, while sequences wait for the last one to begin
   * @returns milliseconds of one step, and the tokens of the first prompt
   */
  async decode(prompts: readonly DecodePrompt[], steps: number, spare: number): Promise<DecodeRun> {
    const done = new AbortController();
    const runs = prompts.map(() => ({ times: [] as number[], tokens: [] as number[], ended: false }));
    const complete = () => {
      if (runs.every(({ times }) => times.length > steps)) done.abort(enough);
    };
    await Promise.all(prompts.map(async (prompt, i) => {
      const run = runs[i]!;
      try {
        for await (const event of this.#run(prompt, steps + 1 + spare, done.signal)) {
          if (event.type === "end") run.ended = true;
          if (event.type !== "token") continue;
          run.times.push(performance.now());
          run.tokens.push(event.token);
          complete();
        }
      } catch (error) {
        if (error !== enough) throw error;
      }
    }));
    // Who began last has had company in all of its steps, unless another ended before it.
    const last = runs.reduce((latest, run) => run.times[0]! > latest.times[0]! ? run : latest);
    if (runs.some((run) => run !== last && run.ended)) {
      throw new Error("A sequence ended before the batch was measured");
    }
    return { ms: (last.times[steps]! - last.times[0]!) / steps, tokens: runs[0]!.tokens.slice(0, steps) };
  }

  async #first(prompt: DecodePrompt): Promise<FirstToken> {
    let first: FirstToken | undefined;
    for await (const event of this.#run(prompt, 1)) {
      if (event.type === "started") first = { ...event, token: -1 };
      if (event.type === "token" && first) first = { ...first, token: event.token };
    }
    return first!;
  }

  #run({ tokens, images }: DecodePrompt, maxTokens: number, signal?: AbortSignal) {
    const request = { tokens, images, maxTokens, sampling: greedy, stopIds: [], ignoreEos: true };
    return this.engine.run(request, signal);
  }
}

export type DecodePrompt = Pick<EngineRequest, "tokens" | "images">;

export interface DecodeRun {
  readonly ms: number;
  readonly tokens: readonly number[];
}

interface FirstToken {
  readonly token: number;
  readonly imageMs: number;
  readonly prefillMs: number;
  readonly cachedTokens: number;
}

/** Ends sequences whose time has been taken. */
const enough = new Error("Measured");
