import { expect, test } from "bun:test";
import { ModelNotFoundError } from "../../src/base/errors.ts";
import { cli } from "./support.ts";

/** What there is no time to load. */
const noPictures = () => Promise.resolve(() => Promise.reject(new Error("No picture was to be loaded")));

/** The options with which `serve` opens its model; the open then fails. */
async function opened(args: string[], env: Record<string, string> = {}): Promise<Record<string, unknown>> {
  let given: Record<string, unknown> = {};
  const run = await cli(["serve", "--port", "0", ...args], {
    env,
    services: {
      pictureLoader: noPictures,
      openRuntime({ onProgress: _, onNews: __, ...options }) {
        given = options;
        return Promise.reject(new ModelNotFoundError("There is none"));
      },
    },
  });
  expect(run).toEqual({ code: 3, stdout: "", stderr: "error: There is none\n" });
  return given;
}

test("serve takes its model in three spellings, and the command line wins over variables", async () => {
  const unset = [
    "device",
    "contextLength",
    "imageTiles",
    "maxTiles",
    "maxSequences",
    "kvTokens",
    "prefixCache",
  ];
  expect(await opened(["m"])).toEqual({
    ...Object.fromEntries(unset.map((name) => [name, undefined])),
    model: "m",
    firstAnswer: { pictures: true, draws: true },
    warmUp: "gpu",
    maxQueued: 64,
    maxQueuedTokens: 1_000_000,
  });
  expect(await opened(["--model", "m"])).toMatchObject({ model: "m" });
  expect(await opened(["--huggingface-repo-id", "org/m"])).toMatchObject({ model: "org/m" });
  expect(await opened(["m", "--model", "m"])).toMatchObject({ model: "m" });
  expect(await opened([], { LLAMAV_MODEL: "e" })).toMatchObject({ model: "e" });
  expect(await opened(["m"], { LLAMAV_MODEL: "e" })).toMatchObject({ model: "m" });
  const sizes =
    "-c 256 --image-tiles 8 --max-num-queued-reqs 2 --max-num-seqs 3 --kv-tokens 512 --no-enable-prefix-caching"
      .split(" ");
  expect(await opened(["m", "--device", "1", ...sizes])).toMatchObject({
    device: "1",
    contextLength: 256,
    imageTiles: 8,
    maxQueued: 2,
    maxSequences: 3,
    kvTokens: 512,
    prefixCache: false,
  });
});

test("serve without a model takes the demo, and says so", async () => {
  let model = "";
  const openRuntime = (options: { model: string }) => {
    model = options.model;
    return Promise.reject(new ModelNotFoundError("There is none"));
  };
  const run = await cli(["serve", "--port", "0"], { services: { openRuntime, pictureLoader: noPictures } });
  expect({ model, code: run.code }).toEqual({ model: "demo", code: 3 });
  expect(run.stderr).toContain("built-in demo model");
});

test("serve tells of a variable that nothing reads as its log tells all else", async () => {
  const openRuntime = () => Promise.reject(new ModelNotFoundError("There is none"));
  const run = await cli(["serve", "m", "--port", "0", "--log-format", "json"], {
    env: { LLAMAV_PROT: "80" },
    services: { openRuntime, pictureLoader: noPictures },
  });
  expect(JSON.parse(run.stderr.split("\n")[0]!)).toMatchObject({
    level: "warn",
    message: "the variable LLAMAV_PROT has no effect; did you mean LLAMAV_PORT?",
  });
});

test("serve with two models is wrong usage", async () => {
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
