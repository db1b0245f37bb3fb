import { afterAll } from "bun:test";
import { Engine } from "../../src/engine/engine.ts";
import type { EngineEvent, EngineImage, EngineOptions, EngineRequest } from "../../src/engine/protocol.ts";
import { greedy } from "../../src/engine/sampling.ts";
import type { Device } from "../../src/gpu/device.ts";
import { supportedArrangements } from "../../src/images/canvas.ts";
import { random } from "../../src/selftest/random.ts";
import {
  oddSizes,
  tinyConfig,
  tinyImageToken,
  tinyWeights,
  writeTinyCheckpoint,
} from "../model/tiny_checkpoint.ts";
import { openTestDevice } from "../support/gpu.ts";

/** Folder of a tiny checkpoint with random weights, gone at the end of the test file. */
export function useTinyModel(): string {
  const folder = writeTinyCheckpoint(oddSizes, tinyWeights(tinyConfig(), 31));
  afterAll(() => folder[Symbol.dispose]());
  return folder.path;
}

/** An engine on the shared test device, if no other is named; free it with `engine.dispose()`, which leaves the device. */
export function openTinyEngine(
  model: string,
  options: Partial<EngineOptions> = {},
  device: Device = openTestDevice(),
): Engine {
  return Engine.open({ model, chunkSize: 16, imageTiles: 8, ...options }, undefined, device);
}

/** A picture of noise that fills its tiles. */
export function noiseImage(seed: number, rows = 1, columns = 1): EngineImage {
  const data = random(seed);
  const [width, height] = [6 * columns, 6 * rows];
  return {
    hash: `noise ${seed} ${rows} ${columns}`,
    rows,
    columns,
    width,
    height,
    pixels: Uint8Array.from({ length: width * height * 3 }, () => data.below(256)),
    aspectRatioId: supportedArrangements(4).find((one) => one.rows === rows && one.columns === columns)!.id,
  };
}

/** A greedy request; -1 in `tokens` stands for the image token. */
export function request(
  id: number,
  tokens: readonly number[],
  more: Partial<EngineRequest> = {},
): EngineRequest {
  return {
    id,
    tokens: tokens.map((token) => token === -1 ? tinyImageToken : token),
    images: [],
    sampling: greedy,
    maxTokens: 6,
    stopIds: [],
    ...more,
  };
}

/** `count` random text tokens. */
export function text(count: number, seed: number): number[] {
  const data = random(seed);
  return Array.from({ length: count }, () => data.below(tinyImageToken));
}

/** Steps until nothing is left; events by sequence, in order. */
export function finish(engine: Engine): Map<number, EngineEvent[]> {
  const events = new Map<number, EngineEvent[]>();
  for (let left = 2000; !engine.idle; left--) {
    if (left === 0) throw new Error("The engine does not come to an end");
    for (const event of engine.step()) events.set(event.id, [...events.get(event.id) ?? [], event]);
  }
  return events;
}

export function tokensOf(events: readonly EngineEvent[] | undefined): number[] {
  return (events ?? []).flatMap((event) => event.type === "token" ? [event.token] : []);
}
