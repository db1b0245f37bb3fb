import { byteCharacters, bytesOfToken } from "../../src/tokenizer/byte_level.ts";
import { CompiledGrammars } from "../../src/grammar/compiled_grammars.ts";
import type { Vocabulary } from "../../src/grammar/vocabulary.ts";
import { type Draw, oneOf } from "../support/draws.ts";

const pieces = [
  ...'abcdefghijklmnopqrstuvwxyzABCXYZ0123456789 .:-_@/"\\{}[],\n',
  '{"',
  '"}',
  '":',
  '": ',
  '",',
  '", "',
  '"]',
  "},",
  "[]",
  "{}",
  "\n  ",
  "  ",
  "true",
  "false",
  "null",
  "the",
  "é",
  "日本",
  "😀",
  "\\u",
  "\\n",
  "00",
  "12",
  "255",
  "2024",
];

/** Each byte, some longer pieces, and at the end a control token, which stands for the end. */
export const smallVocabulary: Vocabulary = (() => {
  const encoder = new TextEncoder();
  const longer = pieces.map((text) =>
    [...encoder.encode(text)].map((byte) => byteCharacters[byte]!).join("")
  );
  const tokens = [...byteCharacters, ...longer, ""];
  return { spellings: tokens.join(" "), size: tokens.length, endId: tokens.length - 1 };
})();

const tokenBytes = smallVocabulary.spellings.split(" ").map(bytesOfToken);
/** Pieces that bring an answer to its end sooner. */
const closing = tokenBytes.flatMap((bytes, id) => /["\]}]/.test(new TextDecoder().decode(bytes)) ? [id] : []);

/** A text as tokens of one byte each. */
export function tokensOf(text: string): number[] {
  return [...new TextEncoder().encode(text)];
}

let nextMatcher = 1;

/**
 * An answer that takes any allowed token, the end as soon as it comes up, as a model that knows nothing would.
 *
 * @returns the text, or `undefined` if it had no end within `maxTokens`
 */
export async function randomAnswer(
  grammars: CompiledGrammars,
  grammar: string,
  draw: Draw,
  maxTokens: number,
): Promise<string | undefined> {
  await grammars.compile(grammar, grammar);
  const { endId } = smallVocabulary;
  const matcher = nextMatcher++;
  await grammars.open(matcher, grammar, { stopIds: [endId], minTokens: 0 });
  const answer: number[] = [];
  let tokens: number[] = [];
  try {
    while (answer.length <= maxTokens) {
      const mask = await grammars.mask(matcher, tokens);
      const isAllowed = (id: number) => (mask[id >>> 5]! >>> (id & 31) & 1) === 1;
      if (isAllowed(endId) && draw(3) === 0) return textOf(answer);
      const allowed = tokenBytes.flatMap((_, id) => isAllowed(id) ? [id] : []);
      const ending = closing.filter(isAllowed);
      const next = oneOf(draw, ending.length > 0 && draw(4) === 0 ? ending : allowed);
      if (next === endId) return textOf(answer);
      tokens = [next];
      answer.push(next);
    }
    return undefined;
  } finally {
    grammars.close(matcher);
  }
}

function textOf(ids: readonly number[]): string {
  return new TextDecoder("utf-8", { fatal: true }).decode(Buffer.concat(ids.map((id) => tokenBytes[id]!)));
}
