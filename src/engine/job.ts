import { assert } from "../base/assert.ts";
import { philox } from "../base/random.ts";
import { imageVisibility, type Visibility } from "../model/image_visibility.ts";
import type { EngineEvent, EngineRequest } from "./protocol.ts";
import { Sampler } from "./sampler.ts";
import { Sequence } from "./sequence.ts";

/** A request that has not ended. */
export interface Job {
  readonly request: EngineRequest;
  readonly choices: readonly [Sequence, ...Sequence[]];
  /** Choices that have not ended. */
  left: number;
  /** When it has to be over, as `performance.now()` counts. */
  readonly deadline: number;
}

/**
 * A request with the sequences of its choices. They are alike but for their seeds.
 *
 * @param prefixRoot see `Choice`
 */
export function createJob(
  request: EngineRequest,
  imageToken: number,
  prefixRoot: string | undefined,
): Job {
  const { n = 1, sampling, deadlineMs = Infinity } = request;
  const visibility = visibilityOf(request, imageToken);
  const seed = sampling.seed ?? randomSeed();
  const stopIds = request.ignoreEos ? [] : request.stopIds;
  const choice = (index: number, leader?: Sequence): Sequence => {
    const own = choiceSeed(seed, index);
    const sampler = new Sampler({ ...sampling, seed: own }, stopIds);
    return new Sequence(request, sampler, visibility, { index, seed: own, prefixRoot, leader });
  };
  const leader = choice(0);
  const followers = Array.from({ length: n - 1 }, (_, i) => choice(i + 1, leader));
  return { request, choices: [leader, ...followers], left: n, deadline: performance.now() + deadlineMs };
}

/** A sequence that shares blocks with nobody, for traces. */
export function soleSequence(request: EngineRequest, imageToken: number): Sequence {
  const seed = request.sampling.seed ?? randomSeed();
  return new Sequence(request, new Sampler(request.sampling), visibilityOf(request, imageToken), {
    index: 0,
    seed,
  });
}

/** Whether something of it was computed, or was about to be. */
export function hasBegun({ choices: [leader] }: Job): boolean {
  return leader.order >= 0;
}

/** What is told of a sequence when its prompt is computed. */
export function startedEvent(sequence: Sequence): EngineEvent {
  const { id, choice, cachedTokens, imageHits, timings } = sequence;
  const { queuedAt, startedAt, imageMs } = timings;
  const at = performance.now();
  const prefillMs = at - startedAt - imageMs;
  const queueMs = startedAt - queuedAt;
  return {
    type: "started",
    id,
    choice,
    cachedTokens,
    cachedImages: imageHits,
    queueMs,
    imageMs,
    prefillMs,
    at,
  };
}

function visibilityOf({ tokens, images }: EngineRequest, imageToken: number): Visibility[] {
  const visibility = imageVisibility(tokens, imageToken);
  assert(visibility.length === images.length, "every image has one image token");
  return visibility;
}

function randomSeed(): number {
  return Math.floor(Math.random() * 2 ** 53);
}

/** Seed of a choice: the first one's is the request's, the others' are numbers of its generator that no position draws. */
function choiceSeed(seed: number, index: number): number {
  if (index === 0) return seed;
  const [high, low] = philox(seed, Number.MAX_SAFE_INTEGER - index);
  return (high! >>> 11) * 2 ** 32 + low!;
}
