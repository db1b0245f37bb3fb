import type { EngineEvent } from "../engine/protocol.ts";
import type { Prompt } from "./prompt.ts";
import type { Usage } from "./request.ts";

/** Counts what one request takes. Its times are the engine's: events may lie here for a while before they are read. */
export class UsageMeter {
  /** Tokens generated so far, over all choices. */
  completionTokens = 0;
  readonly size: Pick<Usage, "promptTokens" | "imageTiles">;
  #start = { cachedTokens: 0, cachedImages: 0, queueMs: 0, imageMs: 0, prefillMs: 0, at: NaN };

  constructor({ tokens, images }: Prompt) {
    const imageTiles = images.reduce((sum, { rows, columns }) => sum + rows * columns, 0);
    this.size = { promptTokens: tokens.length, imageTiles };
  }

  /** Takes the numbers of the choice that computes the prompt; the others find it computed. */
  started(event: Extract<EngineEvent, { type: "started" }>): void {
    if (event.choice === 0) this.#start = event;
  }

  /** @param at when the choice ended, on the clock of `started` */
  usage(at: number): Usage {
    const { cachedTokens, cachedImages, queueMs, imageMs, prefillMs } = this.#start;
    return {
      ...this.size,
      cachedTokens,
      completionTokens: this.completionTokens,
      cachedImages,
      timings: { queueMs, imageMs, prefillMs, decodeMs: at - this.#start.at },
    };
  }
}
