import { benchServeSettings } from "./bench_serve_settings.ts";
import type { Setting } from "./options.ts";

/** What `llamav bench` and `llamav bench serve` can be told. A part of the table in options.ts. */
export const benchSettings = {
  benchPrompts: {
    kind: "integers",
    flag: "--prompt",
    placeholder: "n,…",
    minimum: 1,
    maximum: 131_072,
    fallback: [128, 512],
    help: "lengths of the prompts to compute, in tokens; decoding goes on from the first",
  },
  benchBatches: {
    kind: "integers",
    flag: "--batch",
    placeholder: "n,…",
    minimum: 1,
    maximum: 256,
    fallback: [8],
    help: "numbers of sequences that decode together; one alone is always measured",
  },
  benchTiles: {
    kind: "integers",
    flag: "--tiles",
    placeholder: "n,…",
    minimum: 0,
    maximum: 4,
    help:
      "sizes of the pictures to encode, in tiles; decoding sees the largest, and 0 alone is no picture at all",
    otherwise: "every size that the model knows",
  },
  benchTokens: {
    kind: "integer",
    flag: "--max-tokens",
    short: "-n",
    minimum: 1,
    maximum: 131_072,
    fallback: 32,
    help: "tokens that each sequence decodes in a run",
  },
  repeat: {
    kind: "integer",
    flag: "--repeat",
    minimum: 1,
    maximum: 1000,
    fallback: 5,
    help: "runs of each row, after one that warms up; the one in the middle counts",
  },
  check: {
    kind: "switch",
    flag: "--check",
    help: "add the greedy tokens after the first prompt, to compare them with another program's",
  },
  ...benchServeSettings,
} as const satisfies Record<string, Setting>;
