import { availableParallelism } from "node:os";
import { type Outcome, runCommand } from "./step.ts";

/** Tests whose result may depend on the driver; `tests/tidy.test.ts` keeps the list complete. */
export const gpuTests = [
  "tests/gpu",
  "tests/ops",
  "tests/selftest",
  "tests/model",
  "tests/engine",
  "tests/golden",
];

/** Time a single test may take; kernels are compiled on first use, which is slow on CPU drivers. */
export const testTimeoutMs = 120_000;

/**
 * Runs `bun test` on the given files and folders, one process per core, and reads the counts off its summary.
 * A run that ends without a summary (a crash, no tests found) is one failure.
 */
export async function runTests(
  paths: readonly string[],
  env: Record<string, string | undefined> = {},
): Promise<Outcome> {
  const { code, output } = await runCommand([
    process.execPath,
    "test",
    `--parallel=${availableParallelism()}`,
    `--timeout=${testTimeoutMs}`,
    "--only-failures",
    ...paths.map((path) => `./${path}`),
  ], env);
  const counts = readSummary(output);
  const failed = counts.failed > 0 || code === 0 ? counts.failed : 1;
  return { ...counts, failed, output };
}

/** Counts of the summary `bun test` ends with; a test marked as todo counts as skipped. */
export function readSummary(output: string): { passed: number; failed: number; skipped: number } {
  const count = (word: string) => Number(output.match(new RegExp(`^ (\\d+) ${word}$`, "m"))?.[1] ?? 0);
  return { passed: count("pass"), failed: count("fail"), skipped: count("skip") + count("todo") };
}
