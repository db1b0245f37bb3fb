import { expect, test } from "bun:test";
import { ModelNotFoundError } from "../../src/base/errors.ts";
import { cli } from "./support.ts";

/** The options with which `serve` opens its model; the open then fails, so that no port is needed. */
async function opened(args: string[], env: Record<string, string> = {}): Promise<Record<string, unknown>> {
  let given: Record<string, unknown> = {};
  const run = await cli(["serve", ...args], {
    env,
    services: {
      openRuntime({ onProgress: _, ...options }) {
        given = options;
        return Promise.reject(new ModelNotFoundError("There is none"));
      },
    },
  });
  expect(run).toEqual({ code: 3, stdout: "", stderr: "error: There is none\n" });
  return given;
}

test("serve takes its model in three spellings, and the command line wins over variables", async () => {
  expect(await opened(["m"])).toEqual({
    model: "m",
    device: undefined,
    contextLength: undefined,
    imageTiles: undefined,
    maxQueued: 64,
  });
  expect(await opened(["--model", "m"])).toMatchObject({ model: "m" });
  expect(await opened(["--huggingface-repo-id", "org/m"])).toMatchObject({ model: "org/m" });
  expect(await opened(["m", "--model", "m"])).toMatchObject({ model: "m" });
  expect(await opened([], { LLAMAV_MODEL: "e" })).toMatchObject({ model: "e" });
  expect(await opened(["m"], { LLAMAV_MODEL: "e" })).toMatchObject({ model: "m" });
  const sizes = "-c 256 --image-tiles 8 --max-num-queued-reqs 2".split(" ");
  expect(await opened(["m", "--device", "1", ...sizes])).toMatchObject({
    device: "1",
    contextLength: 256,
    imageTiles: 8,
    maxQueued: 2,
  });
});

test("serve without a model, or with two, is wrong usage", async () => {
  expect(await cli(["serve"])).toMatchObject({
    code: 2,
    stderr: expect.stringContaining("No model was given"),
  });
  expect(await cli(["serve", "a", "--model", "b"])).toMatchObject({
    code: 2,
    stderr: "error: Two models were given, a and b\nGive one of them\n",
  });
});

test("serve refuses ports, sizes and switches that cannot be", async () => {
  for (const [flag, value] of [["port", "65536"], ["image-tiles", "4097"], ["max-num-queued-reqs", "0"]]) {
    expect((await cli(["serve", "m", `--${flag}`, value!])).code).toBe(2);
  }
  const run = await cli(["serve", "m"], { env: { LLAMAV_ALLOW_REMOTE_IMAGES: "perhaps" } });
  expect(run).toMatchObject({
    code: 2,
    stderr: 'error: LLAMAV_ALLOW_REMOTE_IMAGES must be yes or no, not "perhaps"\n',
  });
});
