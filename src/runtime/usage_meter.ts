import type { EngineEvent } from "../engine/protocol.ts";
import type { Prompt } from "./prompt.ts";
import type { Usage } from "./request.ts";

/** Counts what one request takes. */
export class UsageMeter {
  /** Tokens generated so far, over all choices. */
  completionTokens = 0;
  readonly size: Pick<Usage, "promptTokens" | "imageTiles">;
  #startedAt = performance.now();
  #start = { cachedTokens: 0, cachedImages: 0, queueMs: 0, imageMs: 0, prefillMs: 0 };

  constructor({ tokens, images }: Prompt) {
    const imageTiles = images.reduce((sum, { rows, columns }) => sum + rows * columns, 0);
    this.size = { promptTokens: tokens.length, imageTiles };
  }

  /** Takes the numbers of the choice that computes the prompt; the others find it computed. */
  started(event: Extract<EngineEvent, { type: "started" }>): void {
    if (event.choice !== 0) return;
    this.#start = event;
    this.#startedAt = performance.now();
  }

  /** @param decodeMs as the engine has measured it; left out where an answer ends before the engine has heard of it */
  usage(decodeMs = performance.now() - this.#startedAt): Usage {
    const { cachedTokens, cachedImages, queueMs, imageMs, prefillMs } = this.#start;
    return {
      ...this.size,
      cachedTokens,
      completionTokens: this.completionTokens,
      cachedImages,
      timings: { queueMs, imageMs, prefillMs, decodeMs },
    };
  }
}
