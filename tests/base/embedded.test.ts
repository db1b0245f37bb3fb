import { expect, test } from "bun:test";
import { isEmbedded } from "../../src/base/embedded.ts";

test.each([
  ["/$bunfs/root/models/llamav-demo", true],
  ["/$bunfs", true],
  ["B:\\~BUN\\root\\models", true],
  ["B:/~BUN/root", true],
  ["/models/$bunfs/x", false],
  ["$bunfs/x", false],
  ["/$bunfsystem/x", false],
  [import.meta.dir, false],
])("isEmbedded(%j) is %j", (path, expected) => {
  expect(isEmbedded(path)).toBe(expected);
});
