import { expect, setDefaultTimeout, test } from "bun:test";
import process from "node:process";
import { join } from "node:path";
import { repositoryRoot } from "../../support/repository.ts";
import { testLimitMs } from "../../support/test_limit.ts";
import { apiKey, serveWithKey } from "./support.ts";

/** A Python that has the `openai` package, such as `LLAMAV_PYTHON_CLIENT=python3`; without it there is nothing to run. */
const python = process.env.LLAMAV_PYTHON_CLIENT;

setDefaultTimeout(testLimitMs);

test.skipIf(python === undefined)("the Python client passes its checks", async () => {
  await using server = await serveWithKey();
  const child = Bun.spawn([
    python!,
    join(import.meta.dir, "python_client.py"),
    server.url,
    apiKey,
    join(repositoryRoot, "examples/scene.png"),
  ], { stdin: "ignore", stdout: "pipe", stderr: "pipe" });
  const [stdout, stderr] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
  ]);
  expect({ code: await child.exited, checks: stdout.trim().split("\n"), stderr }).toEqual({
    code: 0,
    checks: ["chat", "stream", "image", "tools", "structured", "responses", "errors"],
    stderr: "",
  });
});
