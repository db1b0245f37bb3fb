import type { Visibility } from "../model/image_visibility.ts";
import type { CachedImage } from "./image_cache.ts";
import type { EngineImage, EngineRequest } from "./protocol.ts";
import type { Sampler } from "./sampler.ts";

export type EndReason = "stop" | "length";

/** One conversation being continued: its tokens, what of them is in the caches, and how it goes on. */
export class Sequence {
  readonly id: number;
  /** Prompt, then generated tokens. */
  readonly tokens: number[];
  readonly promptLength: number;
  /** Longest it may become, prompt included. */
  readonly maxLength: number;
  readonly stopIds: ReadonlySet<number>;
  /** Tokens whose keys and values are in the cache; the rest are to be computed. */
  computed = 0;
  /** Physical blocks of the text cache, in order of position. */
  readonly blocks: number[] = [];
  /** Places in the cross cache, one per image, while the sequence runs. */
  cachedImages: readonly CachedImage[] = [];
  readonly timings = { queuedAt: performance.now(), startedAt: 0, imageMs: 0 };
  /** Images that another request had encoded already. */
  imageHits = 0;

  constructor(
    readonly request: EngineRequest,
    readonly sampler: Sampler,
    readonly visibility: readonly Visibility[],
  ) {
    this.id = request.id;
    this.tokens = [...request.tokens];
    this.promptLength = request.tokens.length;
    this.maxLength = request.tokens.length + request.maxTokens;
    this.stopIds = new Set(request.stopIds);
  }

  get images(): readonly EngineImage[] {
    return this.request.images;
  }

  get generatedCount(): number {
    return this.tokens.length - this.promptLength;
  }

  get prefilling(): boolean {
    return this.computed < this.promptLength;
  }

  /** Takes the next token. Returns why the sequence ends with it, or `undefined` if it goes on. */
  append(token: number): EndReason | undefined {
    this.tokens.push(token);
    if (this.stopIds.has(token)) return "stop";
    return this.tokens.length >= this.maxLength ? "length" : undefined;
  }
}
