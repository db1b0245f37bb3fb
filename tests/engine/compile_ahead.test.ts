import { expect, test } from "bun:test";
import { Engine } from "../../src/engine/engine.ts";
import type { EngineRequest, FirstAnswer } from "../../src/engine/protocol.ts";
import { greedy } from "../../src/engine/sampling.ts";
import { Device } from "../../src/gpu/device.ts";
import { expectNothingHeld } from "./invariants.ts";
import { finish, noiseImage, request, text, tokensOf, useTinyModel } from "./tiny_engine.ts";

const model = useTinyModel();
const drawn = { ...greedy, temperature: 0.7, topP: 0.5, seed: 1 };

/** An engine on a device of its own, on which nothing was compiled before. */
function openEngine(firstAnswer?: FirstAnswer): Engine & Disposable {
  const device = Device.open({});
  const options = { model, chunkSize: 16, imageTiles: 8, firstAnswer };
  const engine = Engine.open(options, undefined, device);
  return Object.assign(engine, {
    [Symbol.dispose]() {
      engine.dispose();
      device.dispose();
    },
  });
}

function answer(engine: Engine, one: EngineRequest): number[] {
  engine.add(one);
  return tokensOf(finish(engine).get(one.id));
}

const answers: readonly [FirstAnswer, EngineRequest][] = [
  [{ pictures: false, draws: false }, request(1, [0, ...text(15, 1)])],
  [{ pictures: false, draws: true }, request(1, [0, ...text(15, 2)], { sampling: drawn })],
  [
    { pictures: true, draws: true },
    request(1, [0, -1, ...text(14, 3)], {
      images: [noiseImage(3, 2, 2)],
      sampling: drawn,
    }),
  ],
];

test("a driver that compiles at first use hears of every kernel before a weight is read, and computes nothing", () => {
  const grids: number[][] = [];
  let submits = 0;
  const device = Device.open({
    intercept: (name, call) => (...args) => {
      if (name === "vkCmdDispatch") grids.push(args.slice(1) as number[]);
      if (name === "vkQueueSubmit") submits++;
      return call(...args);
    },
  });
  const firstAnswer = { pictures: true, draws: true };
  let submittedBefore: number | undefined;
  const onProgress = (done: number) => {
    if (done > 0) submittedBefore ??= submits;
  };
  const engine = Engine.open({ model, chunkSize: 16, imageTiles: 8, firstAnswer }, onProgress, device);
  try {
    expect(grids.length).toBeGreaterThanOrEqual(device.pipelines.count);
    expect(new Set(grids.map(String))).toEqual(new Set(["0,0,0"]));
    expect(submittedBefore).toBeGreaterThan(0);
  } finally {
    engine.dispose();
    device.dispose();
  }
});

for (const [first, one] of answers) {
  const name = `${first.pictures ? "a picture" : "text"} and ${first.draws ? "drawn" : "likeliest"} tokens`;
  test(`the first answer finds its kernels compiled: ${name}`, () => {
    using cold = openEngine();
    using prepared = openEngine(first);
    expect(cold.device.pipelines.count).toBe(0);
    const compiled = prepared.device.pipelines.count;
    expect(compiled).toBeGreaterThan(5);
    expectNothingHeld(prepared);
    expect(answer(prepared, one)).toEqual(answer(cold, one));
    expect(prepared.device.pipelines.count).toBe(compiled);
  });
}
