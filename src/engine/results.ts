import { DeviceError } from "../base/errors.ts";
import type { Arena } from "../gpu/memory.ts";
import type { Recorder } from "../gpu/recorder.ts";
import { sliceRows } from "../gpu/tensor.ts";
import type { MllamaConfig } from "../model/config.ts";
import { allocate, type Allocated, f32, type ShapeTable, u32 } from "../model/shapes.ts";
import type { TextScratch } from "../model/text.ts";
import { topK } from "../ops/top_k.ts";
import { candidateCount, type Output, type OutputMode } from "./sampler.ts";

/** What comes back from a step, in memory that the host reads fast. */
export function resultShapes({ text }: MllamaConfig, outputs: number) {
  const candidates = Math.min(candidateCount, text.vocabSize);
  return {
    bestIds: u32(outputs, 1),
    bestLogits: f32(outputs, 1),
    ids: u32(outputs, candidates),
    candidates: f32(outputs, candidates),
    logSumExp: f32(outputs),
    logits: f32(outputs, text.vocabSize),
  } satisfies ShapeTable;
}

/** Picks from the logits on the device what the samplers need, and reads it. */
export class Results {
  readonly #arena: Arena;
  readonly #tensors: Allocated<ReturnType<typeof resultShapes>>;

  constructor(arena: Arena, config: MllamaConfig, outputs: number) {
    this.#arena = arena;
    this.#tensors = allocate(arena, resultShapes(config, outputs));
  }

  /** Records the last stage of a step. */
  record(cmd: Recorder, scratch: TextScratch, outputs: number, mode: OutputMode): void {
    const logits = sliceRows(scratch.logits, 0, outputs);
    const { bestIds, bestLogits, ids, candidates, logSumExp } = this.#tensors;
    const take = <T extends typeof bestIds | typeof bestLogits>(tensor: T): T =>
      sliceRows(tensor, 0, outputs) as T;
    cmd.label("text.sample");
    if (mode === "greedy") topK(cmd, logits, 1, take(bestIds), take(bestLogits), take(logSumExp));
    else if (mode === "candidates") {
      topK(cmd, logits, ids.shape[1]!, take(ids), take(candidates), take(logSumExp));
    } else cmd.copy(logits, take(this.#tensors.logits));
  }

  /**
   * One output per row, after the step has run. The arrays are copies.
   *
   * @throws {DeviceError} If a logit is not a number: no token that is chosen then would mean anything.
   */
  read(outputs: number, mode: OutputMode): Output[] {
    const { bestIds, bestLogits, ids, candidates, logSumExp, logits } = this.#tensors;
    const row = (tensor: typeof ids | typeof logits, index: number) => {
      const width = (tensor.shape[1] ?? 1) * 4;
      const bytes = this.#arena.view(tensor);
      return bytes.slice(index * width, (index + 1) * width).buffer;
    };
    return Array.from({ length: outputs }, (_, i): Output => {
      if (mode === "logits") {
        const values = new Float32Array(row(logits, i));
        if (values.some(Number.isNaN)) throw notNumbers();
        return { kind: "logits", logits: values };
      }
      if (Number.isNaN(new Float32Array(row(logSumExp, i))[0])) throw notNumbers();
      const [idTensor, logitTensor] = mode === "greedy" ? [bestIds, bestLogits] : [ids, candidates];
      return {
        kind: "candidates",
        ids: new Uint32Array(row(idTensor, i)),
        logits: new Float32Array(row(logitTensor, i)),
      };
    });
  }
}

function notNumbers(): DeviceError {
  return new DeviceError(
    "The model's logits are not numbers: its weights are damaged, or the driver computes wrongly",
    "Run `llamav doctor` to check the driver, and compare the weight files with their published hashes",
  );
}
