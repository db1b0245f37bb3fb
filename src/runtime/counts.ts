import type { EngineLosses } from "../engine/client.ts";
import { type Histogram, timeHistogram } from "../engine/stats.ts";

/** What is counted beside the engine, since the process was started. */
export interface RuntimeCounts {
  readonly engineLosses: Readonly<EngineLosses>;
  /** Of pictures that were decoded and resized, from their arrival: each waits for its turn. */
  readonly imageDecodeMs: Histogram;
  /** Of constraints that were compiled, from their arrival: each waits for its turn. */
  readonly constraintMs: Histogram;
}

/** Counts, as they are while nothing has happened. */
export function emptyCounts(): RuntimeCounts {
  return {
    engineLosses: { byDevice: 0, byFault: 0, restarts: 0 },
    imageDecodeMs: timeHistogram(),
    constraintMs: timeHistogram(),
  };
}
