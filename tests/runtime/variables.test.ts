import { expect, setDefaultTimeout, test } from "bun:test";
import { knownVariables, unknownVariables } from "../../src/runtime/variables.ts";
import { repositoryFiles, repositoryText } from "../support/repository.ts";
import { testLimitMs } from "../support/test_limit.ts";

setDefaultTimeout(testLimitMs);

test.each([
  ["LLAMAV_MODLE", "did you mean LLAMAV_MODEL?"],
  ["LLAMAV_CTXSIZE", "did you mean LLAMAV_CTX_SIZE?"],
  // One letter from a variable of the tests, which is none for people.
  ["LLAMAV_SCHEMA", "llamav config --json lists those that are"],
  ["LLAMAV_HTTP_PORT", "llamav config --json lists those that are"],
  ["LLAMAV_SOMETHING_ELSE", "llamav config --json lists those that are"],
])("unknownVariables() tells of %s", (name, advice) => {
  expect(unknownVariables({ [name]: "1" })).toEqual([`the variable ${name} has no effect; ${advice}`]);
});

test("unknownVariables() is silent about what is read, what is empty, and what is not called like ours", () => {
  const env = { LLAMAV_PARALLEL: "1", LLAMAV_VULKAN_LOADER: "x", LLAMAV_MODLE: "", LLAMAV_: "1", MODLE: "1" };
  expect(unknownVariables(env)).toEqual([]);
});

test("unknownVariables() is silent about what Kubernetes says of a service called llamav", () => {
  const env = {
    LLAMAV_SERVICE_HOST: "10.0.0.7",
    LLAMAV_SERVICE_PORT: "80",
    LLAMAV_SERVICE_PORT_HTTP: "80",
    LLAMAV_PORT_80_TCP: "tcp://10.0.0.7:80",
    LLAMAV_PORT_80_TCP_ADDR: "10.0.0.7",
    LLAMAV_VISION_SERVICE_HOST: "10.0.0.8",
    LLAMAV_VISION_PORT: "tcp://10.0.0.8:80",
  };
  expect(unknownVariables(env)).toEqual([]);
});

test("unknownVariables() tells of five and on one line each, however many there are", () => {
  const names = Array.from({ length: 1000 }, (_, i) => `LLAMAV_ZZZ\n\x1b[2J${i}`);
  const told = unknownVariables(Object.fromEntries(names.map((name) => [name, "1"])));
  expect(told).toHaveLength(5);
  // deno-lint-ignore no-control-regex -- control characters are what this is about
  for (const line of told) expect(line).not.toMatch(/[\x00-\x1f]/);
});

test("knownVariables() has every one that a file of the repository reads", () => {
  const reads = /env(?:\.|\[")(LLAMAV_[A-Z0-9_]+)/g;
  const files = repositoryFiles().filter((path) => path.endsWith(".ts"));
  const names = files.flatMap((path) => [...repositoryText(path).matchAll(reads)].map(([, name]) => name!));
  expect(names).toContain("LLAMAV_VULKAN_LOADER");
  const known = knownVariables();
  expect([...new Set(names)].filter((name) => !known.has(name))).toEqual([]);
});
