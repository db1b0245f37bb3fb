import { assert } from "../base/assert.ts";
import { visibleAt } from "../model/image_visibility.ts";
import type { Step } from "./batch.ts";
import type { EngineImage } from "./protocol.ts";
import type { Pending, Sampled } from "./runner.ts";
import type { RunnerLimits } from "./runner_layout.ts";
import type { Sequence } from "./sequence.ts";

/** Tokens that a simulated model has embeddings for. */
export const simVocabulary = 1000;

/** What a simulation may take time for, as a device does; counts and instants in, nothing out. */
export interface SimHooks {
  /** Called before a step or an image is computed; what it throws the step throws. */
  readonly onSubmit?: (step: Step) => void;
  readonly onCollect?: () => void;
  readonly onEncode?: (image: EngineImage) => void;
}

interface SimFlight extends Pending {
  readonly sampled: Sampled[];
  readonly ms: number;
}

/** A step takes this long, and so much longer for each row. */
const stepMs = 1;
const rowMs = 0.2;

/**
 * A runner without a device, that computes numbers which depend on everything that a real one's depend on: each
 * position leaves a number in its slot of a text cache, mixed from its token and from what the tile slots of the
 * images that it sees hold; the next token is mixed from the numbers of all positions so far, read through the block
 * table. So a block that is shared wrongly, overwritten too early or not written at all changes the text, as does an
 * image in the wrong place. Steps are computed when they are submitted, as on a queue, with the last token of the
 * step before taken from the slot of its sequence; the host learns it when it collects.
 */
export class SimRunner {
  readonly #keys: Uint32Array;
  readonly #tiles: Uint32Array;
  readonly #sampled: Uint32Array;
  readonly #pending: SimFlight[] = [];
  #value = 0n;
  #elapsedMs = 0;

  constructor(readonly limits: RunnerLimits, private readonly hooks: SimHooks = {}) {
    this.#keys = new Uint32Array(limits.kvTokens);
    this.#tiles = new Uint32Array(limits.imageTiles);
    this.#sampled = new Uint32Array(limits.maxSequences);
  }

  /** Simulated time that the steps so far have taken. */
  get elapsedMs(): number {
    return this.#elapsedMs;
  }

  encodeImage(image: EngineImage, tiles: readonly number[]): void {
    this.hooks.onEncode?.(image);
    assert(tiles.length === image.rows * image.columns, "an image has its tiles");
    for (const [i, tile] of tiles.entries()) this.#tiles[tile] = mix(textHash(image.hash), i);
  }

  submit(step: Step): Pending {
    this.hooks.onSubmit?.(step);
    assert(this.#pending.length < 2, "two steps are pending");
    const rows = step.reduce((sum, { begin, end }) => sum + end - begin, 0);
    assert(rows > 0 && rows <= this.limits.chunkSize, "a step keeps to its limit of rows");
    assert(step.length <= this.limits.maxSequences, "a step keeps to its limit of sequences");
    const flight: SimFlight = { value: ++this.#value, sampled: [], ms: stepMs + rows * rowMs };
    for (const { sequence, begin, end, output, mask } of step) {
      for (let position = begin; position < end; position++) this.#write(sequence, position);
      if (!output) continue;
      const token = choose(this.#read(sequence, end), sequence, mask);
      this.#sampled[sequence.slot] = token;
      flight.sampled.push({ token });
    }
    this.#pending.push(flight);
    return flight;
  }

  collect(pending: Pending): readonly Sampled[] {
    const flight = this.#pending.shift();
    assert(flight === pending, "steps are collected in the order in which they were submitted");
    this.hooks.onCollect?.();
    this.#elapsedMs += flight.ms;
    return flight.sampled;
  }

  #write(sequence: Sequence, position: number): void {
    const known = sequence.tokens[position];
    assert(known !== undefined || sequence.pendingTokens > 0, `token ${position} is unknown`);
    let value = mix(known ?? this.#sampled[sequence.slot]!, position);
    const visible = visibleAt(sequence.visibility, position);
    for (let image = visible?.first ?? 0; image < (visible?.end ?? 0); image++) {
      for (const tile of sequence.cachedImages[image]!.tiles) value = mix(value, this.#tiles[tile]!);
    }
    this.#keys[this.#slot(sequence, position)] = value;
  }

  #read(sequence: Sequence, end: number): number {
    let value = 0;
    for (let position = 0; position < end; position++) {
      value = mix(value, this.#keys[this.#slot(sequence, position)]!);
    }
    return value;
  }

  #slot({ blocks }: Sequence, position: number): number {
    const { blockSize } = this.limits;
    const block = blocks[Math.floor(position / blockSize)];
    assert(block !== undefined, `position ${position} has no block`);
    return block * blockSize + position % blockSize;
  }
}

/** Greedy takes the state itself, everything else mixes the seed and the place in the text into it. */
function choose(state: number, sequence: Sequence, mask: Uint32Array | undefined): number {
  const { temperature } = sequence.request.sampling;
  const drawn = temperature === 0 ? state : mix(mix(state, sequence.seed >>> 0), sequence.length);
  let token = drawn % simVocabulary;
  if (!mask) return token;
  for (let tried = 0; tried < simVocabulary; tried++) {
    if (mask[token >>> 5]! >>> (token & 31) & 1) return token;
    token = (token + 1) % simVocabulary;
  }
  return token;
}

/** A number in 0 … 2^32 − 1 that depends on every bit of both. */
function mix(a: number, b: number): number {
  let x = Math.imul(a ^ Math.imul(b + 0x9e3779b9, 0x85ebca6b), 0xc2b2ae35);
  x = Math.imul(x ^ (x >>> 15), 0x27d4eb2f);
  return (x ^ (x >>> 13)) >>> 0;
}

function textHash(text: string): number {
  let value = 0;
  for (let i = 0; i < text.length; i++) value = mix(value, text.charCodeAt(i));
  return value;
}
