import type { Setting } from "./options.ts";

/** What `llamav bench` can be told. A part of the table in options.ts. */
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
} as const satisfies Record<string, Setting>;
