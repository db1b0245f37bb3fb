/** Counts of values by size: `counts[i]` values were at most `bounds[i]`, the last one counts what is larger. */
export interface Histogram {
  readonly bounds: readonly number[];
  readonly counts: number[];
  sum: number;
}

const milliseconds = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 30_000, 60_000];
const stepBounds = [0.1, 0.2, 0.5, ...milliseconds];

/** What an engine has done since it was opened, and what it holds now. Plain numbers: it crosses the border as it is. */
export interface EngineStats {
  /** Requests that wait, those of them that never ran, and the tokens that these count for; sequences that run. */
  waiting: number;
  queued: number;
  waitingTokens: number;
  running: number;
  requests: number;
  /** Prompt tokens of started sequences, those of them found in the prefix cache, and generated tokens. */
  promptTokens: number;
  cachedTokens: number;
  generatedTokens: number;
  preemptions: number;
  imageHits: number;
  imageMisses: number;
  imageEvictions: number;
  /** Blocks of the text cache: all, held by sequences, kept by the prefix cache. */
  blocks: number;
  heldBlocks: number;
  cachedBlocks: number;
  steps: number;
  rows: number;
  /** Time between two steps in which the device had nothing to do though sequences were running. */
  idleMs: number;
  /** Of all steps but those whose end was not seen, because an image was encoded behind them. */
  readonly stepMs: Histogram;
  readonly timeToFirstTokenMs: Histogram;
  readonly interTokenMs: Histogram;
  readonly queueMs: Histogram;
  /** Of pictures that went through the vision tower. */
  readonly imageMs: Histogram;
}

export function emptyStats(): EngineStats {
  return {
    waiting: 0,
    queued: 0,
    waitingTokens: 0,
    running: 0,
    requests: 0,
    promptTokens: 0,
    cachedTokens: 0,
    generatedTokens: 0,
    preemptions: 0,
    imageHits: 0,
    imageMisses: 0,
    imageEvictions: 0,
    blocks: 0,
    heldBlocks: 0,
    cachedBlocks: 0,
    steps: 0,
    rows: 0,
    idleMs: 0,
    stepMs: histogram(stepBounds),
    timeToFirstTokenMs: timeHistogram(),
    interTokenMs: histogram(stepBounds),
    queueMs: timeHistogram(),
    imageMs: timeHistogram(),
  };
}

/** Of times in ms, up to a minute. */
export function timeHistogram(): Histogram {
  return histogram(milliseconds);
}

function histogram(bounds: readonly number[]): Histogram {
  return { bounds, counts: new Array<number>(bounds.length + 1).fill(0), sum: 0 };
}

/** Counts one value; no memory is taken. */
export function observe(histogram: Histogram, value: number): void {
  let i = 0;
  while (i < histogram.bounds.length && value > histogram.bounds[i]!) i++;
  histogram.counts[i]!++;
  histogram.sum += value;
}
