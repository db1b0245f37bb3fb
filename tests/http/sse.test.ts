/** Events of a text alone are put together from pieces that were serialized before: they must be what the whole is. */
import { expect, setDefaultTimeout, test } from "bun:test";
import { type Answering, ChatWriter } from "../../src/http/chat_answer.ts";
import { chunk } from "../../src/http/chat_response.ts";
import type { Exchange } from "../../src/http/exchange.ts";
import { plainEvent, plainEventAround } from "../../src/http/sse.ts";
import type { AnswerToken } from "../../src/runtime/request.ts";
import { answer } from "../support/fake_runtime.ts";
import { testLimitMs } from "../support/test_limit.ts";
import { eventsOf, testApp } from "./support.ts";

setDefaultTimeout(testLimitMs);

/** What JSON, the event stream and the search for the text's place could take for their own. */
const texts = [
  "a",
  " the",
  "\n\ndata: [DONE]\n\n",
  '"content":""',
  '{"text":""}',
  '\\"',
  "\u2028\u2029\u0000\u001f\u007f",
  "\ud800",
  "日本 🎉 ü",
  "$& $1",
  "",
];

const envelope = { id: 'chatcmpl-"content":""', created: 1_700_000_000, model: '"content":"" \\ 日本' };

function writerOf(usage: Answering["usage"], choices = 1): ChatWriter {
  return new ChatWriter({
    exchange: {} as Exchange,
    envelope,
    choices,
    callable: false,
    logprobs: false,
    usage,
    strictOpenai: false,
  });
}

test("plainEventAround() gives what plainEvent() gives of the value with that text", () => {
  const valueOf = (content: string) => ({ ...envelope, delta: { content }, after: [null, "content"] });
  const around = plainEventAround(valueOf(""), "content");
  for (const text of texts) expect(around(text)).toBe(plainEvent(valueOf(text)));
  expect(() => plainEventAround({ content: "full" }, "content")).toThrow('holds an empty "content" 0 times');
});

test("ChatWriter writes every text as the chunk that it is, whatever else the stream carries", () => {
  const token: AnswerToken = {
    text: "a",
    bytes: Uint8Array.of(97),
    logprob: -0.5,
    alternatives: [{ text: "b", bytes: undefined, logprob: -Infinity }],
  };
  for (const usage of ["never", "at the end", "always"] as const) {
    for (const tokens of [undefined, [], [token]]) {
      const writer = writerOf(usage, 3);
      writer.write({ type: "start", promptTokens: 7, imageTiles: 0 });
      for (const [i, text] of texts.entries()) {
        const completionTokens = i + 1;
        const index = i % 3;
        const counts = {
          prompt_tokens: 7,
          completion_tokens: completionTokens,
          total_tokens: 7 + completionTokens,
        };
        const whole = chunk(
          envelope,
          { index, delta: { content: text }, tokens },
          { "never": undefined, "at the end": null, "always": counts }[usage],
        );
        expect(writer.write({ type: "text", choice: index, text, tokens, completionTokens }))
          .toBe(plainEvent(whole));
      }
    }
  }
});

test("the events of a text completion are serialized as a whole would be, texts and all", async () => {
  const { app } = testApp(() => answer(...texts));
  for (const stream_options of [undefined, { include_usage: true }]) {
    const response = await app.fetch(
      new Request("http://localhost:8000/v1/completions", {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ model: "tiny", prompt: "Hi", stream: true, stream_options }),
      }),
    );
    const stream = await response.text();
    const events = eventsOf(stream);
    expect(stream).toBe(events.map(plainEvent).join("") + "data: [DONE]\n\n");
    const streamed = events.flatMap(({ choices }) => choices.map(({ text }: { text: string }) => text));
    expect(streamed.join("")).toBe(texts.join(""));
    const usages = new Set(events.slice(0, texts.length).map((event) => event.usage));
    expect([...usages]).toEqual([stream_options ? null : undefined]);
  }
});
