import { expect, setDefaultTimeout, test } from "bun:test";
import { chooseSteps } from "../../tools/gate/step.ts";
import { repositoryRoot } from "../support/repository.ts";
import { testLimitMs } from "../support/test_limit.ts";

setDefaultTimeout(testLimitMs);

const steps = ["format", "lint", "gpu tests, a", "gpu tests, b"].map((name) => ({ name }));

test.each([
  [[], ["format", "lint", "gpu tests, a", "gpu tests, b"], []],
  [["gpu"], ["gpu tests, a", "gpu tests, b"], []],
  [["lint", "form"], ["format", "lint"], []],
  [["typecheck", "lint", "tidy"], ["lint"], ["typecheck", "tidy"]],
])("chooseSteps() of %j are %j, and %j choose none", (words, names, unknown) => {
  expect(chooseSteps(steps, words)).toEqual({ chosen: names.map((name) => ({ name })), unknown });
});

test("the gate refuses a word that chooses no step, and lists them", () => {
  const { exitCode, stdout, stderr } = Bun.spawnSync(
    [process.execPath, "tools/gate.ts", "tidy", "lint"],
    { cwd: repositoryRoot },
  );
  expect({ exitCode, stdout: stdout.toString() }).toEqual({ exitCode: 2, stdout: "" });
  expect(stderr.toString()).toStartWith('No step begins with "tidy". There are:\n  format\n  lint\n');
});
