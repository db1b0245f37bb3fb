import { expect, spyOn, test } from "bun:test";
import type { Dtype } from "../../src/base/dtype.ts";
import { trace } from "../../src/engine/trace.ts";
import { Runner } from "../../src/engine/runner.ts";
import type { Device } from "../../src/gpu/device.ts";
import { Arena } from "../../src/gpu/memory.ts";
import { Uploader } from "../../src/gpu/staging.ts";
import { type Tensor, tensorBytes } from "../../src/gpu/tensor.ts";
import { openTestDevice } from "../support/gpu.ts";
import { asDiscrete } from "../support/limited_device.ts";
import { finish, noiseImage, openTinyEngine, request, text, tokensOf, useTinyModel } from "./tiny_engine.ts";

const model = useTinyModel();

/** Fills memory that is not zeroed with NaN, as soon as a tensor has it. Says which arenas had such memory. */
function poisonMemory(): { readonly arenas: ReadonlySet<string> } & Disposable {
  const uploader = new Uploader(openTestDevice());
  const original = Arena.prototype.tensor;
  const arenas = new Set<string>();
  const spy = spyOn(Arena.prototype, "tensor").mockImplementation(
    function <D extends Dtype>(this: Arena, name: string, dtype: D, shape: readonly number[]) {
      const tensor = original.call(this, name, dtype, shape) as Tensor<D>;
      if (this.zeroed) return tensor;
      uploader.write(tensor, 0, tensorBytes(tensor), ({ bytes }) => void bytes.fill(0xff));
      uploader.flush();
      arenas.add(this.name);
      return tensor;
    },
  );
  return {
    arenas,
    [Symbol.dispose]() {
      spy.mockRestore();
      uploader.dispose();
    },
  };
}

/** Logits of a conversation with two pictures, and what sequences of all kinds say in one batch. */
function everything(device: Device): unknown {
  const engine = openTinyEngine(model, { outputRows: 64 }, device);
  try {
    const images = [noiseImage(1, 2, 1), noiseImage(2)];
    const { tokens } = request(1, [0, ...text(5, 1), -1, ...text(20, 2), -1, ...text(7, 3)]);
    const { logits } = trace(engine, { id: 1, tokens, images, maxTokens: 6, steps: true });
    for (const [id, length] of [1, 16, 17, 45].entries()) {
      engine.add(request(10 + id, [0, ...text(length, id)]));
      engine.add(request(20 + id, [0, -1, ...text(length, id)], { images: [noiseImage(id, 1, 2)] }));
    }
    return [logits.data, [...finish(engine)].map(([id, events]) => [id, tokensOf(events)])];
  } finally {
    engine.dispose();
  }
}

const devices = [["CPU", openTestDevice], ["graphics card", () => asDiscrete(openTestDevice())]] as const;

for (const [name, open] of devices) {
  test(`no memory is read before it is written, where it is not zeroed, with the kernels of a ${name}`, () => {
    const want = everything(open());
    using poison = poisonMemory();
    expect(everything(open())).toEqual(want);
    expect(poison.arenas).toEqual(new Set(["text cache", "image cache", "weights"]));
  });

  test(`warmUp() reads nothing before it was written, with the kernels of a ${name}`, () => {
    using poison = poisonMemory();
    const original = Runner.prototype.collect;
    const errors: unknown[] = []; // at once: what is collected is overwritten by the next step
    const collect = spyOn(Runner.prototype, "collect").mockImplementation(function (this: Runner, pending) {
      const sampled = original.call(this, pending);
      errors.push(...sampled.map(({ error }) => error));
      return sampled;
    });
    try {
      openTinyEngine(model, { warmUp: true }, open()).dispose();
    } finally {
      collect.mockRestore();
    }
    expect(errors.length).toBeGreaterThan(10);
    expect(errors.filter(Boolean)).toEqual([]);
    expect(poison.arenas.size).toBe(3);
  });
}
