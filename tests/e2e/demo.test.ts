/** The model inside the executable: found without a name, and without a trace on the disk. */
import { expect, test } from "bun:test";
import { cpSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { checkpointDirectory, emptyDirectory, runExecutable, serveModel } from "../support/executable.ts";

test("llamav serve without a model serves llamav-demo, which answers to demo as well", async () => {
  const server = await serveModel();
  const models = await (await fetch(`${server.url}/v1/models`)).json() as { data: { id: string }[] };
  expect(models.data.map(({ id }) => id)).toEqual(["llamav-demo"]);
  for (const [name, status] of [["llamav-demo", 200], ["demo", 200], ["tiny-mllama", 404]]) {
    expect((await fetch(`${server.url}/v1/models/${name}`)).status).toBe(status as number);
  }
  expect(await server.stop()).toBe(0);
});

test("llamav run writes nothing to the disk for it, and says on one line which model answered", async () => {
  using scratch = emptyDirectory();
  using cwd = emptyDirectory();
  const { code, stderr } = await runExecutable(["run", "Hello", "-n", "1"], {
    cwd: cwd.path,
    env: { TMPDIR: scratch.path },
  });
  expect(code).toBe(0);
  expect(stderr).toMatch(/^note: .*built-in demo model.*\nnote: The answer is cut off.*\n$/);
  expect([...readdirSync(scratch.path), ...readdirSync(cwd.path)]).toEqual([]);
});

test("demo is the model inside the program, and ./demo is a directory", async () => {
  using cwd = emptyDirectory();
  cpSync(checkpointDirectory("tiny-mllama"), join(cwd.path, "demo"), { recursive: true });
  const parameters = async (model: string) => {
    const { stdout } = await runExecutable(["inspect", model], { cwd: cwd.path });
    return Number(stdout.match(/^parameters +([\d,]+) bf16$/m)![1]!.replaceAll(",", ""));
  };
  const [inside, directory] = [await parameters("demo"), await parameters("./demo")];
  expect(inside).toBeGreaterThan(5_000_000);
  expect(directory).toBeLessThan(1_000_000);
});
