import { expect, test } from "bun:test";
import fc from "fast-check";
import { chat, json, testApp } from "./support.ts";

const { app } = testApp();

/** Pieces that get a random body past the first checks. */
const plausible = fc.oneof(
  fc.constantFrom<unknown>(
    "tiny",
    "user",
    "assistant",
    "tool",
    "text",
    "image_url",
    "function",
    "data:,",
    "{}",
    "",
  ),
  fc.constantFrom<unknown>(null, true, false, 0, -1, 1, 1.5, 2 ** 53, -0, [], {}),
  fc.jsonValue({ maxDepth: 3 }) as fc.Arbitrary<unknown>,
);

const part = fc.oneof(
  plausible,
  fc.record({ type: plausible, text: plausible, image_url: plausible }, { requiredKeys: [] }),
);
const call = fc.record({ id: plausible, function: fc.record({ name: plausible, arguments: plausible }) });
const message = fc.oneof(
  plausible,
  fc.record({
    role: fc.constantFrom<unknown>("system", "developer", "user", "assistant", "tool", "function", "x", 1),
    content: fc.oneof(plausible, fc.array(part, { maxLength: 3 })),
    tool_calls: fc.oneof(plausible, fc.array(call, { maxLength: 2 })),
    tool_call_id: plausible,
    name: plausible,
  }, { requiredKeys: [] }),
);

const fields = [
  "temperature",
  "top_p",
  "top_k",
  "seed",
  "stop",
  "n",
  "max_tokens",
  "tools",
  "tool_choice",
  "logit_bias",
  "logprobs",
  "top_logprobs",
  "min_tokens",
  "stop_token_ids",
];
const more = [
  "stream",
  "stream_options",
  "response_format",
  "chat_template_kwargs",
  "user",
  "__proto__",
  "modalities",
];

const body = fc.record({
  model: fc.oneof({ weight: 9, arbitrary: fc.constant<unknown>("tiny") }, {
    weight: 1,
    arbitrary: plausible,
  }),
  messages: fc.oneof(plausible, fc.array(message, { maxLength: 4 })),
  more: fc.dictionary(fc.constantFrom(...fields, ...more), plausible, { maxKeys: 3 }),
}).map(({ more, ...rest }) => ({ ...rest, ...more }));

test("no JSON body makes the server fail: every answer is a 200, 400 or 404 with the right shape", async () => {
  await fc.assert(
    fc.asyncProperty(body, async (value) => {
      const response = await app.fetch(chat(value));
      expect([200, 400, 404]).toContain(response.status);
      if (response.status === 200) return void await response.text();
      const { error } = await json(response);
      expect(Object.keys(error).sort()).toEqual(["code", "message", "param", "type"]);
      expect(error.message.length).toBeLessThan(500);
    }),
    { seed: 21, numRuns: 3000 },
  );
});

test("no bytes make the server fail", async () => {
  const json = fc.json().map((text) => new TextEncoder().encode(text));
  const cut = fc.tuple(json, fc.nat(), fc.nat(255)).map(([bytes, at, value]) => {
    const changed = Uint8Array.from(bytes);
    changed[at % Math.max(1, changed.length)] = value;
    return changed;
  });
  await fc.assert(
    fc.asyncProperty(fc.oneof(fc.uint8Array(), cut), async (bytes) => {
      const response = await app.fetch(chat(bytes));
      expect(response.status).toBe(400);
    }),
    { seed: 22, numRuns: 2000 },
  );
});
