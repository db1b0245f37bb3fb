import { afterAll, describe, expect, spyOn, test } from "bun:test";
import { type Encoding, Tokenizer as ReferenceEncoder } from "@huggingface/tokenizers";
import fc from "fast-check";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ModelError, ModelNotFoundError } from "../../src/base/errors.ts";
import { StreamDecoder } from "../../src/tokenizer/stream_decoder.ts";
import { textSlices } from "../../src/tokenizer/text_slices.ts";
import { openTokenizer } from "../../src/tokenizer/tokenizer.ts";
import { goldensRoot } from "../support/goldens.ts";

const directory = join(goldensRoot, "checkpoints/tiny-mllama");
const tokenizer = openTokenizer(directory);
const controlTexts = [
  "<|begin_of_text|>",
  "<|eot_id|>",
  "<|image|>",
  "<|python_tag|>",
  "<|start_header_id|>",
];

/** Text out of everything that decides where tokens end, control tokens and their pieces among it. */
const text = fc.array(
  fc.oneof(
    fc.constantFrom(...controlTexts, "<|", "|>", "<|eot", "_id|>", "<", "|", "it's", "DON'T", "ſ"),
    fc.constantFrom(" ", "  ", "\n", "\r\n", "\t", "\u00a0", "\u0085", "\u3000", "\ufeff", "\u0000"),
    fc.constantFrom(
      "abc",
      "Ⅷ",
      "123",
      "4567890",
      "é",
      "e\u0301",
      "日本語",
      "😀",
      "👩‍👩‍👧",
      "\ud800",
      "...",
      '{"a": 1}',
    ),
    fc.string({ unit: "binary", maxLength: 6 }),
  ),
  { maxLength: 12 },
).map((parts) => parts.join(""));

test("Tokenizer knows its control tokens and its size", () => {
  expect(tokenizer.bosToken).toBe("<|begin_of_text|>");
  expect(tokenizer.bosId).toBe(512);
  expect(tokenizer.controlId("<|image|>")).toBe(768);
  expect(tokenizer.controlText(768)).toBe("<|image|>");
  expect(tokenizer.controlId("abc")).toBeUndefined();
  expect(tokenizer.vocabularySize).toBe(769);
  expect([511, 512, 768, 769].map((id) => tokenizer.isControl(id))).toEqual([false, true, true, false]);
  expect(tokenizer.tokenBytes(100_000)).toHaveLength(0);
});

test("Tokenizer.wholeText() is the text of a token alone, where that is whole characters", () => {
  for (let id = 0; id <= tokenizer.vocabularySize; id++) {
    const text = tokenizer.wholeText(id);
    if (text === undefined) expect(tokenizer.decode([id])).toContain("\ufffd");
    else expect([...new TextEncoder().encode(text)]).toEqual([...tokenizer.tokenBytes(id)]);
    expect(tokenizer.wholeText(id)).toBe(text!);
  }
  const texts = (text: string) =>
    tokenizer.encode(text, { control: true }).map((id) => tokenizer.wholeText(id));
  // "é" is two tokens in this vocabulary.
  expect(["a", "é", "<|image|>"].map(texts)).toEqual([["a"], [undefined, undefined], [""]]);
});

test("Tokenizer.encode() never gives a control id for text that is not control text, and loses no byte of it", () => {
  fc.assert(fc.property(text, (text) => {
    const ids = tokenizer.encode(text, { control: false });
    expect(ids.filter((id) => tokenizer.isControl(id) || !(id >= 0 && id < 512))).toEqual([]);
    expect(tokenizer.decode(ids)).toBe(text.toWellFormed());
  }));
});

test("Tokenizer.encode() gives what the reference gives when control tokens are seen", () => {
  const file = JSON.parse(readFileSync(join(directory, "tokenizer.json"), "utf8"));
  const reference = new ReferenceEncoder(file, {});
  fc.assert(fc.property(text, (text) => {
    const expected = text === "" ? [] : reference.encode(text, { add_special_tokens: false }).ids;
    expect(tokenizer.encode(text, { control: true })).toEqual(expected);
  }));
});

test("Tokenizer.encodeSegments() encodes text across a border as one text", () => {
  const whole = tokenizer.encode("hello\n\nhello", { control: false });
  const segments = ["hello\n", "\nhel", "lo"].map((text, i) => ({ text, control: i === 0 }));
  expect(tokenizer.encodeSegments(segments)).toEqual(whole);
});

test("Tokenizer.encodeSegments() sees no control token that segments make up together", () => {
  fc.assert(
    fc.property(fc.array(text, { maxLength: 4 }), fc.integer({ min: 1, max: 8 }), (texts, at) => {
      for (const token of controlTexts) {
        // A half that the template prints, and a half that a caller adds.
        const halves = [{ text: token.slice(0, at), control: true }, {
          text: token.slice(at),
          control: false,
        }];
        const others = texts.map((text) => ({ text, control: false }));
        const ids = tokenizer.encodeSegments([...others, ...halves, ...others]);
        expect(ids.some((id) => tokenizer.isControl(id))).toBe(false);
      }
    }),
    { numRuns: 30 },
  );
});

test("textSlices() cuts only where the tokens of the whole text end", () => {
  const joint = fc.constantFrom(" x", "", "\n", "a1", "é.", "\u{1d400}");
  const texts = fc.array(fc.tuple(text, joint), { minLength: 20, maxLength: 60 }).map((parts) =>
    parts.flat().join("")
  );
  fc.assert(
    fc.property(texts, fc.integer({ min: 1, max: 20 }), (text, length) => {
      const slices = [...textSlices(text, length)];
      expect(slices.join("")).toBe(text);
      expect(slices.flatMap((slice) => tokenizer.encode(slice, { control: false })))
        .toEqual(tokenizer.encode(text, { control: false }));
    }),
    { numRuns: 60 },
  );
});

test("Tokenizer.encodeSegments() stops at maxTokens instead of encoding megabytes (P03)", () => {
  // Not so long that its length tells, and several slices of more than a thousand tokens each.
  const segments = [{ text: "a b ".repeat(4000), control: false }];
  const spy = spyOn(ReferenceEncoder.prototype, "encode");
  try {
    expect(() => tokenizer.encodeSegments(segments, { maxTokens: 1000 })).toThrow(
      /at most 1000 tokens, and it has at least [1-9]\d{3,}$/,
    );
    expect(spy).toHaveBeenCalledTimes(1);
  } finally {
    spy.mockRestore();
  }
  expect(tokenizer.encodeSegments([{ text: "<|eot_id|>", control: true }], { maxTokens: 1 })).toEqual([
    520 + 1,
  ]);
  expect(() => tokenizer.encodeSegments([{ text: "<|eot_id|>".repeat(2), control: true }], { maxTokens: 1 }))
    .toThrow("at most 1 tokens, and it has 2");
});

test("Tokenizer.encode() refuses a run of more than 32 Ki characters of one kind, and takes long lines", () => {
  for (const character of [" ", "a", "1", "!", "\n", "\u{1d400}"]) {
    expect(() => tokenizer.encode(character.repeat(50_000), { control: false })).toThrow("32768 times");
  }
  for (const line of ["a1".repeat(50_000), "a,b\n".repeat(20_000), "日本語。".repeat(20_000)]) {
    expect(tokenizer.decode(tokenizer.encode(line, { control: false }))).toBe(line);
  }
});

test("Tokenizer.encodeSegments() sees by its length that a text has too many tokens", () => {
  // Its first run would be refused for another reason.
  const segments = [{ text: " ".repeat(30e6), control: false }];
  expect(() => tokenizer.encodeSegments(segments, { maxTokens: 8192 })).toThrow(
    /at most 8192 tokens, and it has at least \d{5,}$/,
  );
  expect(tokenizer.encodeSegments([{ text: "a".repeat(5), control: false }], { maxTokens: 5 })).toHaveLength(
    5,
  );
});

test("Tokenizer.encodeInTurns() gives the same ids, and lets others work in between", async () => {
  const segments = [
    { text: "<|begin_of_text|>", control: true },
    { text: "some words, 1234 ".repeat(10_000), control: false },
    { text: "<|eot_id|>", control: true },
  ];
  let turns = 0;
  let running = true;
  const others = async () => {
    while (running) {
      turns++;
      await new Promise((resolve) => setImmediate(resolve));
    }
  };
  const working = others();
  const ids = await tokenizer.encodeInTurns(segments);
  running = false;
  await working;
  expect(ids).toEqual(tokenizer.encodeSegments(segments));
  expect(turns).toBeGreaterThan(10); // 170,000 characters are 20 slices
  await expect(tokenizer.encodeInTurns(segments, { maxTokens: 100 })).rejects.toThrow(
    /at most 100 tokens, and it has at least \d{3,}$/,
  );
});

type EncodeOptions = Parameters<ReferenceEncoder["encode"]>[1];
type Encode = (text: string, options: EncodeOptions) => Encoding & { token_type_ids: number[] };

describe("Tokenizer.encodeInTurns()", () => {
  const tick = () => new Promise((resolve) => setImmediate(resolve));
  const long = [{ text: "some words, 1234 ".repeat(10_000), control: false }];
  /** Counts the bits of texts that are encoded, and runs `each` after every one. */
  const watchBits = (each: (bits: number, text: string) => void) => {
    let bits = 0;
    const encode = ReferenceEncoder.prototype.encode as Encode;
    return spyOn(ReferenceEncoder.prototype, "encode").mockImplementation(
      function (this: ReferenceEncoder, text: string, options?: EncodeOptions) {
        each(++bits, text);
        return encode.call(this, text, options);
      },
    );
  };

  test("stops in the middle of a text that nobody wants any more", async () => {
    const leaving = new AbortController();
    const spy = watchBits((bits) => {
      if (bits === 3) leaving.abort(new Error("gone"));
    });
    try {
      await expect(tokenizer.encodeInTurns(long, { signal: leaving.signal })).rejects.toThrow("gone");
      for (let i = 0; i < 5; i++) await tick();
      expect(spy).toHaveBeenCalledTimes(3);
    } finally {
      spy.mockRestore();
    }
  });

  /** For each bit, the turns that the rest of the process has had before it, and its characters. */
  const turnsAtBits = async (encode: () => Promise<unknown>) => {
    let turns = 0;
    let running = true;
    const seen: { turn: number; characters: number }[] = [];
    const spy = watchBits((_, { length }) => seen.push({ turn: turns, characters: length }));
    const working = (async () => {
      for (; running; turns++) await tick();
    })();
    try {
      await encode();
    } finally {
      running = false;
      await working;
      spy.mockRestore();
    }
    return seen;
  };

  test("lets the rest of the process work between any two bits of many texts", async () => {
    const bits = await turnsAtBits(() =>
      Promise.all(Array.from({ length: 8 }, () => tokenizer.encodeInTurns(long)))
    );
    expect(bits.length).toBeGreaterThan(8 * 10);
    expect(new Set(bits.map(({ turn }) => turn)).size).toBe(bits.length);
  });

  test("encodes a conversation of short messages in as many turns as one text of its length", async () => {
    const conversation = (messages: number) =>
      Array.from({ length: messages }, () => [
        { text: "<|start_header_id|>", control: true },
        { text: "some words, 1234 ".repeat(6), control: false },
        { text: "<|eot_id|>", control: true },
      ]).flat();
    const turnsOf = async (messages: number) => {
      const bits = await turnsAtBits(() => tokenizer.encodeInTurns(conversation(messages)));
      expect(bits.length).toBe(messages);
      return Map.groupBy(bits, ({ turn }) => turn).values()
        .map((together) => together.reduce((sum, { characters }) => sum + characters, 0)).toArray();
    };
    expect(await turnsOf(50)).toEqual([50 * 102]);
    expect(await turnsOf(170)).toEqual([80 * 102, 80 * 102, 10 * 102]); // 8192 characters at the most
  });

  test("gives a short text its turn before a flood of another client", async () => {
    let encoded = 0;
    const spy = watchBits((bits) => encoded = bits);
    const by = (caller: string) => ({ client: { caller, user: "" } });
    try {
      const flood = Array.from({ length: 8 }, () => tokenizer.encodeInTurns(long, by("flood")));
      await tokenizer.encodeInTurns([{ text: "hello", control: false }], by("calm"));
      expect(encoded).toBeLessThan(6); // one of the flood was there first, and one had its turn
      await Promise.all(flood);
    } finally {
      spy.mockRestore();
    }
  });
});

test("StreamDecoder gives the text of all ids together, however they are cut, and starts afresh after flush()", () => {
  const decoder = new StreamDecoder(tokenizer);
  fc.assert(fc.property(fc.array(fc.integer({ min: 0, max: 800 }), { maxLength: 40 }), (ids) => {
    const deltas = ids.map((id) => decoder.push(id));
    expect(deltas.join("") + decoder.flush()).toBe(tokenizer.decode(ids));
  }));
});

describe("openTokenizer() refuses", () => {
  const scratch = mkdtempSync(join(tmpdir(), "llamav-tokenizer-"));
  afterAll(() => rmSync(scratch, { recursive: true }));
  const good = readFileSync(join(directory, "tokenizer.json"), "utf8");
  // deno-lint-ignore no-explicit-any -- the test spoils any part of the file
  const spoiled = (spoil: (file: any) => void) => {
    const file = JSON.parse(good);
    spoil(file);
    return JSON.stringify(file);
  };

  const cases: [string, string, string][] = [
    ["a file that is not JSON", good.slice(0, -10), "must be JSON"],
    ["a file that is no object", "[]", "JSON object"],
    ["another model", spoiled((file) => file.model.type = "Unigram"), "type BPE"],
    ["a normalizer", spoiled((file) => file.normalizer = { type: "NFC" }), "no normalizer"],
    ["another alphabet", spoiled((file) => file.pre_tokenizer = { type: "Metaspace" }), "ByteLevel"],
    ["no added tokens", spoiled((file) => delete file.added_tokens), "list of added tokens"],
    ["an added token that strips", spoiled((file) => file.added_tokens[3].lstrip = true), "lstrip"],
    ["an added token without content", spoiled((file) => file.added_tokens[3].content = ""), "content"],
    ["a vocabulary without every byte", spoiled((file) => delete file.model.vocab["a"]), "256 bytes"],
    ["an id that is none", spoiled((file) => file.model.vocab["ab"] = "7"), "ids from 0"],
    ["an id without end", spoiled((file) => file.model.vocab["ab"] = 1e12), "ids from 0"],
    ["a BOS token that is none", spoiled((file) => file.added_tokens.shift()), "BOS token"],
  ];
  for (const [what, file, message] of cases) {
    test(what, () => {
      writeFileSync(join(scratch, "tokenizer.json"), file);
      expect(() => openTokenizer(scratch)).toThrow(ModelError);
      expect(() => openTokenizer(scratch)).toThrow(message);
    });
  }

  test("a directory without tokenizer.json", () => {
    expect(() => openTokenizer(join(scratch, "nothing"))).toThrow(ModelNotFoundError);
  });
});
