import type { Setting } from "./options.ts";

/** What `llamav bench serve` can be told. A part of the table in options.ts. */
export const benchServeSettings = {
  loadRequests: {
    kind: "integer",
    flag: "--requests",
    aliases: ["--num-prompts"],
    minimum: 1,
    maximum: 100_000,
    fallback: 64,
    help: "requests to measure",
  },
  loadConcurrency: {
    kind: "integer",
    flag: "--concurrency",
    aliases: ["--max-concurrency"],
    minimum: 1,
    maximum: 256,
    help: "requests that are open at a time at most; each that ends makes room for the next",
    otherwise: "8, with --rate 256",
  },
  loadRate: {
    kind: "number",
    flag: "--rate",
    aliases: ["--request-rate"],
    placeholder: "per-second",
    minimum: 0.001,
    maximum: 10_000,
    help:
      "send so many requests by the second on average, at random times, whether or not others were answered",
    otherwise: "the next one when one was answered",
  },
  loadPromptWords: {
    kind: "integer",
    flag: "--prompt-words",
    aliases: ["--random-input-len"],
    minimum: 1,
    maximum: 131_072,
    fallback: 128,
    help:
      "length of each prompt, in common English words, of which most vocabularies have each as one token; the report " +
      "says how many tokens the server counted",
  },
  loadMaxTokens: {
    kind: "integer",
    flag: "--max-tokens",
    aliases: ["--random-output-len"],
    short: "-n",
    minimum: 1,
    maximum: 131_072,
    fallback: 128,
    help: "longest answer, in tokens",
  },
  loadIgnoreEos: {
    kind: "switch",
    flag: "--ignore-eos",
    help: "ask for answers of just that length: llamav, vLLM and llama.cpp know how, others may refuse it",
  },
  loadPictures: {
    kind: "choice",
    flag: "--pictures",
    placeholder: "which",
    choices: ["none", "shared", "distinct"],
    fallback: "none",
    help: "picture in each request: the same in all, or one that nobody has seen",
  },
  loadPictureSize: {
    kind: "integer",
    flag: "--picture-size",
    placeholder: "pixels",
    minimum: 1,
    maximum: 4096,
    fallback: 560,
    help: "width and height of the pictures",
  },
  loadStream: {
    kind: "switch",
    flag: "--stream",
    help:
      "read answers as they are made; --no-stream waits for whole ones, of which only the total time is known",
    otherwise: "yes",
  },
  loadSeed: {
    kind: "integer",
    flag: "--seed",
    minimum: 0,
    maximum: Number.MAX_SAFE_INTEGER,
    help:
      "same seed, same requests: a server that keeps what it has seen answers them faster the second time",
    otherwise: "a random one",
  },
  loadWarmUps: {
    kind: "integer",
    flag: "--num-warmups",
    minimum: 1,
    maximum: 10_000,
    fallback: 1,
    help: "requests before the first that counts; the first of them finds out what the server understands",
  },
  loadTimeout: {
    kind: "number",
    flag: "--timeout",
    placeholder: "seconds",
    minimum: 0.1,
    maximum: 86_400,
    fallback: 600,
    help: "how long an answer may take; then it counts as an error",
  },
  loadGoals: {
    kind: "text",
    flag: "--goodput",
    placeholder: "ttft:ms,…",
    help:
      "also tell how many answers by the second take at most so long: ttft to the first piece, tpot for each " +
      "token after it, e2e to the end",
  },
} as const satisfies Record<string, Setting>;
