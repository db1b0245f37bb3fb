import { ModelError } from "../base/errors.ts";
import { quote } from "../base/quote.ts";
import type { FileDtype, TensorInfo, WeightSource } from "../weights/source.ts";
import type { MllamaConfig } from "./config.ts";
import { canonicalName, type ExpectedTensor, expectedTensors } from "./tensor_names.ts";

/** Element types that weights may have. */
export type WeightDtype = "f32" | "f16" | "bf16";

/** Tensors that some exporters add and that say nothing the configuration does not say. */
const ignorable = /\.rotary_emb\.inv_freq$/;

/**
 * Holds a checkpoint's tensors against its configuration: each one there, none unknown, none under two names,
 * shape and dtype right. The result is the same source under published names, with nothing else in it.
 *
 * @throws {ModelError} Naming the tensor and its file.
 */
export function checkTensors(
  config: MllamaConfig,
  source: WeightSource<FileDtype>,
): WeightSource<WeightDtype> {
  const found = byCanonicalName(source);
  const tensors = new Map<string, TensorInfo<WeightDtype>>();
  for (const expected of expectedTensors(config)) {
    const info = found.get(expected.name);
    if (!info) throw missing(expected, found.size);
    tensors.set(expected.name, checked(info, expected));
    found.delete(expected.name);
  }
  for (const info of found.values()) {
    if (ignorable.test(info.name)) continue;
    refuse(info, "is not part of the model that config.json describes");
  }
  return {
    tensors,
    readInto: (info, byteOffset, target) => source.readInto(info, byteOffset, target),
    read: (info, byteOffset, byteLength) => source.read(info, byteOffset, byteLength),
    readLater: (info, byteOffset, target) => source.readLater(info, byteOffset, target),
    settle: () => source.settle(),
    close: () => source.close(),
  };
}

function byCanonicalName(source: WeightSource<FileDtype>): Map<string, TensorInfo<FileDtype>> {
  const found = new Map<string, TensorInfo<FileDtype>>();
  for (const info of source.tensors.values()) {
    const name = canonicalName(info.name);
    const other = found.get(name);
    if (other) refuse(info, `is there twice, also as ${quote(other.name)}`);
    found.set(name, info);
  }
  return found;
}

function checked(info: TensorInfo<FileDtype>, expected: ExpectedTensor): TensorInfo<WeightDtype> {
  const same = info.shape.length === expected.shape.length &&
    info.shape.every((size, i) => size === expected.shape[i]);
  if (!same) refuse(info, `must be [${expected.shape}] by config.json, file has [${info.shape}]`);
  if (!isWeight(info)) refuse(info, `must be f32, f16 or bf16, file has ${info.dtype}`);
  return info;
}

function isWeight(info: TensorInfo<FileDtype>): info is TensorInfo<WeightDtype> {
  return info.dtype === "f32" || info.dtype === "f16" || info.dtype === "bf16";
}

function missing(expected: ExpectedTensor, foundCount: number): ModelError {
  return new ModelError(
    `Cannot load the weights: tensor "${expected.name}" [${expected.shape}] is missing, ${foundCount} others are there`,
    "config.json and the weight files must come from the same checkpoint, with language and vision part.",
  );
}

function refuse(info: TensorInfo<FileDtype>, fault: string): never {
  throw new ModelError(
    `Cannot load ${quote(info.file, 1000)}: tensor ${quote(info.name)} ${fault}`,
    "config.json and the weight files must come from the same checkpoint.",
  );
}
