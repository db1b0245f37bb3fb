import { expect, setDefaultTimeout, test } from "bun:test";
import { RequestError } from "../../src/base/errors.ts";
import { checkSize } from "../../src/engine/request_checks.ts";
import { testLimitMs } from "../support/test_limit.ts";

setDefaultTimeout(testLimitMs);

function remedyOf(longestContext: number): string | undefined {
  const request = { tokens: Array.from({ length: 100 }, (_, i) => i), images: [], maxTokens: 30 };
  try {
    checkSize(request, { contextLength: 128, imageTiles: 4 }, { longestContext });
  } catch (error) {
    return (error as RequestError).remedy;
  }
  return undefined;
}

test("checkSize() advises a larger context only where the model has more", () => {
  expect(remedyOf(129)).toBe("Shorten the prompt, lower max_tokens or raise --ctx-size");
  expect(remedyOf(128)).toBe("Shorten the prompt or lower max_tokens: the model can hold no more");
});
