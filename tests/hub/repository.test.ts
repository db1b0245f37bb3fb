import { expect, test } from "bun:test";
import { isRepository, parseRepository } from "../../src/hub/repository.ts";

test.each([
  ["meta-llama/Llama-3.2-11B-Vision-Instruct", "main"],
  ["a/b@v1.0", "v1.0"],
  ["a_b/c.d-e@refs/pr/12", "refs/pr/12"],
])("parseRepository() takes %s", (text, revision) => {
  expect(parseRepository(text)).toEqual({ repository: text.split("@")[0]!, revision });
});

test.each([
  "../x",
  "a/b/c",
  "-rf",
  "-r/f",
  "a/-rf",
  "a",
  "a/",
  "/a",
  "a/..",
  "a/.b",
  "a/b.",
  "a--b/c",
  "a/b..c",
  "a\0/b",
  "a/b\n",
  "a b/c",
  "C:\\a",
  "a/b@",
  "a/b@../x",
  "a/b@-x",
  "a/b@x/./y",
  "a/b@x\0",
  `${"x".repeat(1 << 20)}/y`,
  "",
])("parseRepository() refuses %# (F07)", (text) => {
  expect(() => parseRepository(text)).toThrow(/^must /);
});

test("the refusal of a long name is short (F07)", () => {
  const refusal = () => parseRepository("x".repeat(1 << 20));
  expect(refusal).toThrow(RangeError);
  expect(isRepository("x".repeat(1 << 20))).toBe(false);
  try {
    refusal();
  } catch (error) {
    expect((error as Error).message.length).toBeLessThan(300);
  }
});
