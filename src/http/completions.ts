import { RequestError } from "../base/errors.ts";
import { newId } from "../base/ids.ts";
import type { AnswerToken, FinishReason, GenerateEvent } from "../runtime/request.ts";
import { streamResponse } from "./answer_stream.ts";
import type { ChatContext } from "./chat_completions.ts";
import type { Envelope } from "./chat_response.ts";
import { clientOf } from "./client_identity.ts";
import { completionBody } from "./completion_response.ts";
import { type CompletionBody, completionSchema, defaultMaxTokens } from "./completion_schema.ts";
import type { Exchange } from "./exchange.ts";
import { droppedFields, tellIgnored } from "./fields_without_effect.ts";
import { readJsonObject } from "./json_body.ts";
import { limits } from "./limits.ts";
import { mergeAnswers } from "./merged_events.ts";
import { checkModel } from "./models.ts";
import { generationOf } from "./sampling_fields.ts";
import { type TokenCounts, tokenCounts, usageBody } from "./usage_body.ts";
import { parseWith } from "./validation.ts";

type Prompt = string | readonly number[];

interface Completing {
  readonly exchange: Exchange;
  readonly envelope: Envelope;
  readonly body: CompletionBody;
  /** What stands before each choice's own text. */
  readonly echoes: readonly string[];
  readonly strictOpenai: boolean;
}

/** `POST /v1/completions`: goes on with a text as it is, without a conversation around it. */
export async function completions(exchange: Exchange, context: ChatContext): Promise<Response> {
  const { signal } = exchange;
  const { runtime } = context;
  const raw = await readJsonObject(exchange, context.uploadMs);
  const body = parseWith(completionSchema, raw);
  const headers = tellIgnored(droppedFields(raw, body), context.strict, exchange);
  checkModel(body.model, runtime);
  const choices = body.n ?? 1;
  const prompts = promptsOf(body.prompt);
  checkFields(body, prompts.length * choices);
  const generation = generationOf(body, body.max_tokens ?? defaultMaxTokens, body.logprobs ?? undefined);
  const echoes = prompts.flatMap((prompt) =>
    new Array<string>(choices).fill(
      body.echo !== true ? "" : typeof prompt === "string" ? prompt : runtime.texts.detokenize(prompt),
    )
  );

  exchange.keepOpen();
  const asker = { client: clientOf(exchange, body.user), cacheSalt: exchange.key };
  const together = new AbortController();
  const ended = AbortSignal.any([signal, together.signal]);
  const sources = prompts.map((prompt) =>
    namingPrompt(runtime.generate({ ...generation, messages: [], prompt, ...asker }, ended))
  );
  const events = mergeAnswers(sources, choices, () => together.abort());
  const completing: Completing = {
    exchange,
    envelope: {
      id: newId("cmpl-"),
      created: Math.floor(Date.now() / 1000),
      model: runtime.model.id,
    },
    body,
    echoes,
    strictOpenai: context.strictOpenai === true,
  };
  if (body.stream !== true) return Response.json(await whole(events, completing), { headers });
  // Refusals are thrown by the first step, while a status can still be sent.
  const first = await events.next();
  return streamResponse(chunksOf(first, events, completing), events, exchange, context, headers);
}

function promptsOf(prompt: CompletionBody["prompt"]): Prompt[] {
  if (typeof prompt === "string") return [prompt];
  const isOne = typeof prompt[0] === "number";
  const prompts: Prompt[] = isOne ? [prompt as number[]] : prompt as (string | number[])[];
  return prompts.map((one) => typeof one === "string" ? one.toWellFormed() : one);
}

/** What the API has and this server cannot do is refused: dropping it would give a wrong answer. */
function checkFields({ echo, logprobs, suffix, best_of, n }: CompletionBody, answers: number): void {
  const refuse = (param: string, reason: string, code = "unsupported_parameter"): never => {
    throw new RequestError(`"${param}" ${reason}`, { param, code });
  };
  if (suffix) refuse("suffix", "must be empty: the model writes forward only");
  if (best_of && best_of !== (n ?? 1)) refuse("best_of", 'must be the same as "n": all answers are returned');
  const hasLogprobs = logprobs !== undefined && logprobs !== null;
  if (echo && hasLogprobs) refuse("echo", 'must be false beside "logprobs": the prompt has none');
  if (answers > limits.prompts) {
    refuse("n", `times the prompts must be at most ${limits.prompts}, not ${answers}`, "invalid_value");
  }
}

/** What is below speaks of messages, which are a prompt here. */
async function* namingPrompt(events: AsyncGenerator<GenerateEvent>): AsyncGenerator<GenerateEvent> {
  try {
    yield* events;
  } catch (error) {
    if (!(error instanceof RequestError) || error.details.param !== "messages") throw error;
    throw new RequestError(error.message, { ...error.details, param: "prompt", remedy: error.remedy });
  }
}

async function whole(events: AsyncGenerator<GenerateEvent>, completing: Completing): Promise<unknown> {
  const { exchange, envelope, body, echoes, strictOpenai } = completing;
  const hasLogprobs = typeof body.logprobs === "number";
  const drafts = echoes.map((text, index) => ({
    index,
    text,
    offset: text.length,
    tokens: hasLogprobs ? [] as AnswerToken[] : undefined,
    finishReason: undefined as FinishReason | undefined,
  }));
  for await (const event of events) {
    if (event.type === "start") continue;
    const draft = drafts[event.choice]!;
    if (event.type === "text") {
      draft.text += event.text;
      draft.tokens?.push(...event.tokens ?? []);
    } else if (event.type === "end") {
      draft.finishReason = event.finishReason;
      exchange.usage = event.usage;
    }
  }
  if (!exchange.usage || drafts.some((draft) => !draft.finishReason)) throw endedEarly(exchange);
  return completionBody(envelope, drafts, usageBody(exchange.usage, strictOpenai));
}

async function* chunksOf(
  first: IteratorResult<GenerateEvent>,
  events: AsyncGenerator<GenerateEvent>,
  { exchange, envelope, body, echoes, strictOpenai }: Completing,
): AsyncGenerator<unknown> {
  const { include_usage: withUsage, continuous_usage_stats: continuous } = body.stream_options ?? {};
  let promptTokens = 0;
  const usageSoFar = (completionTokens: number): TokenCounts | null | undefined => {
    if (!withUsage) return undefined;
    return continuous ? tokenCounts(promptTokens, completionTokens) : null;
  };
  const offsets = echoes.map((echo) => echo.length);
  let left = echoes.length;
  for (let step = first; !step.done; step = await events.next()) {
    const event = step.value;
    if (event.type === "start") {
      ({ promptTokens } = event);
      for (const [index, text] of echoes.entries()) {
        if (text !== "") yield completionBody(envelope, [{ index, text, offset: 0 }], usageSoFar(0));
      }
      continue;
    }
    const index = event.choice;
    const offset = offsets[index]!;
    if (event.type === "text") {
      offsets[index] = offset + event.text.length;
      const { text, tokens, completionTokens } = event;
      yield completionBody(envelope, [{ index, text, tokens, offset }], usageSoFar(completionTokens));
    } else if (event.type === "end") {
      const { usage, finishReason } = event;
      exchange.usage = usage;
      left--;
      yield completionBody(
        envelope,
        [{ index, text: "", offset, finishReason }],
        usageSoFar(usage.completionTokens),
      );
    }
  }
  if (left > 0 || !exchange.usage) throw endedEarly(exchange);
  if (withUsage) yield completionBody(envelope, [], usageBody(exchange.usage, strictOpenai));
}

/** What to throw when there is no more and not all is there: why it was given up, or that it should not be so. */
function endedEarly({ signal }: Exchange): unknown {
  return signal.aborted ? signal.reason : new Error("The runtime ended an answer without an end event");
}
