import { assert } from "../base/assert.ts";
import type { MllamaConfig } from "../model/config.ts";
import { padToFour } from "../model/weights.ts";
import { Capture, Captured, type FloatTensor } from "./capture.ts";
import type { Step } from "./batch.ts";
import type { Engine } from "./engine.ts";
import type { EngineImage, TraceRequest, TraceResult } from "./protocol.ts";
import type { Sampled } from "./sample_buffer.ts";
import { greedy } from "./sampling.ts";
import type { Sequence } from "./sequence.ts";

/**
 * Runs a request greedily, past every stop id, and keeps the numbers: logits of every row and, if asked for, the
 * states between the stages. Needs an engine that is idle and whose `outputRows` is its chunk size.
 *
 * @throws {RequestError} As `Engine.add`.
 */
export function trace(engine: Engine, request: TraceRequest): TraceResult {
  assert(engine.idle, "a trace shares the engine with nobody");
  assert(
    engine.runner.limits.outputRows >= engine.runner.limits.chunkSize,
    "a trace needs logits of every row",
  );
  const sequence = engine.sequence({ ...request, sampling: greedy, stopIds: [] });
  const states = new Map<string, FloatTensor>();
  const rows = new Captured();
  engine.scheduler.add(sequence);
  try {
    while (sequence.computed < request.tokens.length + Math.max(0, request.maxTokens - 1)) {
      engine.scheduler.admit();
      encodeImages(engine, sequence, request.steps, states);
      const step = engine.scheduler.schedule();
      assert(step.length === 1, "an idle engine takes any sequence that fits");
      const wantHidden = request.steps && sequence.prefilling;
      const sampled = runCaptured(
        engine,
        step,
        (name) => name === "logits" || (wantHidden && name.startsWith("text.hidden.")),
        rows,
      );
      sequence.computed = step[0]!.end;
      if (sampled && sequence.generatedCount < request.maxTokens) sequence.append(sampled.token);
    }
  } finally {
    engine.scheduler.remove(sequence);
  }
  for (const name of rows.names()) {
    if (name !== "logits") states.set(name.replace(/^text\./, ""), rows.get(name));
  }
  const logits = rows.get("logits");
  const { promptLength } = sequence;
  return {
    logits: takeRows(logits, 0, promptLength),
    greedyIds: sequence.tokens.slice(promptLength),
    stepLogits: takeRows(logits, promptLength - 1, promptLength - 1 + request.maxTokens),
    states: Object.fromEntries(states),
  };
}

function runCaptured(
  engine: Engine,
  step: Step,
  wants: (name: string) => boolean,
  into: Captured,
): Sampled | undefined {
  const capture = new Capture(engine.device, wants);
  try {
    const sampled = engine.runner.runCaptured(step, capture);
    capture.collect(into);
    return sampled;
  } finally {
    capture.dispose();
  }
}

function encodeImages(
  engine: Engine,
  sequence: Sequence,
  steps: boolean,
  states: Map<string, FloatTensor>,
): void {
  const { config } = engine;
  for (const [i, cached] of sequence.cachedImages.entries()) {
    if (states.has(`pixel_values.${i}`) || (cached.encoded && !steps)) continue;
    const image = sequence.images[i]!;
    const capture = new Capture(engine.device, (name) => steps && wantedOfVision(config, name));
    const raw = new Captured();
    try {
      engine.runner.encodeImage(image, cached.tiles, capture);
      cached.encoded = true;
      capture.collect(raw);
    } finally {
      capture.dispose();
    }
    if (!steps) continue;
    for (const [name, tensor] of visionStates(config, image, raw)) states.set(`${name}.${i}`, tensor);
  }
}

function wantedOfVision({ vision }: MllamaConfig, name: string): boolean {
  return name === "vision.patches" || name === "vision.projected" || name.startsWith("vision.saved.") ||
    name === lastState(vision);
}

function lastState(vision: MllamaConfig["vision"]): string {
  return vision.numGlobalLayers > 0 ? `vision.global.${vision.numGlobalLayers - 1}` : "vision.global_in";
}

/** The tower's states of the real tiles, in Hugging Face's layout. */
function visionStates(
  config: MllamaConfig,
  image: EngineImage,
  raw: Captured,
): [string, FloatTensor][] {
  const { vision, text } = config;
  const tiles = image.rows * image.columns;
  const { tokensPerTile: tokens, hiddenSize: size } = vision;
  const saved = vision.intermediateLayersIndices.map((_, i) => raw.get(`vision.saved.${i}`).data);
  return [
    ["pixel_values", pixelValues(config, tiles, raw.get("vision.patches").data)],
    ["vision_features", {
      shape: [tiles, tokens, size * (1 + saved.length)],
      data: interleave(raw.get(lastState(vision)).data, saved, tiles * tokens, size),
    }],
    ["cross_states", { shape: [tiles, tokens, text.hiddenSize], data: raw.get("vision.projected").data }],
  ];
}

/** Per token the final state, then channel by channel the saved states: element `size + k·channel + j` is state j's. */
function interleave(
  final: Float32Array,
  saved: readonly Float32Array[],
  rows: number,
  size: number,
): Float32Array {
  const width = size * (1 + saved.length);
  const data = new Float32Array(rows * width);
  for (let row = 0; row < rows; row++) {
    data.set(final.subarray(row * size, (row + 1) * size), row * width);
    for (let channel = 0; channel < size; channel++) {
      for (const [j, state] of saved.entries()) {
        data[row * width + size + saved.length * channel + j] = state[row * size + channel]!;
      }
    }
  }
  return data;
}

/** Patches [tiles·n, K] put back into pictures [tiles, channels, S, S]. */
function pixelValues({ vision }: MllamaConfig, tiles: number, patches: Float32Array): FloatTensor {
  const { imageSize, patchSize, numChannels, patchesPerTile } = vision;
  const grid = imageSize / patchSize;
  const width = padToFour(numChannels * patchSize ** 2);
  const data = new Float32Array(tiles * numChannels * imageSize ** 2);
  let target = 0;
  for (let tile = 0; tile < tiles; tile++) {
    for (let channel = 0; channel < numChannels; channel++) {
      for (let y = 0; y < imageSize; y++) {
        for (let x = 0; x < imageSize; x++) {
          const patch = tile * patchesPerTile + Math.floor(y / patchSize) * grid + Math.floor(x / patchSize);
          const column = (channel * patchSize + y % patchSize) * patchSize + x % patchSize;
          data[target++] = patches[patch * width + column]!;
        }
      }
    }
  }
  return { shape: [tiles, numChannels, imageSize, imageSize], data };
}

function takeRows({ shape, data }: FloatTensor, begin: number, end: number): FloatTensor {
  const width = shape.at(-1)!;
  return { shape: [end - begin, width], data: data.slice(begin * width, end * width) };
}
