import { expect, spyOn, test } from "bun:test";
import { Engine } from "../../src/engine/engine.ts";
import type { EngineOptions, EngineRequest } from "../../src/engine/protocol.ts";
import { Runner } from "../../src/engine/runner.ts";
import { greedy } from "../../src/engine/sampling.ts";
import { Device } from "../../src/gpu/device.ts";
import { expectNothingHeld } from "./invariants.ts";
import { finish, noiseImage, request, text, tokensOf, useTinyModel } from "./tiny_engine.ts";

const model = useTinyModel();

/** An engine on a device of its own, on which nothing was compiled before. */
function openEngine(options: Partial<EngineOptions>): Engine & Disposable {
  const device = Device.open({});
  const engine = Engine.open({ model, chunkSize: 16, imageTiles: 8, ...options }, undefined, device);
  return Object.assign(engine, {
    [Symbol.dispose]() {
      engine.dispose();
      device.dispose();
    },
  });
}

const image = noiseImage(3, 2, 2);
const requests: readonly EngineRequest[] = [
  request(1, [0, ...text(5, 1)]),
  request(2, [0, -1, ...text(20, 2)], { images: [image] }),
  request(3, [0, -1, ...text(9, 3)], {
    images: [noiseImage(4)],
    sampling: { ...greedy, temperature: 0.7, topP: 0.5, seed: 1 },
  }),
];

function answers(engine: Engine): number[][] {
  return requests.map((one) => {
    engine.add(one);
    return tokensOf(finish(engine).get(one.id));
  });
}

test("warmUp() leaves nothing to compile for requests with and without pictures", () => {
  using engine = openEngine({ warmUp: true });
  const compiled = engine.device.pipelines.count;
  expect(compiled).toBeGreaterThan(10);
  answers(engine);
  expect(engine.device.pipelines.count).toBe(compiled);
});

test("warmUp() changes no answer, holds nothing and counts nothing", () => {
  using cold = openEngine({});
  using warm = openEngine({ warmUp: true });
  expectNothingHeld(warm);
  expect(warm.stats).toMatchObject({ promptTokens: 0, generatedTokens: 0, imageMisses: 0, steps: 0 });
  expect(answers(warm)).toEqual(answers(cold));
});

test("warmUp() fits into the smallest engine", () => {
  using engine = openEngine({
    warmUp: true,
    contextLength: 16,
    kvTokens: 16,
    imageTiles: 4,
    maxSequences: 1,
    chunkSize: 1,
  });
  engine.add(request(1, [0, 5], { maxTokens: 2 }));
  expect(tokensOf(finish(engine).get(1)).length).toBe(2);
});

test('warmUp "gpu" leaves a CPU alone', () => {
  using engine = openEngine({ warmUp: "gpu" });
  expect(engine.device.pipelines.count > 0).toBe(!engine.info.isCpu);
});

test("warmUp() that fails frees what was loaded", () => {
  using device = Object.assign(Device.open({}), { [Symbol.dispose]: () => device.dispose() });
  const encode = spyOn(Runner.prototype, "encodeImage").mockImplementation(() => {
    throw new Error("lost");
  });
  const dispose = spyOn(Runner.prototype, "dispose");
  try {
    expect(() => Engine.open({ model, warmUp: true }, undefined, device)).toThrow("lost");
    expect(dispose).toHaveBeenCalledTimes(1);
  } finally {
    encode.mockRestore();
    dispose.mockRestore();
  }
});
