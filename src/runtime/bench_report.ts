/** What `llamav bench` is asked for and what it finds. */
export interface BenchOptions {
  readonly model: string;
  readonly device?: string;
  /** Lengths of the prompts that are computed; decoding goes on from the first. */
  readonly prompts: readonly number[];
  /** Numbers of sequences that decode together; one alone is always measured. */
  readonly batches: readonly number[];
  /** Sizes of the pictures that are encoded; left out, every one that the model knows. 0 is none. */
  readonly tiles?: readonly number[];
  /** Tokens that each sequence decodes in a run. */
  readonly tokens: number;
  /** Runs of each row after one that warms up; the median counts. */
  readonly repeat: number;
  /** What is being measured now. */
  readonly onProgress?: (stage: string) => void;
  /** What was found so far, whenever that has become more; the first time once the model is loaded. */
  readonly onRows?: (found: Omit<BenchReport, "greedy">) => void;
}

export type BenchStage = "stream" | "load" | "image" | "prefill" | "decode";

/** One row: the median of its runs. */
export interface BenchRow {
  readonly stage: BenchStage;
  /** What was measured, such as `"batch 8, 4 tiles"`. */
  readonly shape: string;
  /** Of what `rate` counts by the second: of a decode row one step. */
  readonly ms: number;
  readonly rate: number;
  readonly unit: "GB/s" | "tiles/s" | "tokens/s";
  /** Bytes that cannot but be read in `ms`: of decoding, the weights once and each sequence's keys and values. */
  readonly bytes?: number;
  /** `bytes` by the second, in GB. */
  readonly gigabytesPerSecond?: number;
  /** That, as a share of what the device reads at most (the row "stream"). */
  readonly streamShare?: number;
  /** Milliseconds of every run, in order. */
  readonly runs: readonly number[];
}

export interface BenchReport {
  readonly model: string;
  readonly device: string;
  readonly driver: string;
  readonly machine: { readonly cpu: string; readonly cores: number; readonly system: string };
  readonly settings: {
    readonly prompts: readonly number[];
    readonly batches: readonly number[];
    /** Sizes of the pictures, in tiles; decode rows have the text alone, then the largest of them. */
    readonly tiles: readonly number[];
    readonly tokens: number;
    readonly repeat: number;
    readonly contextLength: number;
  };
  readonly rows: readonly BenchRow[];
  /** The first prompt of the decode rows, and the greedy tokens after it. */
  readonly greedy: { readonly prompt: readonly number[]; readonly tokens: readonly number[] };
}

/** The value that so many percent of the values do not exceed (nearest rank); NaN of none. */
export function percentile(values: readonly number[], percent: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(sorted.length * percent / 100) - 1)] ?? NaN;
}

/** The value in the middle; of an even count the mean of the two. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}
