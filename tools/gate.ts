/**
 * The gate: everything that must hold before a commit, one line per step, then the sums.
 *
 *   bun run ok                all steps
 *   bun run ok lint gpu       only steps whose name begins with one of the words
 */
import { mkdirSync } from "node:fs";
import { type DriverSetting, driverSettings } from "./gate/drivers.ts";
import { chooseSteps, commandStep, runSteps, type Step } from "./gate/step.ts";
import { gpuTests, runTests } from "./gate/test_run.ts";

/** Tests about the house itself: seconds, and they come first. */
const houseTests = ["tests/layers.test.ts", "tests/tidy.test.ts", "tests/generated.test.ts"];

/**
 * The repeated runs keep the CPU driver on the thread that submits: four times faster for small tensors, while
 * the test processes fill the cores. The first run has its threads, as users do: there a missing barrier shows.
 */
const unthreaded = { LP_NUM_THREADS: "0" };

function testStep(name: string, { env, missing }: DriverSetting, files: readonly string[]): Step {
  return {
    name,
    async run() {
      return missing ? { passed: 0, failed: 0, skipped: 1, note: missing } : await runTests(files, env);
    },
  };
}

/** All test files but those about the house. */
function testFiles(): string[] {
  const files = [...new Bun.Glob("tests/**/*.test.ts").scanSync(".")];
  return files.filter((file) => !houseTests.includes(file)).sort();
}

async function driverSteps(): Promise<Step[]> {
  const settings = await driverSettings();
  const first = settings.find((setting) => !setting.missing) ?? settings[0]!;
  const gpuFiles = testFiles().filter((file) => gpuTests.some((folder) => file.startsWith(`${folder}/`)));
  const repeats = settings.filter((setting) => setting !== first).map((setting) => {
    const repeated = { ...setting, env: { ...setting.env, ...unthreaded } };
    return testStep(`gpu tests, ${setting.name}`, repeated, gpuFiles);
  });
  return [testStep(`all tests, ${first.name}`, first, testFiles()), ...repeats];
}

async function main(words: readonly string[]): Promise<number> {
  mkdirSync(".cache", { recursive: true });
  const bun = process.execPath;
  const deno = "node_modules/.bin/deno";
  const steps: Step[] = [
    commandStep("format", [deno, "fmt", "--check", "--quiet"]),
    commandStep("lint", [deno, "lint", "--quiet"]),
    commandStep("types", [deno, "check", "--quiet"]),
    commandStep("shaders", [bun, "tools/build_shaders.ts"]),
    { name: "house", run: () => runTests(houseTests) },
    commandStep("executable", [bun, "tools/build_executable.ts"]),
    ...await driverSteps(),
  ];
  const { chosen, unknown } = chooseSteps(steps, words);
  if (unknown.length > 0) {
    console.error(`No step begins with ${unknown.map((word) => `"${word}"`).join(" or ")}. There are:`);
    for (const { name } of steps) console.error(`  ${name}`);
    return 2;
  }
  const { passed, failed, skipped } = await runSteps(chosen);
  console.log(`${passed} passed, ${failed} failed, ${skipped} skipped`);
  return failed === 0 && passed > 0 ? 0 : 1;
}

process.exit(await main(process.argv.slice(2)));
