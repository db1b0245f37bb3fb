import { afterAll, describe, expect, spyOn, test } from "bun:test";
import { cpSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { ModelError, ModelNotFoundError, RequestError } from "../../src/base/errors.ts";
import { greedy } from "../../src/engine/sampling.ts";
import {
  buildPlainPrompt,
  buildPrompt,
  buildRawPrompt,
  type Frontend,
  modelSampling,
  openFrontend,
} from "../../src/runtime/prompt.ts";
import type { GenerateRequest, RequestPart } from "../../src/runtime/request.ts";
import { goldenCases, goldenCheckpoints } from "../support/goldens.ts";
import { TemporaryFolder } from "../support/temporary_folder.ts";
import { goldenPicture } from "./golden_request.ts";

const frontends = new Map<string, Frontend>();
afterAll(() => {
  for (const { pictures } of frontends.values()) pictures.close();
});

function frontendOf({ directory }: { directory: string }): Frontend {
  if (!frontends.has(directory)) frontends.set(directory, openFrontend(directory));
  return frontends.get(directory)!;
}

const cases = goldenCases();
const anyPicture = goldenPicture(cases.find(({ file }) => file.images.length > 0)!.file.images[0]!.file);
const checkpoint = goldenCheckpoints()[0]!;

function user(...content: (string | Uint8Array)[]): Pick<GenerateRequest, "messages"> {
  const parts = content.map((part): RequestPart =>
    typeof part === "string" ? { type: "text", text: part } : { type: "image", bytes: part }
  );
  return { messages: [{ role: "user", content: parts }] };
}

async function refusal(promise: Promise<unknown>): Promise<RequestError> {
  const error = await promise.then(() => undefined, (error) => error);
  expect(error).toBeInstanceOf(RequestError);
  return error;
}

describe("buildPrompt()", () => {
  const frontend = frontendOf(checkpoint);

  test("gives equal pictures one hash, and others another", async () => {
    const other = cases.flatMap(({ file }) => file.images).find(({ file }) =>
      !Buffer.from(goldenPicture(file)).equals(anyPicture)
    )!;
    const request = user(anyPicture, "and", goldenPicture(other.file), "and", anyPicture.slice());
    const { images } = await buildPrompt(frontend, request, 4096);
    expect(images.map(({ hash }) => hash === images[0]!.hash)).toEqual([true, false, true]);
  });

  test("prepares pictures in the turn of who asks", async () => {
    const client = { caller: "office", user: "me" };
    const prepare = spyOn(frontend.pictures, "prepare");
    await buildPrompt(frontend, { ...user(anyPicture), client }, 4096);
    expect(prepare.mock.calls.map(([, options]) => options.client)).toEqual([client]);
    prepare.mockRestore();
  });

  test("stops where nobody wants it any more, in its text as at its pictures", async () => {
    const leaving = new AbortController();
    const { signal } = leaving;
    const gone = new Error("gone");
    const late = buildPrompt(frontend, user("word ".repeat(50_000)), 131_072, signal).catch((error) => error);
    const prepare = spyOn(frontend.pictures, "prepare").mockImplementation((_, options) => {
      leaving.abort(gone);
      return Promise.reject(options.signal?.reason);
    });
    expect(await buildPrompt(frontend, user(anyPicture), 4096, signal).catch((error) => error)).toBe(gone);
    expect(await late).toBe(gone);
    prepare.mockRestore();
    expect(await buildPlainPrompt(frontend, "text", 4096, { signal }).catch((error) => error)).toBe(gone);
  });

  test("sees no image in what a user writes", async () => {
    const { tokens, images } = await buildPrompt(frontend, user("<|image|> and <|eot_id|>"), 4096);
    expect([tokens.includes(frontend.config.imageTokenIndex), images.length]).toEqual([false, 0]);
  });

  test("refuses more than maxTokens before it looks at a picture", async () => {
    const request = user(new Uint8Array(3), "word ".repeat(500));
    expect((await refusal(buildPrompt(frontend, request, 100))).details.code).toBe("context_length_exceeded");
  });

  test("advises a larger context only where the model has more", async () => {
    const most = frontend.config.text.maxPositionEmbeddings;
    const long = user("word ".repeat(2 * most));
    const remedyOf = async (maxTokens: number) =>
      (await refusal(buildPrompt(frontend, long, maxTokens))).remedy;
    expect(await remedyOf(most - 1)).toBe("Shorten the prompt, or raise --ctx-size");
    expect(await remedyOf(most)).toBe("Shorten the prompt: the model can hold no more");
  });

  test("refuses bytes that are no picture", async () => {
    const error = await refusal(buildPrompt(frontend, user(new Uint8Array(100), "hello"), 4096));
    expect(error.details.code).toBe("invalid_image");
  });

  test("leaves the header of an answer away on request", async () => {
    const long = await buildPrompt(frontend, user("hello"), 4096);
    const short = await buildPrompt(frontend, { ...user("hello"), addGenerationPrompt: false }, 4096);
    expect(short.tokens.length).toBeLessThan(long.tokens.length);
    expect(long.tokens.slice(0, short.tokens.length)).toEqual(short.tokens);
  });
});

describe("buildRawPrompt()", () => {
  test("refuses another number of pictures than the text has marks", async () => {
    const frontend = frontendOf(checkpoint);
    for (const [text, pictures] of [["<|image|>", []], ["none", [anyPicture]]] as const) {
      const error = await refusal(buildRawPrompt(frontend, text, pictures));
      expect(error.message).toContain("<|image|>");
    }
  });
});

/** A copy of the checkpoint without its weights, with fields of its files changed. */
function changed(changes: Record<string, Record<string, unknown>>): TemporaryFolder {
  const folder = new TemporaryFolder();
  cpSync(checkpoint.directory, folder.path, {
    recursive: true,
    filter: (path) => !path.endsWith(".safetensors"),
  });
  for (const [name, fields] of Object.entries(changes)) {
    const file = JSON.parse(readFileSync(join(folder.path, name), "utf8"));
    folder.write(name, JSON.stringify({ ...file, ...fields }));
  }
  return folder;
}

describe("openFrontend()", () => {
  test("goes by the directory's name, however it is spelt", () => {
    const { id } = openFrontend(`${checkpoint.directory}/../${checkpoint.name}/`);
    expect(id).toBe(checkpoint.name);
  });

  test("refuses a directory that is not there", () => {
    expect(() => openFrontend("/nowhere/to/be/found")).toThrow(ModelNotFoundError);
  });

  test("refuses a tokenizer that gives the image token another id than the model", () => {
    using folder = changed({ "config.json": { image_token_index: 5 } });
    expect(() => openFrontend(folder.path)).toThrow(ModelError);
    expect(() => openFrontend(folder.path)).toThrow(/the id \d+, config.json says 5/);
  });

  test("refuses arrangements that are numbered otherwise than pictures are", () => {
    const { vision_config: vision } = JSON.parse(
      readFileSync(join(checkpoint.directory, "config.json"), "utf8"),
    );
    const ratios = vision.supported_aspect_ratios;
    for (const other of [ratios.toReversed(), ratios.slice(0, -1)]) {
      using folder = changed({
        "config.json": { vision_config: { ...vision, supported_aspect_ratios: other } },
      });
      expect(() => openFrontend(folder.path)).toThrow(/supported_aspect_ratios must be \[\[1,1\]/);
    }
  });

  test("refuses a tokenizer that has more tokens than the model has embeddings", () => {
    using folder = changed({});
    const tokenizer = JSON.parse(readFileSync(join(folder.path, "tokenizer.json"), "utf8"));
    const { text } = frontendOf(checkpoint).config;
    const add = (id: number) => {
      const added = { ...tokenizer.added_tokens[0], id, content: "<|one_more|>" };
      folder.write(
        "tokenizer.json",
        JSON.stringify({ ...tokenizer, added_tokens: [...tokenizer.added_tokens, added] }),
      );
      return openFrontend(folder.path);
    };
    expect(add(text.vocabSize + 7).tokenizer.vocabularySize).toBe(text.vocabSize + 8);
    expect(() => add(text.vocabSize + 8)).toThrow(ModelError);
  });
});

describe("modelSampling()", () => {
  function sampling(generation: Record<string, unknown>) {
    using folder = changed({ "generation_config.json": generation });
    return modelSampling(openFrontend(folder.path));
  }
  const off = { temperature: null, top_p: null, top_k: null, repetition_penalty: null };

  test("is greedy when the checkpoint does not sample, whatever else it says", () => {
    expect(sampling({ ...off, do_sample: false, temperature: 0.6, top_p: 0.9 })).toEqual(greedy);
    expect(sampling({ ...off, do_sample: null })).toEqual(greedy);
  });

  test("takes the checkpoint's numbers, and 50 best tokens where it has none", () => {
    expect(sampling({ ...off, do_sample: true })).toEqual({ ...greedy, temperature: 1, topK: 50 });
    const all = { do_sample: true, temperature: 0.6, top_p: 0.9, top_k: 0, repetition_penalty: 1.1 };
    expect(sampling(all)).toEqual({
      ...greedy,
      temperature: 0.6,
      topP: 0.9,
      topK: 0,
      repetitionPenalty: 1.1,
    });
  });
});
