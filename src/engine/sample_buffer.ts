import { assert } from "../base/assert.ts";
import { DeviceError } from "../base/errors.ts";
import type { Arena } from "../gpu/memory.ts";
import { sliceRows } from "../gpu/tensor.ts";
import type { MllamaConfig } from "../model/config.ts";
import { allocate, type Allocated, f32, type ShapeTable, u32 } from "../model/shapes.ts";
import { adjustmentWord, adjustmentWords, maskWordsOf } from "../ops/adjust_logits.ts";
import { choiceWord, choiceWords, notANumber, nothingAllowed } from "../ops/sample.ts";
import type { Step } from "./batch.ts";
import type { ChosenLogprob } from "./protocol.ts";
import { maxEdits, type Sampler } from "./sampler.ts";

/** Most log probabilities that come back for one token. */
export const maxLogprobs = 20;

/** What was chosen for one output. */
export interface Sampled {
  readonly token: number;
  /** Where the sequence's sampling asks for it. */
  readonly logprob?: ChosenLogprob | undefined;
  /** Why there is no token: a logit is not a number, and none that is chosen then would mean anything. */
  readonly error?: DeviceError | undefined;
}

/** Which stages the sampling of a step has. */
export interface SampleMode {
  /** Some row is drawn. */
  readonly draws: boolean;
  /** Some row's logits are changed before. */
  readonly adjusts: boolean;
  /** Some row's log probabilities are wanted. */
  readonly logprobs: boolean;
}

/** What the sampling of a step reads, in memory that the host writes. */
export function sampleInputShapes({ text }: MllamaConfig, outputs: number) {
  return {
    choices: u32(outputs, choiceWords),
    adjustments: u32(outputs, adjustmentWords),
    edits: u32(outputs, maxEdits, 2),
    masks: u32(outputs, maskWordsOf(text.vocabSize)),
  } satisfies ShapeTable;
}

/** What comes back from a step, in memory that the host reads fast. */
export function sampleOutputShapes({ text }: MllamaConfig, outputs: number) {
  const best = Math.min(maxLogprobs, text.vocabSize);
  return {
    tokens: u32(outputs),
    logits: f32(outputs),
    topIds: u32(outputs, best),
    topLogits: f32(outputs, best),
    logSumExp: f32(outputs),
  } satisfies ShapeTable;
}

type MutableSampled = { -readonly [K in keyof Sampled]: Sampled[K] };
type Inputs = ReturnType<typeof sampleInputShapes>;
type Outputs = ReturnType<typeof sampleOutputShapes>;

/** How the tokens of one step are chosen, and which they were. Its arrays are used again from step to step. */
export class SampleBuffer {
  readonly mode = { draws: false, adjusts: false, logprobs: false };
  readonly #tensors: Allocated<Inputs> & Allocated<Outputs>;
  readonly #inputs: Record<keyof Inputs, Uint32Array>;
  readonly #tokens: Uint32Array;
  readonly #logits: Float32Array;
  readonly #topIds: Uint32Array;
  readonly #topLogits: Float32Array;
  readonly #logSumExp: Float32Array;
  readonly #maskWords: number;
  readonly #best: number;
  readonly #samplers: Sampler[] = [];
  readonly #sampled: MutableSampled[] = [];
  /** Entries of `#sampled`, kept for the next steps. */
  readonly #entries: MutableSampled[] = [];

  /**
   * @param inputs has room for `sampleInputShapes`
   * @param outputs has room for `sampleOutputShapes`
   */
  constructor(inputs: Arena, outputs: Arena, config: MllamaConfig, count: number) {
    const inputTensors = allocate(inputs, sampleInputShapes(config, count));
    const outputTensors = allocate(outputs, sampleOutputShapes(config, count));
    this.#tensors = { ...inputTensors, ...outputTensors };
    const { choices, adjustments, edits, masks } = inputTensors;
    this.#inputs = {
      choices: words(inputs.view(choices)),
      adjustments: words(inputs.view(adjustments)),
      edits: words(inputs.view(edits)),
      masks: words(inputs.view(masks)),
    };
    this.#tokens = words(outputs.view(outputTensors.tokens));
    this.#logits = floats(outputs.view(outputTensors.logits));
    this.#topIds = words(outputs.view(outputTensors.topIds));
    this.#topLogits = floats(outputs.view(outputTensors.topLogits));
    this.#logSumExp = floats(outputs.view(outputTensors.logSumExp));
    this.#maskWords = masks.shape[1]!;
    this.#best = outputTensors.topIds.shape[1]!;
  }

  /** Outputs of the step that was written last. */
  get count(): number {
    return this.#samplers.length;
  }

  /** The tensors of so many outputs, for recording. */
  tensors(outputs: number): Allocated<Inputs> & Allocated<Outputs> {
    const { choices, adjustments, edits, masks, tokens, logits, topIds, topLogits, logSumExp } =
      this.#tensors;
    return {
      choices: sliceRows(choices, 0, outputs),
      adjustments: sliceRows(adjustments, 0, outputs),
      edits: sliceRows(edits, 0, outputs),
      masks: sliceRows(masks, 0, outputs),
      tokens: sliceRows(tokens, 0, outputs),
      logits: sliceRows(logits, 0, outputs),
      topIds: sliceRows(topIds, 0, outputs),
      topLogits: sliceRows(topLogits, 0, outputs),
      logSumExp: sliceRows(logSumExp, 0, outputs),
    };
  }

  /** Writes how each output of the step is chosen. The first takes its logits from `firstRow`, and so on. */
  write(step: Step, firstRow = 0): void {
    const { mode } = this;
    this.#samplers.length = 0;
    mode.draws = mode.adjusts = mode.logprobs = false;
    for (const { sequence, end, output, mask } of step) {
      if (!output) continue;
      const { sampler, slot, promptLength } = sequence;
      const generated = end - promptLength;
      const row = this.#samplers.push(sampler) - 1;
      this.#writeChoice(row, sampler, firstRow + row, slot, end);
      this.#writeAdjustment(row, sampler, slot, generated, mask);
      mode.draws ||= sampler.draws;
      mode.adjusts ||= sampler.adjusts(generated, mask !== undefined);
      mode.logprobs ||= sampler.logprobs !== undefined;
    }
  }

  /** What was chosen, after the step has run. Good until the next `write`. */
  read(): readonly Sampled[] {
    this.#sampled.length = 0;
    for (let row = 0; row < this.count; row++) {
      const token = this.#tokens[row]!;
      const masked = this.#inputs.adjustments[row * adjustmentWords + adjustmentWord.masked] === 1;
      assert(!(masked && token === nothingAllowed), "a mask allows a token");
      const failed = token === notANumber || token === nothingAllowed; // without a mask, every logit is -∞ then
      const entry = this.#entries[row] ??= { token, logprob: undefined, error: undefined };
      const { logprobs } = this.#samplers[row]!;
      entry.token = token;
      entry.logprob = failed || logprobs === undefined ? undefined : this.#logprob(row, logprobs);
      entry.error = failed ? notNumbers() : undefined;
      this.#sampled.push(entry);
    }
    return this.#sampled;
  }

  #writeChoice(row: number, { choice }: Sampler, logitsRow: number, slot: number, position: number): void {
    const { choices } = this.#inputs;
    const at = row * choiceWords;
    choices.set(choice, at);
    choices[at + choiceWord.logitsRow] = logitsRow;
    choices[at + choiceWord.slot] = slot;
    choices[at + choiceWord.position] = position;
  }

  #writeAdjustment(
    row: number,
    sampler: Sampler,
    slot: number,
    generated: number,
    mask: Uint32Array | undefined,
  ): void {
    const { adjustments, edits, masks } = this.#inputs;
    const at = row * adjustmentWords;
    const rowEdits = sampler.edits(generated);
    adjustments.set(sampler.adjustment, at);
    adjustments[at + adjustmentWord.slot] = slot;
    adjustments[at + adjustmentWord.editCount] = rowEdits.length / 2;
    adjustments[at + adjustmentWord.masked] = mask ? 1 : 0;
    if (rowEdits.length > 0) edits.set(rowEdits, row * maxEdits * 2);
    if (!mask) return;
    assert(mask.length === this.#maskWords, `a mask has ${this.#maskWords} words, not ${mask.length}`);
    masks.set(mask, row * this.#maskWords);
  }

  /** From the raw distribution: the model's own, whatever was changed in it afterwards. */
  #logprob(row: number, count: number): ChosenLogprob {
    const sum = this.#logSumExp[row]!;
    const first = row * this.#best;
    return {
      logprob: this.#logits[row]! - sum,
      top: Array.from({ length: Math.min(count, this.#best) }, (_, i) => ({
        token: this.#topIds[first + i]!,
        logprob: this.#topLogits[first + i]! - sum,
      })),
    };
  }
}

function words(bytes: Uint8Array): Uint32Array {
  return new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4);
}

function floats(bytes: Uint8Array): Float32Array {
  return new Float32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4);
}

function notNumbers(): DeviceError {
  return new DeviceError(
    "The model's logits are not numbers: its weights are damaged, or the driver computes wrongly",
    "Run `llamav doctor` to check the driver, and compare the weight files with their published hashes",
  );
}
