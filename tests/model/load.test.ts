import { describe, expect, test } from "bun:test";
import { dtypeBytes, elementCount } from "../../src/base/dtype.ts";
import { DeviceError, ModelError } from "../../src/base/errors.ts";
import type { Device } from "../../src/gpu/device.ts";
import { Arena, planBytes } from "../../src/gpu/memory.ts";
import { Recorder } from "../../src/gpu/recorder.ts";
import type { Tensor } from "../../src/gpu/tensor.ts";
import type { WeightDtype } from "../../src/model/check_tensors.ts";
import { toFloat32 } from "../../src/model/float_formats.ts";
import { loadWeights, planWeights } from "../../src/model/load.ts";
import { expectedTensors } from "../../src/model/tensor_names.ts";
import type { MllamaWeights } from "../../src/model/weights.ts";
import { encodeWeight } from "../../src/selftest/weight_bytes.ts";
import type { TensorInfo, WeightSource } from "../../src/weights/source.ts";
import { openTestDevice } from "../support/gpu.ts";
import { overrideDevice, withoutUnifiedMemory } from "../support/limited_device.ts";
import { tinyConfig, tinyWeights } from "./tiny_checkpoint.ts";

const device = openTestDevice();
const config = tinyConfig();
const values = tinyWeights(config, 21);

/** Weights in memory instead of in files; `onRead` is told the bytes of every read. */
function memorySource(
  dtypeOf: (name: string) => WeightDtype = () => "f32",
  onRead: (bytes: number) => void = () => {},
): WeightSource<WeightDtype> {
  const tensors = new Map<string, TensorInfo<WeightDtype>>();
  const bytes = new Map<string, Uint8Array>();
  for (const { name, shape } of expectedTensors(config)) {
    const dtype = dtypeOf(name);
    bytes.set(name, encodeWeight(dtype, values.get(name)!).bytes);
    tensors.set(name, {
      name,
      dtype,
      shape,
      bytes: elementCount(shape) * dtypeBytes[dtype],
      file: "memory",
    });
  }
  const read = (info: TensorInfo<WeightDtype>, begin = 0, length = info.bytes - begin) => {
    onRead(length);
    expect(begin + length).toBeLessThanOrEqual(info.bytes);
    return bytes.get(info.name)!.slice(begin, begin + length);
  };
  return {
    tensors,
    read,
    readInto: (info, begin, target) => target.set(read(info, begin, target.length)),
    readLater: (info, begin, target) => target.set(read(info, begin, target.length)),
    settle() {},
    close() {},
  };
}

/** The values of a tensor on the device. */
function download(tensor: Tensor): Float32Array {
  const arena = new Arena(device, "download", planBytes([tensor]), "readback");
  const copy = arena.tensor("copy", tensor.dtype, tensor.shape);
  const cmd = new Recorder(device);
  cmd.copy(tensor, copy);
  const recording = cmd.finish();
  device.queue.run(recording);
  const result = toFloat32(arena.view(copy), tensor.dtype as WeightDtype);
  recording.dispose();
  arena.dispose();
  return result;
}

/** The device, how many pieces of memory have been taken through it and not been given back, and who hears of that. */
function countMemory(
  device: Device,
  onFree: () => void = () => {},
): { device: Device; taken(): number; held(): number } {
  let [taken, freed] = [0, 0];
  const commands = Object.create(device.commands, {
    vkFreeMemory: {
      value: (...args: Parameters<Device["commands"]["vkFreeMemory"]>) => {
        freed++;
        onFree();
        return device.commands.vkFreeMemory(...args);
      },
    },
  });
  const create: Device["create"] = (command, layout, values) => {
    if (command === "vkAllocateMemory") taken++;
    return device.create(command, layout, values);
  };
  return {
    device: overrideDevice(device, { commands, create }),
    taken: () => taken,
    held: () => taken - freed,
  };
}

/** Loads, shows the weights to `check`, and frees them. */
function withLoaded(source: WeightSource<WeightDtype>, check: (weights: MllamaWeights) => void, on = device) {
  const { weights, arena } = loadWeights(config, source, planWeights(config, source), on);
  try {
    check(weights);
  } finally {
    arena.dispose();
  }
}

/** Rows [begin, end) of a table of `width` columns, each padded with zeros to `paddedWidth`. */
function rows(table: Float32Array, width: number, begin: number, end: number, paddedWidth = width): number[] {
  return Array.from({ length: end - begin }, (_, i) => {
    const row = [...table.subarray((begin + i) * width, (begin + i + 1) * width)];
    return [...row, ...new Array<number>(paddedWidth - width).fill(0)];
  }).flat();
}

const zeros = (count: number) => new Array<number>(count).fill(0);
const named = (name: string): Float32Array => values.get(name)!;

function checkEverything(weights: MllamaWeights, as: (values: number[]) => number[]): void {
  const expectValues = (tensor: Tensor, shape: number[], want: number[]) => {
    expect({ name: tensor.name, shape: tensor.shape }).toEqual({ name: tensor.name, shape });
    expect({ name: tensor.name, values: [...download(tensor)] }).toEqual({
      name: tensor.name,
      values: as(want),
    });
  };
  const { vision, text } = weights;
  expectValues(vision.patch, [16, 28], rows(named("vision_model.patch_embedding.weight"), 27, 0, 16, 28));

  const local = "vision_model.transformer.layers.1.";
  const { qkv, fc1, fc1Bias, fc2 } = vision.local[1]!;
  expectValues(
    qkv,
    [48, 16],
    ["q", "k", "v"].flatMap((part) => [...named(`${local}self_attn.${part}_proj.weight`)]),
  );
  expectValues(fc1, [40, 16], [...named(`${local}mlp.fc1.weight`), ...zeros(3 * 16)]);
  expectValues(fc1Bias, [40], [...named(`${local}mlp.fc1.bias`), ...zeros(3)]);
  expectValues(fc2, [16, 40], rows(named(`${local}mlp.fc2.weight`), 37, 0, 16, 40));

  // The projector's columns: the final state's, then channel by channel those of both saved states.
  const projector = named("multi_modal_projector.weight");
  const column = (index: (channel: number) => number) =>
    Array.from({ length: 16 * 16 }, (_, i) => projector[Math.floor(i / 16) * 48 + index(i % 16)]!);
  expect(vision.projector.length).toBe(3);
  expectValues(vision.projector[0]!, [16, 16], column((channel) => channel));
  expectValues(vision.projector[1]!, [16, 16], column((channel) => 16 + 2 * channel));
  expectValues(vision.projector[2]!, [16, 16], column((channel) => 16 + 2 * channel + 1));

  const { tilePositional, preTile, postTile } = vision.arrangements[7]!; // id 8
  const tiles = named("vision_model.gated_positional_embedding.tile_embedding.weight");
  expectValues(tilePositional, [20, 16], rows(tiles, 4 * 5 * 16, 8, 9));
  expectValues(
    preTile,
    [64],
    rows(named("vision_model.pre_tile_positional_embedding.embedding.weight"), 64, 8, 9),
  );
  expectValues(
    postTile,
    [64],
    rows(named("vision_model.post_tile_positional_embedding.embedding.weight"), 64, 8, 9),
  );

  const cross = "language_model.model.layers.1.";
  const { gateUp, down } = text.layers[1]!;
  const half = (part: string) => [...named(`${cross}mlp.${part}_proj.weight`), ...zeros(3 * 16)];
  expectValues(gateUp, [80, 16], [...half("gate"), ...half("up")]);
  expectValues(down, [16, 40], rows(named(`${cross}mlp.down_proj.weight`), 37, 0, 16, 40));
  expectValues(text.embedTokens, [48, 16], [...named("language_model.model.embed_tokens.weight")]);
}

describe("loadWeights()", () => {
  test("stacks, pads and takes apart f32 weights", () => {
    withLoaded(memorySource(), (weights) => checkEverything(weights, (values) => values));
  });

  test("does the same through staging memory", () => {
    withLoaded(
      memorySource(),
      (weights) => checkEverything(weights, (values) => values),
      withoutUnifiedMemory(device),
    );
  });

  for (const dtype of ["bf16", "f16"] as const) {
    test(`keeps matrices in ${dtype} and makes vectors f32, bit by bit`, () => {
      const rounded = (values: number[]) => {
        const { bytes } = encodeWeight(dtype, Float32Array.from(values));
        return [...toFloat32(bytes, dtype)];
      };
      withLoaded(memorySource(() => dtype), (weights) => {
        checkEverything(weights, rounded);
        expect([weights.vision.patch.dtype, weights.text.norm.dtype]).toEqual([dtype, "f32"]);
      });
    });
  }

  test("takes the tanh of every gate, in f64", () => {
    withLoaded(memorySource(), ({ vision, text }) => {
      const tanh = (name: string) => Math.tanh(named(name)[0]!);
      expect(vision.positionGate).toBe(tanh("vision_model.gated_positional_embedding.gate"));
      expect(vision.preTileGate).toBe(tanh("vision_model.pre_tile_positional_embedding.gate"));
      expect(vision.postTileGate).toBe(tanh("vision_model.post_tile_positional_embedding.gate"));
      expect(vision.global[0]!.attentionGate).toBe(
        tanh("vision_model.global_transformer.layers.0.gate_attn"),
      );
      expect(vision.global[0]!.mlpGate).toBe(tanh("vision_model.global_transformer.layers.0.gate_ffn"));
      expect([vision.local[0]!.attentionGate, vision.local[0]!.mlpGate]).toEqual([1, 1]);
      const layer = text.layers[1]!;
      if (layer.kind !== "cross") throw new Error("Layer 1 must be a cross-attention layer");
      expect(layer.attentionGate).toBe(tanh("language_model.model.layers.1.cross_attn_attn_gate"));
      expect(layer.mlpGate).toBe(tanh("language_model.model.layers.1.cross_attn_mlp_gate"));
    });
  });

  test("reports bytes that rise to the total, which is what it reads", () => {
    let bytesRead = 0;
    const source = memorySource(() => "f32", (bytes) => bytesRead += bytes);
    const plan = planWeights(config, source);
    const gateBytes = bytesRead; // gates are not counted
    bytesRead = 0;
    const reports: [number, number][] = [];
    loadWeights(config, source, plan, device, {
      onProgress: (done, total) => reports.push([done, total]),
    }).arena.dispose();
    expect(new Set(reports.map(([, total]) => total)).size).toBe(1);
    expect(reports.map(([done]) => done)).toEqual(reports.map(([done]) => done).toSorted((a, b) => a - b));
    expect(reports.at(-1)![0]).toBe(reports[0]![1]);
    // Of the tables, the row of "no image" is left out; of the projector, rows are read once for each part.
    const total = reports[0]![1];
    expect(total).toBe(plan.sourceBytes);
    expect(bytesRead).toBe(total + gateBytes + 2 * named("multi_modal_projector.weight").byteLength);
  });

  test("shows where everything will lie before it reads any of it", () => {
    let bytesRead = 0;
    const source = memorySource(() => "f32", (bytes) => bytesRead += bytes);
    const plan = planWeights(config, source);
    const gateBytes = bytesRead;
    bytesRead = 0;
    let shown: MllamaWeights | undefined;
    const { weights, arena } = loadWeights(config, source, plan, device, {
      onPlaced(placed) {
        shown = placed;
        expect(bytesRead).toBe(gateBytes);
      },
    });
    expect(shown).toBe(weights);
    arena.dispose();
  });

  test("frees its memory when what was to be prepared meanwhile fails", () => {
    const source = memorySource();
    const counted = countMemory(device);
    const onPlaced = () => {
      throw new DeviceError("no such kernel");
    };
    const plan = planWeights(config, source);
    expect(() => loadWeights(config, source, plan, counted.device, { onPlaced })).toThrow("no such kernel");
    expect([counted.taken() > 0, counted.held()]).toEqual([true, 0]);
  });

  test("takes exactly the planned bytes", () => {
    const source = memorySource();
    const { arena } = loadWeights(config, source, planWeights(config, source), device);
    expect(() => arena.tensor("one more", "f32", [1])).toThrow(/have 0$/);
    arena.dispose();
  });

  for (const [memory, on] of [["mapped", device], ["staging", withoutUnifiedMemory(device)]] as const) {
    test(`frees its memory when a read fails: ${memory}`, () => {
      for (const reads of [1, 20]) {
        let left = Infinity;
        const source = memorySource(() => "f32", () => {
          if (--left === 0) throw new ModelError("Cannot load the file: it ends early");
        });
        const plan = planWeights(config, source);
        left = reads;
        const counted = countMemory(on);
        expect(() => loadWeights(config, source, plan, counted.device)).toThrow(/ends early/);
        expect([counted.taken() > 0, counted.held()]).toEqual([true, 0]);
      }
    });
  }
});

describe("memory that threads may still write to", () => {
  /** Loads from a source whose third tensor cannot be begun; `onSettle` is where it waits for those before. */
  function failToLoad(onSettle: () => void): { freed: boolean; held: number } {
    let reads = Infinity;
    const plain = memorySource(() => "f32", () => {
      if (--reads === 0) throw new DeviceError("The device is full");
    });
    const plan = planWeights(config, plain);
    reads = 3;
    let freed = false;
    const settle = () => {
      expect(freed).toBe(false);
      onSettle();
    };
    const counted = countMemory(device, () => freed = true);
    expect(() => loadWeights(config, { ...plain, settle }, plan, counted.device)).toThrow(
      "The device is full",
    );
    return { freed, held: counted.held() };
  }

  test("is freed when they have come to their end", () => {
    let settled = 0;
    expect(failToLoad(() => settled++)).toEqual({ freed: true, held: 0 });
    expect(settled).toBe(1);
  });

  test("is freed when they have ended with an error", () => {
    const read = failToLoad(() => {
      throw new ModelError("The file ends early");
    });
    expect(read).toEqual({ freed: true, held: 0 });
  });

  test("stays when they do not answer", () => {
    const { held } = failToLoad(() => {
      throw new Error("Reading has stopped");
    });
    expect(held).toBeGreaterThan(0);
  });
});

describe("planWeights()", () => {
  test("refuses to stack tensors of two dtypes", () => {
    const source = memorySource((name) => name.endsWith("layers.0.self_attn.v_proj.weight") ? "bf16" : "f32");
    expect(() => planWeights(config, source)).toThrow(ModelError);
    expect(() => planWeights(config, source)).toThrow(
      /q_proj.weight" \(f32\) and ".*v_proj.weight" \(bf16\)/,
    );
  });

  test("lets parts that are not stacked differ in dtype", () => {
    const source = memorySource((name) => name.endsWith("o_proj.weight") ? "f16" : "bf16");
    withLoaded(source, ({ text: { layers } }) => {
      expect([layers[0]!.output.dtype, layers[0]!.gateUp.dtype]).toEqual(["f16", "bf16"]);
    });
  });

  test("reads nothing but gates", () => {
    let count = 0;
    planWeights(config, memorySource(() => "f32", () => count++));
    const gates = [...values.keys()].filter((name) => /gate(_attn|_ffn)?$/.test(name));
    expect(count).toBe(gates.length);
  });
});
