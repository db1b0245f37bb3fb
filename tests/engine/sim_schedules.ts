import { blankImage } from "./sequences.ts";
import type { EngineImage, EngineRequest } from "../../src/engine/protocol.ts";
import { greedy } from "../../src/engine/sampling.ts";
import { SimEngine, simImageToken, type SimOptions } from "../../src/engine/sim_engine.ts";
import { simVocabulary } from "../../src/engine/sim_runner.ts";
import { type Random, random } from "../../src/selftest/random.ts";
import { halfMask, type Part, runAlone, runSchedule } from "./schedules.ts";

const simMask = halfMask(simVocabulary);
const longest = 60;

/** A schedule on a simulated engine, all of it chosen by the seed. Returns how often something was preempted. */
export function runSimSchedule(seed: number): { preemptions: number; cachedTokens: number } {
  const data = random(seed);
  const engine = SimEngine.open(simOptions(data));
  const solo = SimEngine.open({
    prefixCache: false,
    stepsInFlight: 1,
    limits: { kvTokens: 8192, imageTiles: 32, maxSequences: 16, chunkSize: 64 },
  });
  const texts = Array.from({ length: 3 }, () => Array.from({ length: longest }, () => data.below(1000)));
  const images = Array.from({ length: 4 }, (_, i) => blankImage(`picture ${i}`, 1 + i % 3));
  const parts = Array.from({ length: 1 + data.below(12) }, (): Part => {
    const request = simRequest(data, texts, images);
    return { request, expected: runAlone(solo, request, simMask) };
  });
  runSchedule(engine, parts, { spread: 1 + data.below(40), abortShare: 0.2 }, seed, simMask);
  return { preemptions: engine.stats.preemptions, cachedTokens: engine.stats.cachedTokens };
}

/** Anything from far too little memory to plenty. */
function simOptions(data: Random): SimOptions {
  const blockSize = 1 + data.below(8);
  const maxSequences = 1 + data.below(8);
  return {
    prefixCache: data.below(3) > 0,
    stepsInFlight: data.below(2) === 0 ? 1 : 2,
    maxQueued: 1000,
    simulatedTime: true,
    limits: {
      contextLength: 2 * longest,
      blockSize,
      maxSequences,
      kvTokens: blockSize * Math.ceil(2 * longest * (1 + data.next() * 2) / blockSize),
      chunkSize: maxSequences + data.below(30),
      imageTiles: 9 + data.below(6),
    },
  };
}

/** Texts begin alike, so that blocks can be shared; pictures are few, so that they come again. */
function simRequest(
  data: Random,
  texts: readonly number[][],
  images: readonly EngineImage[],
): Omit<EngineRequest, "id"> {
  const tokens = texts[data.below(texts.length)]!.slice(0, 1 + data.below(longest));
  if (data.below(2) === 0) tokens[tokens.length - 1] = data.below(1000);
  const shown = Array.from({ length: data.below(4) }, () => images[data.below(images.length)]!);
  for (let i = 0; i < Math.min(shown.length, tokens.length); i++) {
    // Often at the same place, so that the same text follows different pictures.
    tokens[Math.min(tokens.length - 1, i * (1 + data.below(2) * 7))] = simImageToken;
  }
  const shownCount = tokens.filter((token) => token === simImageToken).length;
  return {
    tokens,
    images: shown.slice(0, shownCount),
    sampling: data.below(3) === 0 ? { ...greedy, temperature: 1, seed: data.below(1000) } : greedy,
    maxTokens: 1 + data.below(longest),
    stopIds: Array.from({ length: data.below(2) * 30 }, () => data.below(1000)),
    ignoreEos: data.below(8) === 0,
    n: data.below(4) === 0 ? 1 + data.below(5) : 1,
    client: { caller: `client ${data.below(3)}`, user: "" },
    constraint: data.below(5) === 0,
  };
}
