import { describe, expect, setDefaultTimeout, test } from "bun:test";
import OpenAI from "openai";
import { testLimitMs } from "../../support/test_limit.ts";
import { clientOf, eventually, greedy, metric, pictureUrl, serveTests, serveWithKey } from "./support.ts";

setDefaultTimeout(testLimitMs);

const { server, client } = await serveTests();

const model = "default";
const hello: OpenAI.ChatCompletionMessageParam[] = [{ role: "user", content: "Hello" }];
const aboutPicture: OpenAI.ChatCompletionMessageParam[] = [{
  role: "user",
  content: [
    { type: "image_url", image_url: { url: pictureUrl } },
    { type: "text", text: "Describe the picture." },
  ],
}];

/** What a promise fails with. The client's own promises are lazy. */
async function failure(promise: PromiseLike<unknown>): Promise<unknown> {
  return await promise.then(() => undefined, (error) => error);
}

describe("openai, chat.completions", () => {
  test("create() answers, and tells its request's id", async () => {
    const completion = await client.chat.completions.create({ model, ...greedy, messages: hello });
    const [choice] = completion.choices;
    expect(choice!.message).toMatchObject({ role: "assistant", refusal: null });
    expect(choice!.message.content!.length).toBeGreaterThan(0);
    expect(choice!.finish_reason).toBeOneOf(["stop", "length"]);
    const { prompt_tokens, completion_tokens, total_tokens } = completion.usage!;
    expect(total_tokens).toBe(prompt_tokens + completion_tokens);
    expect(completion._request_id).toStartWith("req_");
  });

  test("stream: true gives the same words, one role, one finish reason and the usage at the end", async () => {
    const whole = await client.chat.completions.create({ model, ...greedy, messages: hello });
    const stream = await client.chat.completions.create({
      model,
      ...greedy,
      messages: hello,
      stream: true,
      stream_options: { include_usage: true },
    });
    const chunks: OpenAI.ChatCompletionChunk[] = [];
    for await (const chunk of stream) chunks.push(chunk);
    const choices = chunks.flatMap((chunk) => chunk.choices);
    expect(choices.map(({ delta }) => delta.content ?? "").join("")).toBe(whole.choices[0]!.message.content!);
    expect(choices.flatMap(({ delta }) => delta.role ?? [])).toEqual(["assistant"]);
    expect(choices.flatMap(({ finish_reason }) => finish_reason ?? [])).toEqual([
      whole.choices[0]!.finish_reason,
    ]);
    expect(new Set(chunks.map(({ id }) => id)).size).toBe(1);
    expect(chunks.at(-1)).toMatchObject({ choices: [], usage: { total_tokens: whole.usage!.total_tokens } });
  });

  test("stream() collects what create() gives", async () => {
    const whole = await client.chat.completions.create({ model, ...greedy, messages: hello });
    const stream = client.chat.completions.stream({ model, ...greedy, messages: hello });
    let text = "";
    stream.on("content", (delta) => text += delta);
    const final = await stream.finalChatCompletion();
    expect(final.choices[0]!.message.content).toBe(whole.choices[0]!.message.content);
    expect(text).toBe(whole.choices[0]!.message.content!);
  });

  test("a picture is looked at: it takes a tile, and is known the second time", async () => {
    const ask = () => client.chat.completions.create({ model, ...greedy, messages: aboutPicture });
    const [first, second] = [await ask(), await ask()];
    expect(first.usage).toMatchObject({ llamav: { image_tiles: expect.any(Number), image_cache_hits: 0 } });
    expect(second.usage).toMatchObject({ llamav: { image_cache_hits: 1 } });
    expect(second.choices[0]!.message.content).toBe(first.choices[0]!.message.content);
    const blind = await client.chat.completions.create({
      model,
      ...greedy,
      messages: [{ role: "user", content: "Describe the picture." }],
    });
    expect(blind.choices[0]!.message.content).not.toBe(first.choices[0]!.message.content);
  });

  test("log probabilities name the tokens that the text is made of", async () => {
    const { choices: [choice] } = await client.chat.completions.create({
      model,
      ...greedy,
      messages: hello,
      logprobs: true,
      top_logprobs: 3,
    });
    const tokens = choice!.logprobs!.content!;
    const bytes = tokens.flatMap((token) => token.bytes ?? []);
    expect(new TextDecoder().decode(Uint8Array.from(bytes))).toBe(choice!.message.content!);
    for (const { token, logprob, top_logprobs } of tokens) {
      expect(top_logprobs).toHaveLength(3);
      // At temperature 0 the likeliest token is the one that was taken.
      expect(top_logprobs[0]).toMatchObject({ token, logprob });
    }
  });

  test("n gives as many choices for one prompt", async () => {
    const ask = { model, messages: hello, max_tokens: 6, temperature: 1, seed: 7 };
    const one = await client.chat.completions.create({ ...ask, n: 1 });
    const three = await client.chat.completions.create({ ...ask, n: 3 });
    expect(three.choices.map(({ index }) => index)).toEqual([0, 1, 2]);
    expect(three.usage!.prompt_tokens).toBe(one.usage!.prompt_tokens);
  });

  test("leaving the loop ends the sequence, and so does a client's own timeout", async () => {
    const long = { model, messages: hello, max_tokens: 4000, logit_bias: { "100": 100 } };
    const running = () => metric(server, "llamav_sequences_running");
    const stream = await client.chat.completions.create({ ...long, stream: true });
    for await (const chunk of stream) {
      if (chunk.choices[0]?.delta.content === undefined) continue;
      await eventually(async () => await running() === 1);
      break;
    }
    await eventually(async () => await running() === 0);
    const timeout = failure(client.chat.completions.create(long, { timeout: 1000 }));
    await eventually(async () => await running() === 1);
    expect(await timeout).toBeInstanceOf(OpenAI.APIConnectionTimeoutError);
    await eventually(async () => await running() === 0);
  });
});

test("openai, completions.create() and models.list()", async () => {
  const completion = await client.completions.create({ model, prompt: "Hello", ...greedy });
  expect(completion.choices[0]!.text.length).toBeGreaterThan(0);
  expect((await client.models.list()).data.map(({ id }) => id)).toEqual(["llamav-demo"]);
  expect((await client.models.retrieve("llamav-demo")).owned_by).toBeString();
});

describe("openai, errors", () => {
  const ask = (body: object, of = client) =>
    failure(of.chat.completions.create({ model, messages: hello, ...body }));

  test("come as the class of their status, with type, code and param", async () => {
    const tooWarm = await ask({ temperature: 3 });
    expect(tooWarm).toBeInstanceOf(OpenAI.BadRequestError);
    expect(tooWarm).toMatchObject({ param: "temperature", type: "invalid_request_error" });
    const unknown = await ask({ model: "gpt-4o" });
    expect(unknown).toBeInstanceOf(OpenAI.NotFoundError);
    expect(unknown).toMatchObject({ code: "model_not_found" });
    const stranger = await ask({}, clientOf(server, { apiKey: "sk-wrong" }));
    expect(stranger).toBeInstanceOf(OpenAI.AuthenticationError);
    const lost = await failure(client.embeddings.create({ model, input: "Hello" }));
    expect(lost).toBeInstanceOf(OpenAI.NotFoundError);
  });

  test("are thrown before the first chunk of a stream", async () => {
    const messages = [{ role: "user", content: [{ type: "image_url", image_url: { url: "data:,x" } }] }];
    expect(await ask({ stream: true, messages })).toBeInstanceOf(OpenAI.BadRequestError);
    expect(await ask({ stream: true, max_tokens: 0 })).toBeInstanceOf(OpenAI.BadRequestError);
  });

  test("a full queue is a RateLimitError, and the client's own retries get an answer", async () => {
    await using small = await serveWithKey("--max-num-seqs", "1", "--max-num-queued-reqs", "1");
    const long = { model, messages: hello, max_tokens: 16, logit_bias: { "100": 100 } };
    const flood = (maxRetries: number) => {
      const of = clientOf(small, { maxRetries });
      return Promise.all(
        Array.from({ length: 4 }, () => of.chat.completions.create(long).catch((error) => error)),
      );
    };
    const refused = (await flood(0)).filter((outcome) => outcome instanceof OpenAI.RateLimitError);
    expect(refused.length).toBeGreaterThan(0);
    for (const { headers } of refused) expect(Number(headers.get("retry-after"))).toBeGreaterThan(0);
    const answered = await flood(20);
    expect(answered.map((outcome) => outcome.usage?.completion_tokens)).toEqual([16, 16, 16, 16]);
  });
});
