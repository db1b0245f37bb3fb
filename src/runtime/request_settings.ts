import type { Setting } from "./options.ts";

/** How much of something one request may have, over the API as on the command line. */
export const requestLimits = { pictures: 8, stops: 4 } as const;

/** What is asked, and how it is answered. A part of the table in options.ts. */
export const requestSettings = {
  temperature: {
    kind: "number",
    flag: "--temp",
    aliases: ["--temperature"],
    minimum: 0,
    maximum: 2,
    help: "randomness of the answer; 0 always takes the likeliest token",
    otherwise: "the model's own",
  },
  topK: {
    kind: "integer",
    flag: "--top-k",
    minimum: 0,
    maximum: 1_000_000,
    help: "draw from the k likeliest tokens only; 0 from all",
    otherwise: "the model's own",
  },
  topP: {
    kind: "number",
    flag: "--top-p",
    minimum: 0,
    maximum: 1,
    help: "draw from the likeliest tokens that together have this probability",
    otherwise: "the model's own",
  },
  minP: {
    kind: "number",
    flag: "--min-p",
    minimum: 0,
    maximum: 1,
    help: "drop tokens less likely than this share of the likeliest one",
    otherwise: "the model's own",
  },
  repetitionPenalty: {
    kind: "number",
    flag: "--repetition-penalty",
    aliases: ["--repeat-penalty"],
    minimum: 0.01,
    maximum: 10,
    help: "above 1: makes tokens that were already seen, prompt included, less likely",
    otherwise: "the model's own",
  },
  presencePenalty: {
    kind: "number",
    flag: "--presence-penalty",
    minimum: -2,
    maximum: 2,
    help: "subtracted once from tokens that the answer already has",
    otherwise: "0",
  },
  frequencyPenalty: {
    kind: "number",
    flag: "--frequency-penalty",
    minimum: -2,
    maximum: 2,
    help: "subtracted from a token for each time that the answer already has it",
    otherwise: "0",
  },
  seed: {
    kind: "integer",
    flag: "--seed",
    minimum: 0,
    maximum: Number.MAX_SAFE_INTEGER,
    help: "same seed, same answer",
    otherwise: "a random one",
  },
  maxTokens: {
    kind: "integer",
    flag: "--max-tokens",
    short: "-n",
    minimum: 1,
    maximum: 2 ** 31 - 1,
    help: "longest answer, in tokens",
    otherwise: "what the context still holds",
  },
  stop: {
    kind: "list",
    flag: "--stop",
    placeholder: "text",
    help: `text that ends the answer, up to ${requestLimits.stops} times`,
  },
  jsonSchema: {
    kind: "text",
    flag: "--json-schema",
    placeholder: "schema",
    help:
      "JSON schema that the answer must be valid under: a file, or the schema itself (llamav help schema)",
  },
  system: {
    kind: "text",
    flag: "--system",
    short: "-s",
    placeholder: "text",
    help: "system message: how the model should behave",
  },
  image: {
    kind: "list",
    flag: "--image",
    short: "-i",
    placeholder: "picture",
    help:
      `picture to ask about: a file, an http(s) or data: URL, or - for stdin; up to ${requestLimits.pictures} times. ` +
      "A large one has 4 tiles, and all have --image-tiles: 16, so 8 large ones need --image-tiles 32",
  },
} as const satisfies Record<string, Setting>;

/** The settings that decide how tokens are drawn. */
export const samplingNames = [
  "temperature",
  "topK",
  "topP",
  "minP",
  "repetitionPenalty",
  "presencePenalty",
  "frequencyPenalty",
  "seed",
] as const;

type Sampling = Partial<Record<typeof samplingNames[number], number>>;

/** Those of the sampling settings that somebody set: the rest is the model's generation config. */
export function givenSampling(values: Sampling): Sampling {
  const given = samplingNames.map((name) => [name, values[name]] as const);
  return Object.fromEntries(given.filter(([, value]) => value !== undefined));
}
