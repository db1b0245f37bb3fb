import { expect, test } from "bun:test";
import { concatBytes } from "../../src/base/bytes.ts";

test.each([
  [[], []],
  [[[1, 2]], [1, 2]],
  [[[1], [], [2, 3]], [1, 2, 3]],
])("concatBytes(%j) is %j", (chunks, expected) => {
  expect(Array.from(concatBytes(chunks.map((chunk) => Uint8Array.from(chunk))))).toEqual(expected);
});
