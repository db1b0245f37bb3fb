import { describe, expect, test } from "bun:test";
import { ModelError } from "../../src/base/errors.ts";
import { checkTensors } from "../../src/model/check_tensors.ts";
import { readConfig } from "../../src/model/config.ts";
import { canonicalName, expectedTensors } from "../../src/model/tensor_names.ts";
import { openWeights } from "../../src/weights/open.ts";
import type { FileDtype, TensorInfo, WeightSource } from "../../src/weights/source.ts";
import { goldenCheckpoints } from "../support/goldens.ts";

const { directory } = goldenCheckpoints()[0]!;
const config = readConfig(directory);
const gate = expectedTensors(config).find(({ name }) => name.endsWith("cross_attn_attn_gate"))!.name;

/** The first checkpoint's tensors, without their data, after a change. */
function changed(change: (tensors: Map<string, TensorInfo<FileDtype>>, gateName: string) => void) {
  const source = openWeights(directory);
  source.close();
  const tensors = new Map(source.tensors);
  change(tensors, [...tensors.keys()].find((name) => canonicalName(name) === gate)!);
  const changedSource: WeightSource<FileDtype> = { ...source, tensors, close() {} };
  return () => checkTensors(config, changedSource);
}

function put(
  tensors: Map<string, TensorInfo<FileDtype>>,
  name: string,
  info: Partial<TensorInfo<FileDtype>>,
): void {
  const file = `${directory}/model.safetensors`;
  tensors.set(name, { name, dtype: "f32", shape: [1], bytes: 4, file, ...tensors.get(name), ...info });
}

describe("checkTensors()", () => {
  test.each(goldenCheckpoints().map(({ name, directory }) => [name, directory]))(
    "gives %s under published names, with its bytes",
    (_, directory) => {
      const config = readConfig(directory);
      const source = openWeights(directory);
      const checked = checkTensors(config, source);
      expect([...checked.tensors.keys()].sort()).toEqual(
        expectedTensors(config).map(({ name }) => name).sort(),
      );
      const norm = checked.tensors.get("language_model.model.norm.weight")!;
      expect(checked.read(norm)).toEqual(source.read(source.tensors.get(norm.name)!));
      checked.close();
    },
  );

  test("ignores rotary tables that old exporters added, whatever their dtype", () => {
    const name = "language_model.model.layers.0.self_attn.rotary_emb.inv_freq";
    const check = changed((tensors) => put(tensors, name, { dtype: "f64", shape: [64], bytes: 512 }));
    expect(check().tensors.has(name)).toBe(false);
  });

  test.each<[string, Parameters<typeof changed>[0], RegExp]>([
    [
      "a missing tensor",
      (tensors, name) => tensors.delete(name),
      /tensor ".*cross_attn_attn_gate" \[1\] is missing/,
    ],
    [
      "an unknown tensor",
      (tensors) => put(tensors, "adapter.weight", {}),
      /tensor "adapter\.weight" is not part/,
    ],
    [
      "a wrong shape",
      (tensors, name) => put(tensors, name, { shape: [2] }),
      /must be \[1\] by config\.json, file has \[2\]/,
    ],
    [
      "a wrong rank",
      (tensors, name) => put(tensors, name, { shape: [1, 1] }),
      /must be \[1\] .* has \[1,1\]/,
    ],
    [
      "a dtype that is no float",
      (tensors, name) => put(tensors, name, { dtype: "i64" }),
      /f32, f16 or bf16, .* i64/,
    ],
    [
      "one tensor under two names",
      (tensors) => {
        put(tensors, "lm_head.weight", {});
        put(tensors, "language_model.lm_head.weight", {});
      },
      /is there twice, also as/,
    ],
  ])("refuses %s", (_, change, message) => {
    const check = changed(change);
    expect(check).toThrow(ModelError);
    expect(check).toThrow(message);
  });
});
