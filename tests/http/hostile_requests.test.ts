/** Rows P, I and D of the security notes and of the HTTP contract that need a model: odd pictures, odd sizes. */
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { readFileSync } from "node:fs";
import { silentLog } from "../../src/base/log.ts";
import { type App, createApp } from "../../src/http/app.ts";
import { pictureLoader } from "../../src/runtime/pictures.ts";
import type { Runtime } from "../../src/runtime/request.ts";
import { buildShaders } from "../../tools/build_shaders.ts";
import { bmp, gif, pngHeader } from "../images/files.ts";
import { openGoldenRuntime } from "../support/golden_runtime.ts";
import { goldenCases, goldenImagePath } from "../support/goldens.ts";
import { parseExposition } from "../support/exposition.ts";
import { until } from "../support/fake_runtime.ts";
import { testLimitMs } from "../support/test_limit.ts";
import { chat, eventsOf, json } from "./support.ts";

buildShaders();
setDefaultTimeout(testLimitMs);

const checkpoint = goldenCases().find(({ file }) =>
  file.request && file.images.some((image) => image.num_tiles > 1)
)!.checkpoints[0]!;

let runtime: Runtime;
let app: App;
beforeAll(async () => {
  runtime = await openGoldenRuntime(checkpoint, { contextLength: 192, imageTiles: 32, maxSequences: 2 });
  app = createApp({
    version: "1.2.3",
    log: silentLog,
    loadPicture: pictureLoader({ allowRemote: true, allowPrivate: true }),
  });
  app.serve(runtime);
});
afterAll(() => runtime.close());

const golden = (name: string) => readFileSync(goldenImagePath(name));
const dataUrl = (bytes: Uint8Array, type = "png") =>
  `data:image/${type};base64,${Buffer.from(bytes).toString("base64")}`;
const show = (...urls: string[]) => ({
  model: "default",
  temperature: 0,
  ignore_eos: true,
  max_tokens: 4,
  messages: [{
    role: "user",
    content: [...urls.map((url) => ({ type: "image_url", image_url: { url } })), { type: "text", text: "?" }],
  }],
});

interface Asked {
  readonly status: number;
  readonly text?: string;
  readonly hits?: number;
  readonly tiles?: number;
  readonly error?: { readonly code: string; readonly message: string; readonly param: string };
}

/** Requests that the engine has answered. Its counters come a little later than its answers. */
let answered = 0;

async function ask(body: object): Promise<Asked> {
  const response = await app.fetch(chat(body));
  const { choices, usage, error } = await json(response);
  const { status } = response;
  if (status !== 200) return { status, error };
  answered++;
  const { image_cache_hits: hits, image_tiles: tiles } = usage.llamav;
  return { status, text: choices[0].message.content, hits, tiles };
}

test("D42 one picture by data URL and by http URL gives one answer, and is one in the cache", async () => {
  using server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    fetch: () => new Response(golden("s_50x44.png")),
  });
  const byData = await ask(show(dataUrl(golden("s_50x44.png"))));
  const byUrl = await ask(show(`http://127.0.0.1:${server.port}/a.png`));
  expect([byData.status, byUrl.status, byData.hits, byUrl.hits]).toEqual([200, 200, 0, 1]);
  expect(byUrl.text).toBe(byData.text!);
});

describe("D43 I13 every kind of picture that is taken gets an answer:", () => {
  const names = [
    ...[
      "s_25x80_rgba.png",
      "gray.png",
      "s_110x25_pal.png",
      "rgb16_interlaced.png",
      "animated.png",
      "one_bit.png",
    ],
    ...["cmyk.jpg", "progressive.jpg", "exif_6.jpg", "lossy_alpha.webp", "animated.webp", "animated.gif"],
    "palette.bmp",
  ];
  for (const name of names) {
    // The media type is wrong on purpose: nobody looks at it.
    test(name, async () => expect((await ask(show(dataUrl(golden(name), "x")))).status).toBe(200));
  }
});

describe("D44 I11 I12 a picture of an odd size or of none gets an answer or a 400, and the next one an answer:", () => {
  const plain = (width: number, height: number) =>
    bmp({ width, height, bits: 1, palette: [0, 0, 0, 0, 255, 255, 255, 0], rows: rowsOf(width, height) });
  const rowsOf = (width: number, height: number) =>
    Array(height).fill(Array(Math.ceil(width / 8)).fill(0xa5));
  const files: Record<string, [Uint8Array, number]> = {
    "1 x 1": [plain(1, 1), 200],
    "1 x 10,000": [plain(1, 10_000), 200],
    "10,000 x 1": [plain(10_000, 1), 200],
    "20,000 x 1": [plain(20_000, 1), 200],
    "560 x 561": [plain(560, 561), 200],
    "0 x 10": [plain(0, 10), 400],
    "declared 50,000 x 50,000": [pngHeader(50_000, 50_000), 400],
    "declared 2^31 - 1": [pngHeader(2 ** 31 - 1, 2 ** 31 - 1), 400],
    "GIF of 65,535 x 65,535": [gif({ screen: [65_535, 65_535], frame: [0, 0, 1, 1] }), 400],
    "cut off": [golden("gray.png").subarray(0, 100), 400],
    "of no known kind": [Buffer.from("<svg xmlns='http://www.w3.org/2000/svg'/>"), 400],
    "empty but for its magic": [golden("gray.png").subarray(0, 8), 400],
  };
  for (const [name, [bytes, status]] of Object.entries(files)) {
    test(name, async () => {
      const answer = await ask(show(dataUrl(bytes)));
      expect(answer.status).toBe(status);
      if (status === 400) {
        expect(answer.error).toMatchObject({
          code: "invalid_image",
          param: "messages[0].content[0].image_url",
        });
      }
      expect((await ask(show(dataUrl(golden("s_24x20.png"))))).status).toBe(200);
    });
  }
});

test("I15 as many pictures as are allowed are taken, one more is not, and equal ones are one", async () => {
  const url = dataUrl(golden("one_pixel.png"));
  await until(() => runtime.stats.requests === answered);
  const { imageHits, imageMisses } = runtime.stats;
  expect((await ask(show(...Array(8).fill(url)))).status).toBe(200);
  await until(() => runtime.stats.imageMisses > imageMisses);
  expect([runtime.stats.imageHits - imageHits, runtime.stats.imageMisses - imageMisses]).toEqual([7, 1]);
  for (const count of [9, 100]) {
    expect((await ask(show(...Array(count).fill(url)))).error).toMatchObject({ code: "too_many_images" });
  }
});

test("P12 pictures of equal bytes and another shape, or another mode, are not one in the cache", async () => {
  const white = (width: number, height: number) =>
    bmp({ width, height, bits: 24, rows: Array(height).fill(Array(width * 3).fill(255)) });
  const answers = [];
  for (const bytes of [white(40, 60), white(60, 40), white(40, 60)]) {
    answers.push(await ask(show(dataUrl(bytes))));
  }
  expect(answers.map(({ hits }) => hits)).toEqual([0, 0, 1]);
  expect(answers[2]!.text).toBe(answers[0]!.text!);

  // The same payload as numbers of two palettes, and as colours with a fourth channel.
  const rows = Array.from({ length: 40 }, (_, y) => Array.from({ length: 40 }, (_, x) => (x + y) % 2));
  const palette = (...second: number[]) =>
    bmp({ width: 40, height: 40, bits: 8, palette: [0, 0, 0, 0, ...second], rows });
  const red = palette(0, 0, 255, 0);
  const modes = [red, palette(255, 0, 0, 0), bmp({ width: 10, height: 40, bits: 32, rows }), red];
  const seen = [];
  for (const bytes of modes) seen.push(await ask(show(dataUrl(bytes))));
  expect(seen.map(({ status, hits }) => [status, hits])).toEqual([[200, 0], [200, 0], [200, 0], [200, 1]]);
  expect(seen[3]!.text).toBe(seen[0]!.text!);
});

test("D46 I03 a file of this machine is read for nobody", async () => {
  for (const url of [`file://${goldenImagePath("gray.png")}`, goldenImagePath("gray.png"), "../gray.png"]) {
    const { status, error } = await ask(show(url));
    expect([status, error!.message]).toEqual([400, expect.stringMatching(/^Cannot fetch the image/)]);
    expect(error!.message).not.toContain("gray");
  }
});

test("P06 a thousand prompts that are too long are refused, and the next one is answered", async () => {
  const long = { ...show(), messages: [{ role: "user", content: "word ".repeat(400) }] };
  for (let i = 0; i < 1000; i++) {
    const { status, error } = await ask(long);
    expect([status, error!.code]).toEqual([400, "context_length_exceeded"]);
  }
  expect((await ask(show())).status).toBe(200);
  expect(runtime.stats.waiting).toBe(0);
});

const post = (path: string, body: object) =>
  new Request(`http://localhost:8000${path}`, chat({ model: "default", ...body }));

/** A refusal of a prompt that is too long, at once, with the limit and what there is. */
async function expectTooLong(request: Request, param: string, message: RegExp): Promise<void> {
  const begin = performance.now();
  const response = await app.fetch(request);
  // A tenth of it where nothing else runs; ten megabytes that are encoded to their end take longer than all of it.
  expect(performance.now() - begin).toBeLessThan(2000);
  const { error } = await json(response);
  expect([response.status, error]).toEqual([400, {
    message: expect.stringMatching(message),
    type: "invalid_request_error",
    param,
    code: "context_length_exceeded",
  }]);
}

test("P03 D41 a prompt that is too long is refused by its size, as text and as ids, while a stream goes on", async () => {
  const going = { ...show(), stream: true, max_tokens: 100 };
  const alone = await (await app.fetch(chat(going))).text();
  const stream = (await app.fetch(chat(going))).body!.getReader();
  const pieces = [(await stream.read()).value!];

  const messages = [{ role: "user", content: "a b ".repeat(2_500_000) }];
  const most = /at most 192 tokens, and it has at least \d{4,}\./;
  await expectTooLong(chat({ ...show(), messages }), "messages", most);
  await expectTooLong(post("/v1/completions", { prompt: messages[0]!.content }), "prompt", most);
  for (const count of [193, 131_073]) {
    const counts = new RegExp(`prompt of ${count} tokens and 1 new ones exceed the context of 192`);
    const ids = Array<number>(count).fill(7);
    await expectTooLong(post("/v1/completions", { prompt: ids }), "prompt", counts);
  }

  for (let step = await stream.read(); !step.done; step = await stream.read()) pieces.push(step.value);
  const contents = (text: string) => [...text.matchAll(/"delta":(\{[^}]*\})/g)].map(([, delta]) => delta);
  const went = Buffer.concat(pieces).toString();
  expect(went).toEndWith("data: [DONE]\n\n");
  expect(contents(went)).toEqual(contents(alone));
});

test("P03 as many ids as the longest context has are a text again", async () => {
  const response = await app.fetch(post("/detokenize", { tokens: Array<number>(131_072).fill(7) }));
  const { prompt } = await json(response);
  expect([response.status, prompt.length % 131_072, prompt.length > 0]).toEqual([200, 0, true]);
});

test("P09 D21 a stop text that is a space, or lies across tokens, is in no answer and in no piece of one", async () => {
  const wild = { ...show(), temperature: 2, seed: 5, max_tokens: 60 };
  const { text } = await ask(wild);
  const whole = text!;
  expect(whole.length).toBeGreaterThan(20);
  // Two characters from the middle of it, wherever its tokens end.
  const cases: [object, string, string][] = [6, 9, 13].map((at) => [wild, whole, whole.slice(at, at + 2)]);
  const words = "some words and more";
  cases.push([{ ...show(), ignore_eos: false, choice: [words], max_tokens: 60 }, words, " "]);
  for (const [body, full, stop] of cases) {
    const cut = full.slice(0, full.indexOf(stop));
    expect((await ask({ ...body, stop })).text).toBe(cut);
    const streamed = await (await app.fetch(chat({ ...body, stop, stream: true }))).text();
    const pieces = eventsOf(streamed).map(({ choices }) => choices[0]?.delta.content ?? "");
    expect([pieces.join(""), pieces.some((piece) => piece.includes(stop))]).toEqual([cut, false]);
  }
});

test("D48 a router that scrapes sees the queue rise, and fall to nothing", async () => {
  const scrape = async (...names: string[]) => {
    const text = await (await app.fetch(new Request("http://localhost:8000/metrics"))).text();
    const metrics = parseExposition(text);
    return names.map((name) => metrics.get(`vllm:${name}`)!.samples[0]!.value);
  };
  const load = () => scrape("num_requests_running", "num_requests_waiting", "kv_cache_usage_perc");
  const [before] = await scrape("generation_tokens_total");
  // Two run at a time: it takes longer than the counters do, which come four times a second.
  const asked = Array.from({ length: 12 }, (_, seed) => ask({ ...show(), seed, max_tokens: 100 }));
  let isOver = false;
  const ended = Promise.all(asked).finally(() => isOver = true);
  const seen: number[][] = [];
  while (!isOver) {
    seen.push(await load());
    await Bun.sleep(20);
  }
  expect(seen.some(([running, waiting]) => running! > 0 && waiting! > 0)).toBe(true);
  expect(seen.every(([, , usage]) => usage! >= 0 && usage! <= 1)).toBe(true);
  expect((await ended).every(({ status }) => status === 200)).toBe(true);
  let [running, waiting, usage] = await load();
  for (let i = 0; i < 200 && running! + waiting! > 0; i++) {
    await Bun.sleep(20);
    [running, waiting, usage] = await load();
  }
  expect([running, waiting, usage]).toEqual([0, 0, 0]);
  expect((await scrape("generation_tokens_total"))[0]! - before!).toBeGreaterThanOrEqual(12 * 100);
});
