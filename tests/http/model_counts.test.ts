/** What answers count, beside what the engine counts: a model of this file's own, so that every number is known. */
import { expect, setDefaultTimeout, test } from "bun:test";
import { bmp } from "../images/files.ts";
import { parseExposition } from "../support/exposition.ts";
import { until } from "../support/fake_runtime.ts";
import { goldenCases } from "../support/goldens.ts";
import { type ChatCompletion, chatCompletionOf } from "../support/openai_api.ts";
import { testLimitMs } from "../support/test_limit.ts";
import { openGoldenApp, wildQuestion } from "./golden_app.ts";
import { chat, json } from "./support.ts";

setDefaultTimeout(testLimitMs);

const checkpoint = goldenCases().find(({ file }) => file.request && file.images.length > 0)!.checkpoints[0]!;

const { app, runtime } = await openGoldenApp(checkpoint);

let asked = 0;
let drawnBefore = 0;

/** An answer, and how many tokens the engine has drawn for it: its counters come a little later than the answer. */
async function ask(body: object): Promise<ChatCompletion & { readonly drawn: number }> {
  const answer = chatCompletionOf(await json(await app.fetch(chat({ ...wildQuestion, ...body }))));
  asked++;
  const { completion_tokens: counted } = answer.usage;
  await until(() =>
    runtime.stats.requests === asked && runtime.stats.running === 0 &&
    runtime.stats.generatedTokens - drawnBefore >= counted
  );
  const { generatedTokens } = runtime.stats;
  const drawn = generatedTokens - drawnBefore;
  drawnBefore = generatedTokens;
  return { ...answer, drawn };
}

test("usage counts the tokens that were drawn, as many as max_tokens says (D19, D20)", async () => {
  for (
    const [fields, want] of [[{}, 24], [{ max_tokens: 7 }, 7], [{ max_completion_tokens: 9 }, 9]] as const
  ) {
    const { choices: [choice], usage, drawn } = await ask(fields);
    expect([choice!.finish_reason, usage.completion_tokens, drawn]).toEqual(["length", want, want]);
  }
});

test("usage counts the tokens up to the one that completes a stop text, and none behind it (D19, D21)", async () => {
  const [whole] = (await ask({ logprobs: true })).choices;
  const stop = whole!.message.content!.slice(5, 8);
  const bytes = whole!.logprobs!.content!.map(({ bytes }) => Uint8Array.from(bytes!));
  const upTo = (count: number) => Buffer.concat(bytes.slice(0, count)).toString();
  const needed = bytes.findIndex((_, at) => upTo(at + 1).includes(stop)) + 1;
  expect(needed).toBeWithin(3, 24);
  const { choices: [choice], usage, drawn } = await ask({ stop });
  expect([choice!.finish_reason, usage.completion_tokens]).toEqual(["stop", needed]);
  // Some more may be under way when the text is seen: they are nobody's.
  expect(drawn).toBeWithin(needed, 25);
});

test("a picture that was seen is not looked at again, and one with another pixel is (D47)", async () => {
  const rows = Array.from(
    { length: 30 },
    (_, y) => Array.from({ length: 90 }, (_, x) => (x * 7 + y) % 256),
  );
  const changed = structuredClone(rows);
  changed[11]![22]! ^= 0x80;
  const told = [];
  for (const picture of [rows, rows, changed]) {
    const bytes = bmp({ width: 30, height: 30, bits: 24, rows: picture });
    const image_url = { url: `data:image/bmp;base64,${Buffer.from(bytes).toString("base64")}` };
    const { usage } = await ask({
      messages: [{ role: "user", content: [{ type: "image_url", image_url }] }],
    });
    told.push([usage.llamav!.image_cache_hits, usage.llamav!.image_ms > 0]);
  }
  expect(told).toEqual([[0, true], [1, false], [0, true]]);
  const metrics = parseExposition(await (await app.fetch(new Request("http://localhost/metrics"))).text());
  const counted = (name: string) => metrics.get(`llamav_image_cache_${name}_total`)!.samples[0]!.value;
  expect([counted("hits"), counted("misses")]).toEqual([1, 2]);
});
