import { describe, expect, test } from "bun:test";
import { Answer, type Piece } from "../../src/runtime/answer.ts";
import { wholeTextOf } from "../../src/tokenizer/byte_level.ts";
import type { Tokenizer } from "../../src/tokenizer/tokenizer.ts";

const encoder = new TextEncoder();
const smile = encoder.encode("😀");

/** Tokens by id: letters, two halves of one character, and a control token. */
const vocabulary = ["ab", "cd", "e", smile.slice(0, 2), smile.slice(2), undefined, "stop", "é"]
  .map((token) => typeof token === "string" ? encoder.encode(token) : token);
const [ab, cd, e, half, otherHalf, control, stop, accent] = vocabulary.keys() as unknown as number[];
const tokenizer = {
  tokenBytes: (id: number) => vocabulary[id] ?? new Uint8Array(),
  wholeText: (id: number) => wholeTextOf(vocabulary[id] ?? new Uint8Array()),
  controlText: (id: number) => id === control ? "<|control|>" : undefined,
} as Tokenizer;

/** What each token releases, and then the end: text, and the tokens' texts where there are any. */
function release(
  ids: readonly (number | undefined)[],
  options: { stop?: string[]; minTokens?: number } = {},
): { pieces: [string, string][]; stopped: boolean; tokenCount: number } {
  const answer = new Answer(tokenizer, { stop: [], stopIds: new Set([stop!]), minTokens: 0, ...options });
  const pieces: Piece[] = [];
  for (const id of ids) {
    if (answer.stopped) break;
    pieces.push(answer.push(id!, { logprob: -id!, top: [] }));
  }
  if (!answer.stopped) pieces.push(answer.flush());
  return {
    pieces: pieces.map(({ text, tokens }) => [text, tokens.map((token) => token.text).join("+")]),
    stopped: answer.stopped,
    tokenCount: answer.tokenCount,
  };
}

describe("Answer", () => {
  test("gives tokens away with their text", () => {
    expect(release([ab, cd, e]).pieces).toEqual([["ab", "ab"], ["cd", "cd"], ["e", "e"], ["", ""]]);
  });

  test("holds a token back as long as a stop text may begin in it (D24)", () => {
    expect(release([ab, cd, e, ab], { stop: ["bcdx"] }).pieces).toEqual(
      [["a", ""], ["", ""], ["bcde", "ab+cd+e"], ["a", ""], ["b", "ab"]],
    );
  });

  test("ends at a stop text, with the token in which it begins and none behind it (D21, D24)", () => {
    expect(release([ab, cd, e, ab], { stop: ["bc"] })).toEqual(
      { pieces: [["a", ""], ["", "ab"]], stopped: true, tokenCount: 2 },
    );
    expect(release([ab, cd, e, ab], { stop: ["cde"] })).toEqual(
      { pieces: [["ab", "ab"], ["", ""], ["", ""]], stopped: true, tokenCount: 3 },
    );
  });

  test("finds no stop text in what the first tokens give that there must be", () => {
    expect(release([ab, cd, e, ab, cd], { stop: ["b"], minTokens: 3 })).toEqual(
      { pieces: [["ab", "ab"], ["cd", "cd"], ["e", "e"], ["a", "ab"]], stopped: true, tokenCount: 4 },
    );
  });

  test("completes characters before their text goes, and keeps the bytes of each token (D22, D24)", () => {
    const answer = new Answer(tokenizer, { stop: [], stopIds: new Set(), minTokens: 0 });
    const pieces = [half, otherHalf, accent].map((id) => answer.push(id!, { logprob: -1, top: [] }));
    expect(pieces.map(({ text }) => text)).toEqual(["", "😀", "é"]);
    const tokens = pieces.flatMap(({ tokens }) => tokens);
    expect(tokens.map(({ text }) => text)).toEqual(["\ufffd", "\ufffd\ufffd", "é"]);
    expect(Buffer.concat(tokens.map(({ bytes }) => bytes!)).toString()).toBe("😀é");
  });

  test("ends an incomplete character as U+FFFD", () => {
    expect(release([ab, half]).pieces.at(-1)![0]).toBe("\ufffd");
  });

  test("counts a stop id and gives it neither text nor log probability", () => {
    expect(release([ab, stop])).toEqual({
      pieces: [["ab", "ab"], ["", ""], ["", ""]],
      stopped: false,
      tokenCount: 2,
    });
  });

  test("names control tokens, which have no bytes, and the alternatives of a token", () => {
    const answer = new Answer(tokenizer, { stop: [], stopIds: new Set(), minTokens: 0 });
    const top = [{ token: cd!, logprob: -0.5 }, { token: control!, logprob: -2 }];
    expect(answer.push(control!, { logprob: -2, top })).toEqual({
      text: "",
      tokens: [{
        text: "<|control|>",
        bytes: undefined,
        logprob: -2,
        alternatives: [
          { text: "cd", bytes: encoder.encode("cd"), logprob: -0.5 },
          { text: "<|control|>", bytes: undefined, logprob: -2 },
        ],
      }],
    });
  });

  test("keeps nothing of tokens without log probabilities", () => {
    const answer = new Answer(tokenizer, { stop: [], stopIds: new Set(), minTokens: 0 });
    expect(answer.push(ab!)).toEqual({ text: "ab", tokens: [] });
  });
});
