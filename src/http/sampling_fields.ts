import { RequestError } from "../base/errors.ts";
import { type NumberSetting, settings } from "../runtime/options.ts";
import type { GenerateRequest } from "../runtime/request.ts";
import { limits } from "./limits.ts";
import { orText } from "./short_forms.ts";
import { structuredFields, toConstraint } from "./structured_fields.ts";
import { z } from "./zod.ts";

function bounded(setting: NumberSetting) {
  const number = setting.kind === "integer" ? z.int() : z.number();
  return number.min(setting.minimum).max(setting.maximum).nullish();
}

/** Seeds are 64-bit in the API. They are folded into the integers that a double holds exactly. */
const seed = z.number().refine((value) => Number.isInteger(value) && value >= -(2 ** 63) && value < 2 ** 63, {
  error: "must be a whole number of 64 bits",
}).transform((value) => Number(BigInt.asUintN(53, BigInt(value))));

/** Lone surrogates are in no answer, and would cut one inside a character. */
const stopText = z.string().min(1).max(limits.stopLength).transform((text) => text.toWellFormed());

const tokenId = z.int().min(0).max(2 ** 31 - 1);

const logitBias = z.record(z.string(), z.number().min(-100).max(100)).refine(
  (bias) => Object.keys(bias).every((id) => /^\d{1,10}$/.test(id)),
  { error: "must have token ids for keys" },
);

/**
 * How answers are drawn, how many, how long, and how they are sent: the fields that every route which generates text
 * has in common.
 */
export const samplingFields = {
  stream: z.boolean().nullish(),
  stream_options: z.object({
    include_usage: z.boolean().nullish(),
    continuous_usage_stats: z.boolean().nullish(),
  }).nullish(),
  n: z.int().min(1).max(limits.choices).nullish(),
  max_tokens: bounded(settings.maxTokens),
  min_tokens: z.int().min(0).max(settings.maxTokens.maximum).nullish(),
  temperature: bounded(settings.temperature),
  top_p: bounded(settings.topP),
  // Other servers say −1 where this one says 0.
  top_k: z.preprocess((value) => value === -1 ? 0 : value, bounded(settings.topK)).optional(),
  min_p: bounded(settings.minP),
  repetition_penalty: bounded(settings.repetitionPenalty),
  presence_penalty: bounded(settings.presencePenalty),
  frequency_penalty: bounded(settings.frequencyPenalty),
  logit_bias: logitBias.nullish(),
  seed: seed.nullish(),
  stop: orText(z.array(stopText).max(limits.stops), (text) => [text]).nullish(),
  stop_token_ids: z.array(tokenId).max(limits.stopTokenIds).nullish(),
  ignore_eos: z.boolean().nullish(),
  ...structuredFields,
  user: z.string().nullish(),
};

const samplingSchema = z.object(samplingFields);
export type SamplingBody = z.output<typeof samplingSchema>;

/** The part of a request for the runtime that comes of `samplingFields`. */
export type Generation = Pick<
  GenerateRequest,
  "sampling" | "n" | "maxTokens" | "stop" | "stopTokenIds" | "ignoreEos" | "constraint"
>;

/**
 * Only what the client set: the rest is the model's generation config.
 *
 * @param maxTokens what the route takes for it
 * @param logprobs how many alternatives each token of the answer is to have; left out, no log probabilities at all
 * @throws {RequestError} If two fields contradict each other.
 */
export function generationOf(
  body: SamplingBody,
  maxTokens: number | undefined,
  logprobs: number | undefined,
): Generation {
  checkFields(body, maxTokens);
  const sampling = {
    temperature: body.temperature,
    topK: body.top_k,
    topP: body.top_p,
    minP: body.min_p,
    repetitionPenalty: body.repetition_penalty,
    presencePenalty: body.presence_penalty,
    frequencyPenalty: body.frequency_penalty,
    seed: body.seed,
    minTokens: body.min_tokens,
    logitBias: body.logit_bias && Object.entries(body.logit_bias).map(([id, bias]) => [Number(id), bias]),
    logprobs,
  };
  const given = Object.entries(sampling).filter(([, value]) => value !== null && value !== undefined);
  return {
    sampling: Object.fromEntries(given),
    n: body.n ?? undefined,
    maxTokens,
    stop: body.stop ?? undefined,
    stopTokenIds: body.stop_token_ids ?? undefined,
    ignoreEos: body.ignore_eos ?? undefined,
    constraint: toConstraint(body),
  };
}

function checkFields({ stream, stream_options, min_tokens }: SamplingBody, maxTokens = Infinity): void {
  const refuse = (param: string, reason: string): never => {
    throw new RequestError(`"${param}" ${reason}`, { param, code: "invalid_value" });
  };
  if (stream_options && stream !== true) refuse("stream_options", 'needs "stream": true');
  if (stream_options?.continuous_usage_stats && !stream_options.include_usage) {
    refuse("stream_options.continuous_usage_stats", 'needs "include_usage": true');
  }
  if (min_tokens && min_tokens > maxTokens) {
    refuse("min_tokens", `must be at most the longest answer, ${maxTokens} tokens, not ${min_tokens}`);
  }
}
