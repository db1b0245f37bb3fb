import { expect, setDefaultTimeout, test } from "bun:test";
import { nearest } from "../../src/base/nearest.ts";
import { testLimitMs } from "../support/test_limit.ts";

setDefaultTimeout(testLimitMs);

const names = ["model", "mode", "max-tokens", "max-tiles", "port"];

test.each([
  ["modle", "model"],
  ["mdoe", "mode"],
  ["max_tokens", "max-tokens"],
  ["max-token", "max-tokens"],
  ["prot", "port"],
  ["xyz", undefined],
  ["temperature", undefined],
  ["", undefined],
])("nearest() takes %j for %j", (word, name) => {
  expect(nearest(word, names)).toBe(name);
});

test("nearest() looks at no word that is longer than any name", () => {
  expect(nearest(`${"a".repeat(64)}b`, ["a".repeat(64)])).toBeUndefined();
});
