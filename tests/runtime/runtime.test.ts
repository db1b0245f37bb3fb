import { afterAll, beforeAll, describe, expect, spyOn, test } from "bun:test";
import { cpSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ModelNotFoundError, RequestError } from "../../src/base/errors.ts";
import { greedy, type Sampling } from "../../src/engine/sampling.ts";
import { ImagePreparer } from "../../src/images/image_preparer.ts";
import type { GenerateEvent, GenerateRequest, Runtime } from "../../src/runtime/request.ts";
import { openRuntime } from "../../src/runtime/runtime.ts";
import { openTokenizer, type Tokenizer } from "../../src/tokenizer/tokenizer.ts";
import { buildShaders } from "../../tools/build_shaders.ts";
import { type Answer, answerOf } from "./answer.ts";
import { useWorkerSpy } from "../engine/worker_spy.ts";
import { openGoldenRuntime } from "../support/golden_runtime.ts";
import { type GoldenCase, goldenCases } from "../support/goldens.ts";
import { TemporaryFolder } from "../support/temporary_folder.ts";
import { goldenPicture, goldenRequest } from "./golden_request.ts";

buildShaders();
const workers = useWorkerSpy();

const conversations = goldenCases().filter(({ file }) => file.request);
const stopping =
  conversations.find(({ file }) => file.greedy.first_stop !== null && file.images.length === 1) ??
    conversations.find(({ file }) => file.images.length === 1)!;
const checkpoint = stopping.checkpoints[0]!;
const here = conversations.filter(({ checkpoints }) =>
  checkpoints.some(({ name }) => name === checkpoint.name)
);
const contextLength = 192;
const picture = goldenPicture(stopping.file.images[0]!.file);

let runtime: Runtime;
let tokenizer: Tokenizer;
beforeAll(async () => {
  tokenizer = openTokenizer(checkpoint.directory);
  runtime = await openGoldenRuntime(checkpoint, { contextLength, imageTiles: 8 });
});
afterAll(() => runtime.close());

function answer(request: GenerateRequest, signal?: AbortSignal): Promise<Answer> {
  return answerOf(runtime, workers[0]!, request, signal);
}

function ask(text: string, more: Partial<GenerateRequest> = {}): GenerateRequest {
  const messages = [{ role: "user" as const, content: [{ type: "text" as const, text }] }];
  return { messages, sampling: greedy, ignoreEos: true, maxTokens: 40, dateString: "26 Jul 2024", ...more };
}

/** Letters of all kinds: high temperature, fixed seed. */
const wild: Sampling = { ...greedy, temperature: 2, seed: 17 };

test("openRuntime() loads beside the tokenizer, and ends what it has begun when that is damaged", async () => {
  using folder = new TemporaryFolder({});
  cpSync(checkpoint.directory, folder.path, { recursive: true });
  writeFileSync(join(folder.path, "tokenizer.json"), "{");
  const begun = workers.length;
  await expect(openRuntime({ model: folder.path, contextLength })).rejects.toThrow(/tokenizer\.json/);
  expect(workers.length).toBe(begun + 1);
  expect(workers[begun]!.sent.map(({ type }) => type)).toEqual(["open", "close"]);
});

test("openRuntime() with checkTensors tells of a damaged tokenizer before it reads the weights", async () => {
  using folder = new TemporaryFolder({});
  cpSync(checkpoint.directory, folder.path, { recursive: true });
  writeFileSync(join(folder.path, "tokenizer.json"), "{");
  const begun = workers.length;
  const stages: string[] = [];
  const onProgress = ({ stage }: { stage: string }) => void stages.push(stage);
  const opening = openRuntime({ model: folder.path, contextLength, checkTensors: true, onProgress });
  await expect(opening).rejects.toThrow(/tokenizer\.json/);
  expect([workers.length, stages]).toEqual([begun, []]);
});

async function refusal(request: GenerateRequest): Promise<{ error: RequestError; events: GenerateEvent[] }> {
  const events: GenerateEvent[] = [];
  try {
    for await (const event of runtime.generate(request)) events.push(event);
  } catch (error) {
    expect(error).toBeInstanceOf(RequestError);
    return { error: error as RequestError, events };
  }
  throw new Error("Nothing was refused");
}

async function goldenAnswer(golden: GoldenCase, more: Partial<GenerateRequest>): Promise<Answer> {
  return await answer({ ...await goldenRequest(golden), sampling: greedy, ...more });
}

describe("Runtime.generate() answers as the goldens do", () => {
  // The other cases say the same of the engine (tests/golden); here it is about what is around it.
  const chosen = here.filter(({ file: { input_ids: ids, greedy: { first_stop: stop }, images } }) =>
    ids.length < 100 && (stop !== null || images.length > 1)
  );
  for (const golden of chosen) {
    test(golden.name, async () => {
      const { ids, first_stop: firstStop, text } = golden.file.greedy;
      const whole = await goldenAnswer(golden, { maxTokens: ids.length, ignoreEos: true });
      expect([whole.ids, whole.text, whole.finishReason]).toEqual([[...ids], text, "length"]);
      if (firstStop === null) return;
      const stopped = await goldenAnswer(golden, { maxTokens: ids.length });
      expect(stopped.text).toBe(tokenizer.decode(ids.slice(0, firstStop)));
      expect([stopped.finishReason, stopped.usage.completionTokens]).toEqual(["stop", firstStop + 1]);
    });
  }
});

describe("Runtime.generate()", () => {
  test("begins with the prompt's size and ends with the usage", async () => {
    const { events, usage } = await goldenAnswer(stopping, { maxTokens: 3, ignoreEos: true });
    const { input_ids: tokens, images } = stopping.file;
    const imageTiles = images.reduce((sum, image) => sum + image.num_tiles, 0);
    expect(events[0]).toEqual({ type: "start", promptTokens: tokens.length, imageTiles });
    expect(usage).toMatchObject({ promptTokens: tokens.length, completionTokens: 3, imageTiles });
    expect(events.slice(1, -1).every(({ type }) => type === "text")).toBe(true);
    for (const ms of Object.values(usage.timings)) expect(ms >= 0 && ms < 60_000).toBe(true);
  });

  test("never cuts a letter that takes several tokens", async () => {
    const { ids, pieces, text } = await answer(ask("Hello", { sampling: wild, maxTokens: 100 }));
    expect(ids.length).toBe(100);
    expect(text).toBe(tokenizer.decode(ids));
    // Enough letters of several tokens to mean something: pieces cannot be cut where tokens are.
    const separately = ids.map((id) => tokenizer.decode([id])).join("");
    expect(separately).not.toBe(text);
    expect(pieces.every((piece) => piece.isWellFormed() && piece !== "")).toBe(true);
  });

  test("ends with a letter that stays incomplete as U+FFFD", async () => {
    const { ids } = await answer(ask("Hello", { sampling: wild, maxTokens: 100 }));
    const cut = ids.findIndex((id) => {
      const last = tokenizer.tokenBytes(id).at(-1);
      return last !== undefined && last >= 0xc2 && last <= 0xf4;
    });
    expect(cut).toBeGreaterThan(-1);
    const { text } = await answer(ask("Hello", { sampling: wild, maxTokens: cut + 1 }));
    expect(text).toBe(tokenizer.decode(ids.slice(0, cut + 1)));
    expect(text.endsWith("\ufffd")).toBe(true);
  });

  test("ends at a stop text that lies across tokens, and gives nothing of it away", async () => {
    const whole = await answer(ask("Hello", { sampling: wild, maxTokens: 60 }));
    let tried = 0;
    for (let n = 4; n < 50; n += 9) {
      const before = tokenizer.decode(whole.ids.slice(0, n)).length;
      const stop = whole.text.slice(before - 2, before + 2); // two letters of either side
      const cut = whole.text.indexOf(stop);
      const have = await answer(ask("Hello", { sampling: wild, maxTokens: 60, stop: ["never comes", stop] }));
      expect({ n, text: have.text }).toEqual({ n, text: whole.text.slice(0, cut) });
      expect(have.finishReason).toBe("stop");
      const needed = whole.ids.findIndex((_, i) =>
        tokenizer.decode(whole.ids.slice(0, i + 1)).replace(/\ufffd+$/, "").includes(stop)
      );
      if (!stop.includes("\ufffd")) expect(have.usage.completionTokens).toBe(needed + 1);
      tried++;
    }
    expect(tried).toBe(6);
  });

  test("gives back what it held when no stop text came", async () => {
    const whole = await answer(ask("Hello", { sampling: wild }));
    const stop = `${whole.text.slice(-3)} and more`;
    const have = await answer(ask("Hello", { sampling: wild, stop: [stop] }));
    expect([have.text, have.finishReason]).toEqual([whole.text, "length"]);
  });

  test("stops the engine, too, when a stop text has come", async () => {
    const whole = await answer(ask("Hello", { maxTokens: 100 }));
    await answer(ask("Hello", { maxTokens: 100, stop: [whole.text.slice(0, 3)] }));
    expect(workers[0]!.sent.at(-1)!.type).toBe("abort");
    expect((await answer(ask("Hello", { maxTokens: 100 }))).text).toBe(whole.text);
  });

  test("fills the context, no more, whatever maxTokens says", async () => {
    for (const maxTokens of [undefined, 100_000]) {
      const { finishReason, usage } = await answer(ask("word ".repeat(20), { maxTokens }));
      expect(finishReason).toBe("length");
      expect(usage.promptTokens + usage.completionTokens).toBe(contextLength);
    }
  });

  test("refuses a prompt that fills the context or more, before start", async () => {
    const { usage } = await answer(ask("", { maxTokens: 1 }));
    const { usage: { promptTokens: withOne } } = await answer(ask(" a", { maxTokens: 1 }));
    expect(withOne - usage.promptTokens).toBe(1);
    const room = contextLength - usage.promptTokens;
    expect((await answer(ask(" a".repeat(room - 1)))).usage.completionTokens).toBe(1);
    for (const count of [room, room + 1, 20_000]) {
      const { error, events } = await refusal(ask(" a".repeat(count)));
      expect([error.details.code, error.details.param, events.length]).toEqual([
        "context_length_exceeded",
        "messages",
        0,
      ]);
    }
  });

  test("refuses what is no picture, and too many tiles, before start", async () => {
    const content = (bytes: Uint8Array, count: number) =>
      Array.from({ length: count }, () => ({ type: "image" as const, bytes }));
    const wrong = await refusal({ messages: [{ role: "user", content: content(new Uint8Array(64), 1) }] });
    expect([wrong.error.details.code, wrong.events.length]).toEqual(["invalid_image", 0]);
    const many = await refusal({ messages: [{ role: "user", content: content(picture, 20) }] });
    expect([many.error.details.code, many.events.length]).toEqual(["too_many_images", 0]);
    expect((await answer(ask("Hello", { maxTokens: 1 }))).ids.length).toBe(1);
  });

  test("encodes a picture once that is shown twice, in one message or in two turns", async () => {
    const image = { type: "image" as const, bytes: picture };
    const text = { type: "text" as const, text: "And this?" };
    const twice: GenerateRequest = {
      messages: [{ role: "user", content: [image, text, image, text] }],
      sampling: greedy,
      maxTokens: 6,
      ignoreEos: true,
    };
    const inTurns: GenerateRequest = {
      ...twice,
      messages: [
        { role: "user", content: [image, text] },
        { role: "assistant", content: [text] },
        { role: "user", content: [image, text] },
      ],
    };
    const tiles = stopping.file.images[0]!.num_tiles;
    for (const request of [twice, inTurns]) {
      const first = await answer(request);
      const second = await answer(request);
      expect(second.usage).toMatchObject({ imageTiles: 2 * tiles, cachedImages: 2 });
      expect([second.text, second.ids]).toEqual([first.text, first.ids]);
    }
  });

  test("takes the model's own sampling where a request says nothing", async () => {
    const sampling = { temperature: undefined, topP: undefined, seed: 3 };
    const [first, again, other] = [
      await answer(ask("Hello", { sampling })),
      await answer(ask("Hello", { sampling: { seed: 3 } })),
      await answer(ask("Hello", { sampling: { seed: 4 } })),
    ];
    expect(first.text).toBe(again.text);
    // A checkpoint that does not sample is greedy with every seed.
    const [fresh, same] = [
      await answer(ask("Hello")),
      await answer(ask("Hello", { sampling: { temperature: 0 } })),
    ];
    expect(same.text).toBe(fresh.text);
    expect(other.text === first.text).toBe(first.text === fresh.text);
  });

  test("throws the signal's reason while a picture is prepared, and prepares it no longer", async () => {
    const reason = new Error("enough");
    const controller = new AbortController();
    const prepare = spyOn(ImagePreparer.prototype, "prepare").mockImplementation((_, { signal }) => {
      controller.abort(reason);
      return Promise.reject(signal?.reason);
    });
    const content = [{ type: "image" as const, bytes: picture }];
    const given = runtime.generate(ask("", { messages: [{ role: "user", content }] }), controller.signal);
    expect(await given.next().catch((error) => error)).toBe(reason);
    prepare.mockRestore();
  });

  test("throws the signal's reason, before and during an answer", async () => {
    const reason = new Error("enough");
    const early = runtime.generate(ask("Hello"), AbortSignal.abort(reason));
    expect(await early.next().catch((error) => error)).toBe(reason);
    const controller = new AbortController();
    const late = (async () => {
      for await (const event of runtime.generate(ask("Hello", { maxTokens: 100 }), controller.signal)) {
        if (event.type === "text") controller.abort(reason);
      }
    })();
    expect(await late.catch((error) => error)).toBe(reason);
    expect((await answer(ask("Hello", { maxTokens: 2 }))).ids.length).toBe(2);
  });
});

describe("a stop id", () => {
  test("has no text, even if its token has letters, and counts as a token", async () => {
    const { ids } = await goldenAnswer(stopping, { maxTokens: 10, ignoreEos: true });
    const at = ids.findIndex((id, i) => i > 1 && tokenizer.decode([id]).length > 1 && ids.indexOf(id) === i);
    expect(at).toBeGreaterThan(1);
    using folder = new TemporaryFolder();
    cpSync(checkpoint.directory, folder.path, { recursive: true });
    folder.write(
      "generation_config.json",
      JSON.stringify({ bos_token_id: tokenizer.bosId, eos_token_id: [ids[at]] }),
    );
    const other = await openRuntime({
      model: folder.path,
      device: process.env.LLAMAV_DEVICE,
      pipelineCache: undefined,
      contextLength,
    });
    try {
      const request = { ...await goldenRequest(stopping), sampling: greedy };
      const events = await Array.fromAsync(other.generate(request));
      const text = events.flatMap((event) => event.type === "text" ? [event.text] : []).join("");
      expect(text).toBe(tokenizer.decode(ids.slice(0, at)));
      expect(events.at(-1)).toMatchObject({ finishReason: "stop", usage: { completionTokens: at + 1 } });
    } finally {
      await other.close();
    }
  });
});

describe("openRuntime()", () => {
  test("says what it serves", () => {
    expect(runtime.model).toMatchObject({ id: checkpoint.name, path: checkpoint.directory, contextLength });
  });

  test("throws if there is no such model", async () => {
    const error = await openRuntime({ model: "/nowhere/to/be/found" }).catch((error) => error);
    expect(error).toBeInstanceOf(ModelNotFoundError);
  });

  test("gives a runtime that fails what comes after close()", async () => {
    const closed = await openGoldenRuntime(checkpoint);
    await closed.close();
    const error = await closed.generate(ask("Hello")).next().catch((error) => error);
    expect(error).toBeInstanceOf(Error);
  });
});
