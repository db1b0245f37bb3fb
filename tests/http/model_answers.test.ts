import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { openTokenizer } from "../../src/tokenizer/tokenizer.ts";
import { goldenPicture } from "../runtime/golden_request.ts";
import { until } from "../support/fake_runtime.ts";
import { goldenCases } from "../support/goldens.ts";
import {
  chatChunkOf,
  type ChatCompletion,
  type ChatCompletionChunk,
  chatCompletionOf,
} from "../support/openai_api.ts";
import { testLimitMs } from "../support/test_limit.ts";
import { openGoldenApp, wildQuestion } from "./golden_app.ts";
import { chat, eventsOf, json } from "./support.ts";

setDefaultTimeout(testLimitMs);

// The way from a body to tokens and back, with a model. Numbers in the names, such as "D26", are the assertions of the
// HTTP contract; every answer and every chunk is held to the schema of OpenAI's API (D1).

const golden = goldenCases().find(({ file }) =>
  file.request && file.images.some((image) => image.num_tiles > 1)
)!;
const checkpoint = golden.checkpoints[0]!;
const picture = `data:image/png;base64,${
  Buffer.from(goldenPicture(golden.file.images.find((image) => image.num_tiles > 1)!.file)).toString("base64")
}`;

const { app, runtime } = await openGoldenApp(checkpoint);
const tokenizer = openTokenizer(checkpoint.directory);

const still = { ...wildQuestion, temperature: 0 };
const look = (detail?: string) => ({
  ...still,
  messages: [{
    role: "user",
    content: [{ type: "image_url", image_url: { url: picture, detail } }, { type: "text", text: "?" }],
  }],
});

async function ask(body: object): Promise<ChatCompletion> {
  const response = await app.fetch(chat(body));
  return chatCompletionOf(await json(response));
}

async function stream(body: object): Promise<ChatCompletionChunk[]> {
  const response = await app.fetch(chat({ ...body, stream: true }));
  const text = await response.text();
  expect([response.status, text.endsWith("data: [DONE]\n\n")]).toEqual([200, true]);
  return eventsOf(text).map(chatChunkOf);
}

async function refusal(body: object): Promise<{ status: number; param: string; message: string }> {
  const response = await app.fetch(chat(body));
  const { error } = await json(response);
  return { status: response.status, param: error.param, message: error.message };
}

/** Text, finish reason and log probabilities of one choice, put together from chunks. */
function joined(chunks: readonly ChatCompletionChunk[], index = 0) {
  const own = chunks.flatMap(({ choices }) => choices.filter((choice) => choice.index === index));
  const reasons = own.flatMap(({ finish_reason }) => finish_reason ?? []);
  expect(reasons.length).toBe(1);
  return {
    text: own.map(({ delta }) => delta.content ?? "").join(""),
    pieces: own.flatMap(({ delta }) => delta.content ?? []),
    finishReason: reasons[0],
    tokens: own.flatMap(({ logprobs }) => logprobs?.content ?? []),
  };
}

function textOf({ choices }: ChatCompletion, index = 0): string {
  return choices[index]!.message.content!;
}

describe("POST /v1/chat/completions with a model", () => {
  test("streams the text of the whole answer, token by token counted (D15, D19, D20, D27)", async () => {
    const whole = await ask(wildQuestion);
    const { text, pieces, finishReason } = joined(await stream(wildQuestion));
    expect([text, finishReason]).toEqual([textOf(whole), "length"]);
    expect(pieces.every((piece) => piece.isWellFormed())).toBe(true);
    expect(whole.usage).toMatchObject({
      completion_tokens: 24,
      total_tokens: whole.usage.prompt_tokens + 24,
    });
  });

  test("gives n answers, streamed and not, the same for the same seed (D18, D26, D27)", async () => {
    const whole = await ask({ ...wildQuestion, n: 4 });
    expect(whole.choices.map(({ index }) => index)).toEqual([0, 1, 2, 3]);
    expect(new Set(whole.choices.map(({ message }) => message.content)).size).toBe(4);
    const alone = await ask(wildQuestion);
    expect([textOf(whole), whole.usage.prompt_tokens]).toEqual([textOf(alone), alone.usage.prompt_tokens]);
    expect(whole.usage.completion_tokens).toBe(4 * 24);
    const stream_options = { include_usage: true, continuous_usage_stats: true };
    const chunks = await stream({ ...wildQuestion, n: 4, stream_options });
    for (const { index } of whole.choices) expect(joined(chunks, index).text).toBe(textOf(whole, index));
    const counts = chunks.map(({ usage }) => usage!.completion_tokens);
    expect(counts).toEqual([...counts].sort((a, b) => a - b));
    expect(counts.at(-1)).toBe(4 * 24);
  });

  test("streams emoji and Chinese in whole characters, whatever tokens they lie across (D22)", async () => {
    const text = "Schön 😀, 👩‍👩‍👧‍👦 und 日本語の文字：𝔘𝔫𝔦𝔠𝔬𝔡𝔢 漢字";
    const body = { ...still, ignore_eos: false, choice: [text], max_tokens: 150, logprobs: true };
    const chunks = await stream(body);
    const { pieces, finishReason, tokens } = joined(chunks);
    // Some characters are more than one token: there are pieces that no single token has made.
    expect(tokens.some(({ token }) => token.includes("\ufffd"))).toBe(true);
    expect(pieces.filter((piece) => piece.includes("\ufffd") || !piece.isWellFormed())).toEqual([]);
    expect([pieces.join(""), pieces.length > 8, finishReason]).toEqual([text, true, "stop"]);
  });

  test("cuts each answer at its own stop text (D21)", async () => {
    const whole = await ask({ ...wildQuestion, n: 3 });
    const stop = [0, 2].map((index) => textOf(whole, index).slice(5, 8));
    const cut = await ask({ ...wildQuestion, n: 3, stop });
    const chunks = await stream({ ...wildQuestion, n: 3, stop });
    for (const { index, finish_reason } of cut.choices) {
      const text = textOf(whole, index);
      const ends = stop.map((word) => text.indexOf(word)).filter((at) => at >= 0);
      const want = ends.length > 0 ? text.slice(0, Math.min(...ends)) : text;
      expect([textOf(cut, index), finish_reason]).toEqual([want, ends.length > 0 ? "stop" : "length"]);
      expect(joined(chunks, index).text).toBe(want);
    }
    expect(cut.usage.completion_tokens).toBeLessThan(whole.usage.completion_tokens);
  });

  test("gives log probabilities that add up to the text, streamed and not (D23, D24)", async () => {
    const body = { ...wildQuestion, logprobs: true, top_logprobs: 5 };
    const whole = await ask(body);
    const content = whole.choices[0]!.logprobs!.content!;
    expect(Buffer.from(content.flatMap(({ bytes }) => bytes ?? [])).toString()).toBe(textOf(whole));
    expect(content.map(({ top_logprobs }) => top_logprobs.length)).toEqual(Array(24).fill(5));
    expect(joined(await stream(body)).tokens).toEqual([...content]);
    const greedy = await ask({ ...still, logprobs: true, top_logprobs: 1 });
    for (const { token, logprob, top_logprobs } of greedy.choices[0]!.logprobs!.content!) {
      expect(top_logprobs[0]).toMatchObject({ token, logprob });
    }
  });

  test("gives tokens whose texts are the answer, where no character lies across them (D24)", async () => {
    const text = "One plain text, of several words.";
    const body = { ...still, ignore_eos: false, choice: [text], max_tokens: 60, logprobs: true };
    const { choices: [choice] } = await ask(body);
    const content = choice!.logprobs!.content!;
    expect(content.map(({ token }) => token).join("")).toBe(text);
    expect(content.every(({ logprob }) => logprob <= 0)).toBe(true);
    expect(joined(await stream(body)).tokens.map(({ token }) => token).join("")).toBe(text);
  });

  test("gives the second best token where logit_bias bans the best (D25)", async () => {
    const body = { ...still, logprobs: true, top_logprobs: 2, max_tokens: 1 };
    const [best, second] = (await ask(body)).choices[0]!.logprobs!.content![0]!.top_logprobs;
    const id = Array.from({ length: tokenizer.vocabularySize }, (_, id) => id)
      .find((id) => Buffer.compare(tokenizer.tokenBytes(id), Buffer.from(best!.bytes!)) === 0)!;
    const banned = (await ask({ ...body, logit_bias: { [id]: -100 } })).choices[0]!.logprobs!.content![0]!;
    expect([banned.token, banned.bytes]).toEqual([second!.token, [...second!.bytes!]]);
    expect(banned.token).not.toBe(best!.token);
  });

  test("obeys logit_bias, and refuses ids outside the vocabulary, then goes on (D25)", async () => {
    const [a] = tokenizer.encode("a", { control: false });
    expect(textOf(await ask({ ...still, logit_bias: { [a!]: 100 } }))).toBe("a".repeat(24));
    const banned = await ask({ ...still, logit_bias: { [a!]: -100 }, temperature: 2 });
    expect(textOf(banned)).not.toMatch(/^a/);
    for (const field of [{ logit_bias: { 9999999: 1 } }, { stop_token_ids: [9999999] }]) {
      const { status, param, message } = await refusal({ ...still, ...field });
      expect([status, param]).toEqual([400, Object.keys(field)[0]!]);
      expect(message).toContain("9999999");
    }
    expect((await ask(still)).usage.completion_tokens).toBe(24);
  });

  test("ends at stop_token_ids, but not before min_tokens (D21)", async () => {
    const [a] = tokenizer.encode("a", { control: false });
    const body = { ...still, logit_bias: { [a!]: 100 }, stop_token_ids: [a!] };
    const short = await ask(body);
    expect([textOf(short), short.choices[0]!.finish_reason, short.usage.completion_tokens]).toEqual([
      "",
      "stop",
      1,
    ]);
    const long = await ask({ ...body, min_tokens: 9, logprobs: true });
    expect([long.choices[0]!.finish_reason, long.usage.completion_tokens]).toEqual(["stop", 10]);
    const tokens = long.choices[0]!.logprobs!.content!.map(({ token }) => token);
    expect([tokens.length, tokens.includes("a")]).toEqual([9, false]);
  });

  test("answers one client in turn with another that asks for much at once (O13)", async () => {
    const done: string[] = [];
    const askFrom = async (address: string, user?: string) => {
      const connection = { timeout() {}, requestIP: () => ({ address }) };
      expect((await app.fetch(chat({ ...still, user }), connection)).status).toBe(200);
      done.push(user ?? address);
    };
    const flood = Array.from({ length: 40 }, () => askFrom("10.0.0.1"));
    await Bun.sleep(1); // the others come when all of these are there
    await Promise.all([...flood, askFrom("10.0.0.2"), askFrom("10.0.0.1", "me")]);
    // Eight run at a time: both wait for one of the first to end, and not for those that wait before them.
    expect(done.indexOf("10.0.0.2")).toBeLessThan(24);
    expect(done.indexOf("me")).toBeLessThan(24);
  });

  test("answers alike alone and among others, texts, pictures and draws (D27, D28, O14)", async () => {
    const bodies = [
      wildQuestion,
      still,
      look(),
      { ...still, messages: [{ role: "user", content: "Other words" }] },
      look("low"),
    ];
    const alone: string[] = [];
    for (const body of bodies) alone.push(textOf(await ask(body)));
    const together = await Promise.all([...bodies, ...bodies].map((body) => ask(body)));
    expect(together.map((answer) => textOf(answer))).toEqual([...alone, ...alone]);
  });

  test("says which prompt tokens and which pictures it had already (D47)", async () => {
    const content = (text: string) => ({
      ...look(),
      messages: [...look().messages, { role: "user", content: text }],
    });
    const first = await ask(content("One long question about it, and more of it"));
    const second = await ask(content("One long question about it, and more of it"));
    expect(second.usage.llamav).toMatchObject({ image_cache_hits: 1 });
    expect(second.usage.llamav!.image_tiles).toBe(first.usage.llamav!.image_tiles);
    const { cached_tokens } = second.usage.prompt_tokens_details!;
    expect(cached_tokens).toBeGreaterThan(first.usage.prompt_tokens_details!.cached_tokens);
    expect(second.usage.prompt_tokens - cached_tokens).toBeLessThanOrEqual(16);
    expect(textOf(second)).toBe(textOf(first));
  });

  test("looks at a picture through one tile where its detail is low", async () => {
    expect((await ask(look("low"))).usage.llamav!.image_tiles).toBe(1);
    const tiles = await Promise.all(
      ["high", "auto"].map(async (detail) => (await ask(look(detail))).usage.llamav!.image_tiles),
    );
    expect([tiles[0]! > 1, tiles[0] === tiles[1]]).toEqual([true, true]);
  });

  test("frees what an answer held when its client goes (D39)", async () => {
    for (const streamed of [false, true]) {
      const client = new AbortController();
      // Long enough for the counters, which come four times a second.
      const body = { ...look(), n: 16, max_tokens: 100, stream: streamed };
      const response = app.fetch(chat(body, {}, { signal: client.signal }));
      const reading = response.then((answer) => answer.text()).catch(() => "");
      await until(() => runtime.stats.heldBlocks > 0);
      client.abort();
      const begin = performance.now();
      expect(/\[DONE\]|"usage"/.test(await reading)).toBe(false);
      await until(() => app.active === 0 && runtime.stats.heldBlocks === 0);
      // A second is asked for; on a machine that does nothing else it takes milliseconds.
      expect(performance.now() - begin).toBeLessThan(2000);
    }
    // What they held is free: the largest request there can be has a place.
    const images = Array.from({ length: 4 }, () => look().messages[0]);
    expect((await ask({ ...still, messages: images, max_tokens: 4 })).usage.completion_tokens).toBe(4);
  });

  test("refuses a prompt that is too long before the first byte of a stream (D41)", async () => {
    const messages = [{ role: "user", content: "word ".repeat(400) }];
    for (const streamed of [false, true]) {
      const { status, param, message } = await refusal({ ...still, messages, stream: streamed });
      expect([status, param]).toEqual([400, "messages"]);
      const [, most, have] = /at most (\d+) tokens, and it has (?:at least )?(\d+)\. /.exec(message)!;
      expect([Number(most), Number(have) > 192]).toEqual([192, true]);
    }
  });
});
