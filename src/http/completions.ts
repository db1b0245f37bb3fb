import { RequestError } from "../base/errors.ts";
import { newId } from "../base/ids.ts";
import type { AnswerToken, FinishReason, GenerateEvent } from "../runtime/request.ts";
import { type AnswerWriter, streamResponse } from "./answer_stream.ts";
import { endedEarly } from "./chat_answer.ts";
import type { ChatContext } from "./chat_completions.ts";
import type { Envelope } from "./chat_response.ts";
import { clientOf } from "./client_identity.ts";
import { completionBody, type CompletionChoice } from "./completion_response.ts";
import { type CompletionBody, completionSchema, defaultMaxTokens } from "./completion_schema.ts";
import type { ErrorBody } from "./errors.ts";
import type { Exchange } from "./exchange.ts";
import { droppedFields, tellIgnored } from "./fields_without_effect.ts";
import { readJsonObject } from "./json_body.ts";
import { limits } from "./limits.ts";
import { mergeAnswers } from "./merged_events.ts";
import { checkModel } from "./models.ts";
import { generationOf } from "./sampling_fields.ts";
import { lastPlainEvent, plainEvent, plainEventAround } from "./sse.ts";
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
    runtime.generate({ ...generation, messages: [], prompt, ...asker }, ended)
  );
  const events = sources.length === 1 ? sources[0]! : mergeAnswers(sources, choices, () => together.abort());
  // Refusals are thrown by the first step, while a status can still be sent.
  const first = await namingPrompt(events.next());
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
  if (body.stream !== true) return Response.json(await whole(first, events, completing), { headers });
  return streamResponse(first, events, new CompletionWriter(completing), exchange, context, headers);
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

/** The first step of an answer. What is below speaks of messages, which are a prompt here. */
async function namingPrompt<T>(first: Promise<T>): Promise<T> {
  try {
    return await first;
  } catch (error) {
    if (!(error instanceof RequestError) || error.details.param !== "messages") throw error;
    throw new RequestError(error.message, { ...error.details, param: "prompt", remedy: error.remedy });
  }
}

async function whole(
  first: IteratorResult<GenerateEvent>,
  events: AsyncGenerator<GenerateEvent>,
  completing: Completing,
): Promise<unknown> {
  const { exchange, envelope, body, echoes, strictOpenai } = completing;
  const hasLogprobs = typeof body.logprobs === "number";
  const drafts = echoes.map((text, index) => ({
    index,
    text,
    offset: text.length,
    tokens: hasLogprobs ? [] as AnswerToken[] : undefined,
    finishReason: undefined as FinishReason | undefined,
  }));
  for (let step = first; !step.done; step = await events.next()) {
    const event = step.value;
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

/** The answers piece by piece: the texts they go on with, their own texts, and a chunk with each one's finish reason. */
class CompletionWriter implements AnswerWriter {
  readonly #completing: Completing;
  /** By choice: the event of a text that has nothing else to tell, as nearly all of them. */
  readonly #textEvents: readonly ((text: string) => string)[];
  /** By choice: where its next text begins. */
  readonly #offsets: number[];
  #promptTokens = 0;
  /** Choices that have not ended. */
  #left: number;

  constructor(completing: Completing) {
    const { envelope, echoes } = completing;
    this.#completing = completing;
    this.#left = echoes.length;
    this.#offsets = echoes.map((echo) => echo.length);
    this.#textEvents = echoes.map((_, index) =>
      plainEventAround(
        completionBody(envelope, [{ index, text: "", offset: 0 }], this.#usageSoFar(0)),
        "text",
      )
    );
  }

  get complete(): boolean {
    return this.#left === 0;
  }

  write(event: GenerateEvent): string {
    if (event.type === "start") {
      this.#promptTokens = event.promptTokens;
      const { echoes } = this.#completing;
      const chunks = echoes.map((text, index) =>
        text === "" ? "" : this.#chunk({ index, text, offset: 0 }, 0)
      );
      return chunks.join("");
    }
    const index = event.choice;
    const offset = this.#offsets[index]!;
    if (event.type === "text") {
      const { text, tokens, completionTokens } = event;
      this.#offsets[index] = offset + text.length;
      if (!tokens && !this.#completing.body.stream_options?.continuous_usage_stats) {
        return this.#textEvents[index]!(text);
      }
      return this.#chunk({ index, text, tokens, offset }, completionTokens);
    }
    if (event.type !== "end") return "";
    const { usage, finishReason } = event;
    this.#completing.exchange.usage = usage;
    this.#left--;
    return this.#chunk({ index, text: "", offset, finishReason }, usage.completionTokens);
  }

  end(): string {
    const { exchange, envelope, body, strictOpenai } = this.#completing;
    if (!this.complete || !exchange.usage) throw endedEarly(exchange);
    if (!body.stream_options?.include_usage) return lastPlainEvent;
    return plainEvent(completionBody(envelope, [], usageBody(exchange.usage, strictOpenai))) + lastPlainEvent;
  }

  failure(body: ErrorBody): string {
    return plainEvent(body);
  }

  #chunk(choice: CompletionChoice, completionTokens: number): string {
    return plainEvent(
      completionBody(this.#completing.envelope, [choice], this.#usageSoFar(completionTokens)),
    );
  }

  #usageSoFar(completionTokens: number): TokenCounts | null | undefined {
    const { include_usage: withUsage, continuous_usage_stats: continuous } =
      this.#completing.body.stream_options ?? {};
    if (!withUsage) return undefined;
    return continuous ? tokenCounts(this.#promptTokens, completionTokens) : null;
  }
}
