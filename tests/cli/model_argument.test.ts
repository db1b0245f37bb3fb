import { afterAll, expect, test } from "bun:test";
import { oneModel, takeModel } from "../../src/cli/model_argument.ts";
import { TemporaryFolder } from "../support/temporary_folder.ts";

const folder = new TemporaryFolder({ "cat.png": "", "model/config.json": "" });
const before = process.cwd();
process.chdir(folder.path);
afterAll(() => {
  process.chdir(before);
  folder[Symbol.dispose]();
});

test.each([
  "demo",
  "./demo",
  "model",
  `${folder.path}/model`,
  "../no/such/model",
  "meta-llama/Llama-3.2-11B-Vision-Instruct",
  "acme/vision@v1",
  "11b",
  "90B",
  "C:\\models\\llama",
])("takeModel() takes %j for MODEL", (word) => {
  expect(takeModel([word, "What?"])).toEqual({ model: word, rest: ["What?"] });
});

test.each([
  "What?",
  "modell",
  "Is 3/4 more than 2/3?",
  "-",
  "cat.png",
  "./cat.png",
  "demo?",
  "11",
  "toString",
  "a".repeat(99_999),
])(
  "takeModel() takes %j for the beginning of a question",
  (word) => {
    expect(takeModel([word, "What?"])).toEqual({ model: undefined, rest: [word, "What?"] });
  },
);

test("takeModel() leaves nothing out but an empty MODEL", () => {
  expect(takeModel([])).toEqual({ model: undefined, rest: [] });
  expect(takeModel(["demo"])).toEqual({ model: "demo", rest: [] });
  expect(takeModel(["", "What?"])).toEqual({ model: undefined, rest: ["What?"] });
});

test("oneModel() is the one that was given, or none", () => {
  expect(oneModel(undefined, "m", "", "m")).toBe("m");
  expect(oneModel("", undefined)).toBeUndefined();
  expect(() => oneModel("a", "b")).toThrow("Two models were given, a and b");
});
