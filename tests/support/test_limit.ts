import { testTimeoutMs } from "../../tools/gate/test_run.ts";

/**
 * Time that one test may take, in ms. The machine may be busy with other tests, and a test that hangs still ends. As in
 * the gate: a file's own limit goes before `--timeout`, and there has to be one for `bun test FILE`, which gives 5 s.
 */
export const testLimitMs = testTimeoutMs;
