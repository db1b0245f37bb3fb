import { limits } from "./limits.ts";
import { samplingFields } from "./sampling_fields.ts";
import { z } from "./zod.ts";

const tokenIds = z.array(z.int().min(0).max(2 ** 31 - 1)).min(1);

/** What an answer has where the caller does not say; the API's own number. */
export const defaultMaxTokens = 16;

/** The body of `POST /v1/completions`: a text or token ids, or several of either, that the model goes on with. */
export const completionSchema = z.object({
  model: z.string().min(1),
  prompt: z.union([
    z.string(),
    z.array(z.string()).min(1).max(limits.prompts),
    tokenIds,
    z.array(tokenIds).min(1).max(limits.prompts),
  ], { error: `must be a text, a list of token ids, or a list of at most ${limits.prompts} of either` }),
  echo: z.boolean().nullish(),
  logprobs: z.int().min(0).max(20).nullish(),
  suffix: z.string().nullish(),
  best_of: z.int().min(1).max(limits.choices).nullish(),
  ...samplingFields,
});

export type CompletionBody = z.output<typeof completionSchema>;
