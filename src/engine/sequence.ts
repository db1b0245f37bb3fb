import type { Visibility } from "../model/image_visibility.ts";
import type { CachedImage } from "./image_cache.ts";
import type { EngineImage, EngineRequest } from "./protocol.ts";
import type { Sampler } from "./sampler.ts";

export type EndReason = "stop" | "length";

/** What a choice of a request is, beside the request. */
export interface Choice {
  readonly index: number;
  /** Of the draws of this choice; the same seed gives the same text. */
  readonly seed: number;
  /**
   * Where the chain of its block hashes begins. Sequences with the same root share blocks; one without a root neither
   * finds blocks nor leaves any.
   */
  readonly prefixRoot?: string;
  /** The choice that computes the prompt for this one, if it is not the first. */
  readonly leader?: Sequence;
}

/** One conversation being continued: its tokens, what of them is in the caches, and how it goes on. */
export class Sequence {
  readonly id: number;
  readonly choice: number;
  readonly seed: number;
  readonly prefixRoot: string | undefined;
  readonly leader: Sequence | undefined;
  /** Prompt, then the generated tokens that the host knows. */
  readonly tokens: number[];
  readonly promptLength: number;
  /** Longest it may become, prompt included. */
  readonly maxLength: number;
  readonly stopIds: ReadonlySet<number>;
  /** Place of its state on the device while it runs, below `maxSequences`; −1 while it waits. */
  slot = -1;
  /** Tokens that a step in flight has chosen, or will, and that only the device knows; the last one at most is read. */
  pendingTokens = 0;
  /** Tokens whose keys and values are in the cache, or will be with the steps in flight; the rest are to be computed. */
  computed = 0;
  /** Steps in flight that have rows of it. */
  inFlight = 0;
  /** Physical blocks of the text cache, in order of position. */
  readonly blocks: number[] = [];
  /** Hashes of its full blocks so far, in order; each covers everything before it. */
  readonly blockHashes: string[] = [];
  /** How many of its blocks later sequences can find. */
  sharedBlocks = 0;
  /** Places in the cross cache, one per image, while the sequence runs. */
  cachedImages: readonly CachedImage[] = [];
  /** What its next token may be: `undefined` until the answer to `mask_wanted` is there. Used with a constraint only. */
  mask: Uint32Array | null | undefined;
  /** The number of generated tokens that a mask was last asked for with. */
  maskWantedAfter = -1;
  /** What it counts for in the queue, prompt and images together. */
  queueTokens = 0;
  /** Rank by first admission; the highest one is preempted first. −1 before. */
  order = -1;
  /** It gets no more rows, and gives its place to another caller's as soon as no step is in flight that has some. */
  givesWay = false;
  /** Sequences of others that were admitted before it because memory lacked for it alone. */
  passedBy = 0;
  /** It was taken out: what a step in flight still chooses for it is dropped. */
  ended = false;
  readonly timings = { queuedAt: performance.now(), startedAt: 0, imageMs: 0, tokenAt: 0 };
  /** Prompt tokens that were in the prefix cache, and images that another request had encoded, at first admission. */
  cachedTokens = 0;
  imageHits = 0;

  constructor(
    readonly request: EngineRequest,
    readonly sampler: Sampler,
    readonly visibility: readonly Visibility[],
    { index, seed, prefixRoot, leader }: Choice,
  ) {
    this.id = request.id;
    this.choice = index;
    this.seed = seed;
    this.prefixRoot = prefixRoot;
    this.leader = leader;
    this.tokens = request.tokens.slice();
    this.promptLength = request.tokens.length;
    this.maxLength = request.tokens.length + request.maxTokens;
    this.stopIds = new Set(request.ignoreEos ? [] : request.stopIds);
  }

  get images(): readonly EngineImage[] {
    return this.request.images;
  }

  get generatedCount(): number {
    return this.tokens.length - this.promptLength;
  }

  /** Tokens that there will be when the steps in flight are done. */
  get length(): number {
    return this.tokens.length + this.pendingTokens;
  }

  get prefilling(): boolean {
    return this.computed < this.promptLength;
  }

  get waitsForMask(): boolean {
    return this.request.constraint === true && (this.mask === undefined || this.pendingTokens > 0);
  }

  /** Whether a mask was asked for when it had `after` tokens, and its next token is not on its way yet. */
  asksForMask(after: number): boolean {
    return this.maskWantedAfter === after && this.generatedCount === after && this.pendingTokens === 0;
  }

  /** Takes the next token. Returns why the sequence ends with it, or `undefined` if it goes on. */
  append(token: number): EndReason | undefined {
    this.tokens.push(token);
    if (this.stopIds.has(token)) return "stop";
    return this.tokens.length >= this.maxLength ? "length" : undefined;
  }

  /** Whether the keys and values of its images are there, or on their way. */
  get isReady(): boolean {
    for (const image of this.cachedImages) if (!image.encoded) return false;
    return true;
  }

  /** Whether its next step computes one row and takes a token from it. */
  get decodes(): boolean {
    if (this.length - this.computed !== 1 || this.waitsForMask) return false;
    // With the tokens in flight it may have all that it may get.
    if (this.pendingTokens > 0 && this.length >= this.maxLength) return false;
    return this.isReady;
  }
}
