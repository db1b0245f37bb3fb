import { expect, setDefaultTimeout, test } from "bun:test";
import type { LoadReport } from "../../src/cli/load/report.ts";
import { runExecutable, serveModel } from "../support/executable.ts";
import { testLimitMs } from "../support/test_limit.ts";

// Compiles pipelines first; the machine may be busy with other tests.
setDefaultTimeout(testLimitMs);

test("llamav bench serve drives llamav serve, about a picture that all share", async () => {
  await using server = await serveModel();
  const load = ["--requests", "4", "--concurrency", "2", "-n", "5", "--ignore-eos", "--prompt-words", "16"];
  const pictures = ["--pictures", "shared", "--picture-size", "64"];
  const { code, stdout, stderr } = await runExecutable([
    ...["bench", "serve", server.url, ...load, ...pictures, "--json"],
  ]);
  expect([code, stderr]).toEqual([0, ""]);
  const report = JSON.parse(stdout) as LoadReport;
  expect(report).toMatchObject({
    answered: 4,
    failed: 0,
    outputTokens: 20,
    tokensBy: "server",
    failures: [],
  });
  expect(report.ttftMs!.p50).toBeLessThanOrEqual(report.e2eMs!.p50);
  const metrics = await (await fetch(`${server.url}/metrics`)).text();
  expect(metrics).toMatch(/^llamav_image_cache_hits_total(\{.*\})? 4$/m);
});
