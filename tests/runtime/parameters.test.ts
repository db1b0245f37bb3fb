import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { RequestError } from "../../src/base/errors.ts";
import { greedy, type Sampling } from "../../src/engine/sampling.ts";
import type { GenerateEvent, GenerateRequest, Runtime } from "../../src/runtime/request.ts";
import { openTokenizer, type Tokenizer } from "../../src/tokenizer/tokenizer.ts";
import { buildShaders } from "../../tools/build_shaders.ts";
import { openGoldenRuntime } from "../support/golden_runtime.ts";
import { goldenCases } from "../support/goldens.ts";
import { goldenPicture } from "./golden_request.ts";

// Numbers in the names, such as "D26", are the assertions of the HTTP contract.

buildShaders();

const golden = goldenCases().find(({ file }) =>
  file.request && file.images.some((image) => image.num_tiles > 1)
)!;
const checkpoint = golden.checkpoints[0]!;
const picture = goldenPicture(golden.file.images.find((image) => image.num_tiles > 1)!.file);

let runtime: Runtime;
let tokenizer: Tokenizer;
beforeAll(async () => {
  tokenizer = openTokenizer(checkpoint.directory);
  runtime = await openGoldenRuntime(checkpoint, { contextLength: 192, imageTiles: 8 });
});
afterAll(() => runtime.close());

/** Letters of all kinds: high temperature, fixed seed. */
const wild: Sampling = { ...greedy, temperature: 2, seed: 17 };

function ask(text: string, more: Partial<GenerateRequest> = {}): GenerateRequest {
  const messages = [{ role: "user" as const, content: [{ type: "text" as const, text }] }];
  return { messages, sampling: wild, ignoreEos: true, maxTokens: 30, dateString: "26 Jul 2024", ...more };
}

async function events(request: GenerateRequest): Promise<GenerateEvent[]> {
  return await Array.fromAsync(runtime.generate(request));
}

/** Text, tokens and end of one choice. */
function choiceOf(all: readonly GenerateEvent[], choice: number) {
  const own = all.filter((event) => event.type !== "start" && event.choice === choice);
  const pieces = own.filter((event) => event.type === "text");
  const ends = own.filter((event) => event.type === "end");
  expect([ends.length, own.at(-1)]).toEqual([1, ends[0]!]);
  return {
    text: pieces.map((piece) => piece.text).join(""),
    tokens: pieces.flatMap((piece) => piece.tokens ?? []),
    ...ends[0]!,
  };
}

describe("Runtime.generate() with several choices", () => {
  test("gives different answers, the first as alone, the prompt counted once (D26, D27)", async () => {
    const alone = choiceOf(await events(ask("Hello")), 0);
    const all = await events(ask("Hello", { n: 3 }));
    const choices = [0, 1, 2].map((index) => choiceOf(all, index));
    expect(choices[0]!.text).toBe(alone.text);
    expect(new Set(choices.map(({ text }) => text)).size).toBe(3);
    expect(all.at(-1)).toMatchObject({
      usage: { promptTokens: alone.usage.promptTokens, completionTokens: 90 },
    });
    const counts = all.flatMap((event) => event.type === "text" ? [event.completionTokens] : []);
    expect(counts).toEqual([...counts].sort((a, b) => a - b)); // D18
    expect(choiceOf(await events(ask("Hello", { n: 3 })), 2).text).toBe(choices[2]!.text);
  });

  test("ends one at its stop text, and the others go on (D21)", async () => {
    const whole = await events(ask("Hello", { n: 3 }));
    const texts = [0, 1, 2].map((index) => choiceOf(whole, index).text);
    const stop = texts[1]!.slice(6, 9);
    expect([texts[0]!.includes(stop), texts[2]!.includes(stop)]).toEqual([false, false]);
    const cut = await events(ask("Hello", { n: 3, stop: [stop] }));
    expect(choiceOf(cut, 1)).toMatchObject({
      text: texts[1]!.slice(0, texts[1]!.indexOf(stop)),
      finishReason: "stop",
    });
    for (const other of [0, 2]) {
      expect(choiceOf(cut, other)).toMatchObject({ text: texts[other]!, finishReason: "length" });
    }
    const { usage } = cut.at(-1) as Extract<GenerateEvent, { type: "end" }>;
    expect(usage.completionTokens).toBeLessThan(90);
  });

  test("ends when a stop text has ended all of them", async () => {
    const whole = await events(ask("Hello", { n: 2 }));
    const stop = [0, 1].map((index) => choiceOf(whole, index).text.slice(0, 2));
    const cut = await events(ask("Hello", { n: 2, stop }));
    for (const index of [0, 1]) {
      expect(choiceOf(cut, index)).toMatchObject({ text: "", finishReason: "stop" });
    }
    expect(choiceOf(await events(ask("Hello")), 0).text).toBe(choiceOf(whole, 0).text);
  });
});

describe("Runtime.generate() with log probabilities", () => {
  test("gives tokens whose bytes are the text, none above zero (D24)", async () => {
    const { text, tokens } = choiceOf(await events(ask("Hello", { sampling: { ...wild, logprobs: 5 } })), 0);
    expect(new TextDecoder().decode(Buffer.concat(tokens.map(({ bytes }) => bytes ?? new Uint8Array()))))
      .toBe(text);
    expect(tokens.length).toBe(30);
    for (const { logprob, alternatives } of tokens) {
      expect(alternatives.length).toBe(5);
      expect(alternatives.map((other) => other.logprob)).toEqual(
        alternatives.map((other) => other.logprob).sort((a, b) => b - a),
      );
      expect(logprob).toBeLessThanOrEqual(alternatives[0]!.logprob + 1e-4);
      expect(alternatives.reduce((sum, other) => sum + Math.exp(other.logprob), 0)).toBeLessThan(1.001);
    }
  });

  test("has the chosen token first at temperature 0, and no list where none is wanted (D23)", async () => {
    const sampling = { ...greedy, logprobs: 1 };
    const { tokens } = choiceOf(await events(ask("Hello", { sampling })), 0);
    for (const { text, logprob, alternatives } of tokens) {
      expect([alternatives[0]!.text, alternatives[0]!.logprob]).toEqual([text, logprob]);
    }
    const none = choiceOf(await events(ask("Hello", { sampling: { ...greedy, logprobs: 0 } })), 0);
    expect(none.tokens.map((token) => token.alternatives)).toEqual(none.tokens.map(() => []));
    expect(none.tokens.length).toBe(30);
    const without = await events(ask("Hello"));
    expect(without.some((event) => event.type === "text" && event.tokens !== undefined)).toBe(false);
  });

  test("leaves out the tokens behind a stop text (D24)", async () => {
    const sampling = { ...wild, logprobs: 0 };
    const whole = choiceOf(await events(ask("Hello", { sampling })), 0);
    const stop = whole.text.slice(8, 12);
    const cut = choiceOf(await events(ask("Hello", { sampling, stop: [stop] })), 0);
    const decoded = Buffer.concat(cut.tokens.map(({ bytes }) => bytes ?? new Uint8Array())).toString();
    expect([cut.text, decoded.startsWith(cut.text)]).toEqual([
      whole.text.slice(0, whole.text.indexOf(stop)),
      true,
    ]);
    expect(cut.tokens).toEqual(whole.tokens.slice(0, cut.tokens.length));
  });
});

describe("Runtime.generate()", () => {
  test("bans with a bias of −100 and forces with +100 (D25)", async () => {
    const [first] = tokenizer.encode("a", { control: false });
    const forced = choiceOf(
      await events(ask("Hello", { sampling: { ...greedy, logitBias: [[first!, 100]] } })),
      0,
    );
    expect(forced.text).toBe("a".repeat(30));
    const free = choiceOf(await events(ask("Hello", { sampling: greedy, maxTokens: 1 })), 0);
    const all = choiceOf(
      await events(ask("Hello", { sampling: { ...greedy, logprobs: 1 }, maxTokens: 1 })),
      0,
    );
    const banned = tokenizer.encode(all.tokens[0]!.text, { control: false });
    const logitBias = banned.map((id): [number, number] => [id, -100]);
    const other = choiceOf(
      await events(ask("Hello", { sampling: { ...greedy, logitBias }, maxTokens: 1 })),
      0,
    );
    expect(other.text).not.toBe(free.text);
  });

  test("refuses ids that the vocabulary does not have, by the field's name, before start (D25)", async () => {
    const cases: [Partial<GenerateRequest>, string][] = [
      [{ sampling: { logitBias: [[2 ** 31, 1]] } }, "logit_bias"],
      [{ sampling: { logitBias: [[1_000_000, 1]] } }, "logit_bias"],
      [{ stopTokenIds: [1_000_000] }, "stop_token_ids"],
    ];
    for (const [more, param] of cases) {
      const error = await events(ask("Hello", more)).catch((error: unknown) => error);
      expect([error instanceof RequestError, (error as RequestError).details.param]).toEqual([true, param]);
    }
    expect((await events(ask("Hello"))).at(-1)!.type).toBe("end");
  });

  test("ends at a stop token id, also past the checkpoint's own, but not before min_tokens", async () => {
    const sampling = { ...wild, logprobs: 0 };
    const whole = choiceOf(await events(ask("Hello", { sampling })), 0);
    const idsOf = (text: string) => tokenizer.encode(text, { control: false });
    const at = whole.tokens.findIndex(({ text }, i) =>
      i > 3 && text.isWellFormed() && idsOf(text).length === 1
    );
    const [id] = idsOf(whole.tokens[at]!.text);
    const cut = choiceOf(await events(ask("Hello", { sampling, stopTokenIds: [id!] })), 0);
    expect([cut.finishReason, whole.text.startsWith(cut.text)]).toEqual(["stop", true]);
    expect(cut.usage.completionTokens).toBeLessThanOrEqual(at + 1);
    const long = await events(
      ask("Hello", { sampling: { ...sampling, minTokens: 30 }, stopTokenIds: [id!] }),
    );
    expect(choiceOf(long, 0)).toMatchObject({ finishReason: "length", usage: { completionTokens: 30 } });
  });

  test("counts the prompt tokens that were there already", async () => {
    const text = "The same beginning, long enough for several blocks. ".repeat(2);
    const first = choiceOf(await events(ask(text, { maxTokens: 2 })), 0).usage;
    const second = choiceOf(await events(ask(text, { maxTokens: 2 })), 0).usage;
    expect(second.cachedTokens).toBeGreaterThan(first.cachedTokens);
    // All but the last block, of 16 tokens at most: one token has to be computed.
    expect(second.promptTokens - second.cachedTokens).toBeLessThanOrEqual(16);
    expect(second.cachedTokens).toBeLessThan(second.promptTokens);
  });

  test("looks at a picture through one tile where its detail is low, and knows both again (D47)", async () => {
    const show = async (detail: "auto" | "low" | "high" | undefined) => {
      const content = [{ type: "image" as const, bytes: picture, detail }, {
        type: "text" as const,
        text: "?",
      }];
      return choiceOf(
        await events({
          messages: [{ role: "user", content }],
          sampling: greedy,
          maxTokens: 4,
          ignoreEos: true,
        }),
        0,
      );
    };
    const auto = await show(undefined);
    expect(auto.usage.imageTiles).toBeGreaterThan(1);
    expect((await show("low")).usage).toMatchObject({ imageTiles: 1, cachedImages: 0 });
    for (const detail of ["auto", "high"] as const) {
      expect((await show(detail)).usage).toMatchObject({
        imageTiles: auto.usage.imageTiles,
        cachedImages: 1,
      });
    }
    expect((await show("low")).usage).toMatchObject({ imageTiles: 1, cachedImages: 1 });
    expect((await show("high")).text).toBe(auto.text);
  });
});
