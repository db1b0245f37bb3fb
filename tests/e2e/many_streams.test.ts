/** Many at once: the executable with its own model, asked by more clients than it can serve at the same time. */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { type ServedModel, serveModel } from "../support/executable.ts";
import { testLimitMs } from "../support/test_limit.ts";
import { messagesAbout, readStream, type Word, wordTokens } from "./streams.ts";

setDefaultTimeout(testLimitMs);

/** Streams at a time, and tokens of each. */
const [streamCount, length] = [200, 4];
/** What every fourth asks about; the others ask about nothing. */
const pictures = ["scene.png", "first.png", "number.jpg"];
let server: ServedModel;
let words: readonly Word[];

beforeAll(async () => {
  server = await serveModel(undefined, ["--max-num-queued-reqs", String(streamCount)]);
  words = await wordTokens(server.url, streamCount);
});

afterAll(async () => expect(await server.stop()).toBe(0));

/** A request whose answer is one word again and again: nobody else is answered with it. */
function asking(word: Word, maxTokens: number): object {
  return { temperature: 0, max_tokens: maxTokens, logit_bias: { [word.id]: 100 } };
}

/** What stream number `i` asks, and the only answer that it can have. */
function numbered(i: number): { body: object; text: string; finishReason: string } {
  const user = `user ${i % 7}`;
  if (i % 8 === 1) {
    // Words in an order that shows when pieces change places.
    const text = `Stream ${i} of ${streamCount}`;
    const messages = messagesAbout(undefined, "Who are you?");
    return { body: { user, messages, choice: [text], max_tokens: 64 }, text, finishReason: "stop" };
  }
  const word = words[i]!;
  const picture = i % 4 === 0 ? pictures[i / 4 % pictures.length] : undefined;
  const messages = messagesAbout(picture, `Question ${i}`);
  return {
    body: { user, messages, ...asking(word, length) },
    text: word.text.repeat(length),
    finishReason: "length",
  };
}

test("two hundred streams at once: none lost, none mixed up, each in its order", async () => {
  const asked = Array.from({ length: streamCount }, (_, i) => numbered(i));
  const answers = await Promise.all(asked.map(({ body }) => readStream(server.url, body)));
  for (const [i, answer] of answers.entries()) {
    const { text, finishReason } = asked[i]!;
    expect({ i, ...answer }).toEqual({
      i,
      status: 200,
      retryAfter: undefined,
      text,
      ids: [expect.any(String)],
      // Every token once and in its turn, also where the text is one word again and again.
      counts: answer.counts.map((_, at) => at + 1),
      finishReasons: [finishReason],
      dones: 1,
    });
    if (finishReason === "length") expect(answer.counts).toHaveLength(length);
  }
  expect(new Set(answers.flatMap(({ ids }) => ids)).size).toBe(streamCount);
});

test("over the queue's limit 429, and who waits as long as Retry-After says is served", async () => {
  await using small = await serveModel(undefined, ["--max-num-seqs", "2", "--max-num-queued-reqs", "4"]);
  let refusals = 0;
  // Ten ask, six have a place, and the four others fit when these are answered.
  const mostWaits = 3;
  const obedient = async (word: Word) => {
    const body = { ...asking(word, 16), messages: messagesAbout(undefined, "Hello") };
    // The wait is an estimate: whoever comes back meets others who were told the same.
    for (let attempt = 0; attempt <= mostWaits; attempt++) {
      const { status, text, retryAfter } = await readStream(small.url, body);
      if (status === 200) return text;
      expect(status).toBe(429);
      expect(retryAfter).toBeWithin(1, 61);
      refusals++;
      await Bun.sleep(retryAfter! * 1000);
    }
    throw new Error(`Refused ${mostWaits + 1} times`);
  };
  const asked = words.slice(0, 10);
  expect(await Promise.all(asked.map(obedient))).toEqual(asked.map(({ text }) => text.repeat(16)));
  expect(refusals).toBeGreaterThan(0);
});

test("clients take turns: who asks for little is not behind one who asks for much", async () => {
  await using narrow = await serveModel(undefined, ["--max-num-seqs", "1"]);
  const left = new AbortController();
  const ended: string[] = [];
  const ask = async (user: string, i: number) => {
    const body = { ...asking(words[i]!, 8), messages: messagesAbout(undefined, `${user} ${i}`), user };
    expect((await readStream(narrow.url, body, { signal: left.signal })).status).toBe(200);
    ended.push(user);
  };
  const flood = Array.from({ length: 40 }, (_, i) => ask("flood", i));
  await flood[0];
  // All at once: between two questions a busy machine could let many of the flood pass.
  await Promise.all(["calm", "quiet", "patient"].flatMap((user) => [0, 1, 2].map((i) => ask(user, i))));
  // In the order of their arrival all forty would have been first.
  expect(ended.filter((user) => user === "flood").length).toBeLessThan(20);
  left.abort();
  await Promise.allSettled(flood);
});

test("O13 a client that takes every place does not keep another out for ever", async () => {
  const keys = ["flood", "calm"].flatMap((key) => ["--api-key", key]);
  await using narrow = await serveModel(undefined, [
    ...["--max-num-seqs", "1", "--max-num-queued-reqs", "7"],
    ...keys,
  ]);
  const ask = (key: string, i: number) =>
    readStream(narrow.url, { ...asking(words[i]!, 16), messages: messagesAbout(undefined, "Hello") }, {
      key,
    });
  let goesOn = true;
  const flood = Array.from({ length: 24 }, async (_, i) => {
    // Does not wait as it is told to, and takes every place as soon as it is free.
    while (goesOn) if ((await ask("flood", i)).status === 429) await Bun.sleep(5);
  });
  const served: string[] = [];
  const until = performance.now() + 90_000;
  while (served.length < 3 && performance.now() < until) {
    const { status, text, retryAfter } = await ask("calm", 30);
    if (status === 200) served.push(text);
    else {
      expect(status).toBe(429);
      await Bun.sleep(retryAfter! * 1000);
    }
  }
  goesOn = false;
  await Promise.all(flood);
  // After how many refusals is a matter of time here, and of none in the tests of the admission.
  expect(served).toEqual(Array(3).fill(words[30]!.text.repeat(16)));
});
