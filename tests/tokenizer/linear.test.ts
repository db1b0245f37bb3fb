import { expect, test } from "bun:test";
import { join } from "node:path";
import process from "node:process";
import { openTokenizer } from "../../src/tokenizer/tokenizer.ts";
import { goldensRoot } from "../support/goldens.ts";

const tokenizer = openTokenizer(join(goldensRoot, "checkpoints/tiny-mllama"));

/** Tokens of a text, and the processor's time for it in ms: that of this thread, of which other programs take none. */
function encode(text: string): { tokens: number; ms: number } {
  const begin = process.threadCpuUsage();
  const { length } = tokenizer.encodeSegments([{ text, control: false }]);
  const { user, system } = process.threadCpuUsage(begin);
  return { tokens: length, ms: (user + system) / 1000 };
}

const kinds: [what: string, unit: string][] = [
  ["lines of emoji that are joined", "👩‍👩‍👧‍👦\n"],
  ["lines of spaces", `${" ".repeat(40)}x\n`],
  ["marks that turn a text around, and NUL", "\u202e\0\u0001 a"],
  ["letters with accents", "\ufeffa\u0300 "],
  ["words", "wonderful weather, again "],
];

test.each(kinds)("Tokenizer takes as much longer as there is more: %s (T12)", (_, unit) => {
  const [few, many] = [2500, 40_000];
  encode(unit.repeat(few)); // what is compiled meanwhile is not counted
  const small = Array.from({ length: 3 }, () => encode(unit.repeat(few)));
  const large = encode(unit.repeat(many));
  // Sixteen times as much text: linear work is 16 times as much, quadratic 256 times.
  expect(large.tokens / small[0]!.tokens).toBeCloseTo(many / few, 0);
  expect(large.ms / Math.max(1, ...small.map(({ ms }) => ms))).toBeLessThan(4 * many / few);
});
