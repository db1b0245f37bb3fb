import { expect, test } from "bun:test";
import { viewMemory } from "../../ffi/posix.ts";
import { addressOf, allocate } from "../../ffi/struct.ts";

test("viewMemory() is the memory itself, not a copy", () => {
  const memory = allocate(64);
  viewMemory(addressOf(memory) + 10, 4).set([1, 2, 3, 4]);
  expect([...memory.subarray(9, 15)]).toEqual([0, 1, 2, 3, 4, 0]);
});
