import { assert } from "../base/assert.ts";
import type { Device } from "../gpu/device.ts";
import type { Arena } from "../gpu/memory.ts";
import { Recorder, type Recording } from "../gpu/recorder.ts";
import { sliceRows, type Tensor } from "../gpu/tensor.ts";
import type { MllamaConfig } from "../model/config.ts";
import { allocate, type Allocated, f32, type ShapeTable, u32 } from "../model/shapes.ts";
import { adjustLogits } from "../ops/adjust_logits.ts";
import { countTokens, textHeader } from "../ops/count_tokens.ts";
import { sample } from "../ops/sample.ts";
import { topK } from "../ops/top_k.ts";
import type { SampleBuffer, SampleMode } from "./sample_buffer.ts";
import type { Sequence } from "./sequence.ts";

/** What the device keeps between the steps to choose tokens, by slot, and working memory. */
export function samplingStateShapes({ text }: MllamaConfig, slots: number) {
  return {
    /** Each slot's latest token, which the next step may need before the host knows it. */
    sampled: u32(slots),
    /** How often each token stands in the slot's sequence; see `countTokens`. */
    counts: u32(slots, text.vocabSize),
    adjusted: f32(slots, text.vocabSize),
  } satisfies ShapeTable;
}

/** The text that is being counted, in memory that the host writes. */
export function countedTextShapes(contextLength: number) {
  return { text: u32(textHeader + contextLength) } satisfies ShapeTable;
}

/** Chooses tokens from logits on the device. One for all steps; what is a step's own lies in its `SampleBuffer`. */
export class SamplingStage {
  readonly #device: Device;
  readonly #state: Allocated<ReturnType<typeof samplingStateShapes>>;
  readonly #text: Tensor<"u32">;
  readonly #textView: Uint32Array;
  /** By slot: whose tokens `counts` holds, and how many of them. */
  readonly #counted: { sequence: Sequence | undefined; length: number }[];
  #counting: Recording | undefined;

  /**
   * @param deviceArena has room for `samplingStateShapes`
   * @param sharedArena has room for `countedTextShapes`
   */
  constructor(
    device: Device,
    deviceArena: Arena,
    sharedArena: Arena,
    config: MllamaConfig,
    slots: number,
    contextLength: number,
  ) {
    this.#device = device;
    this.#state = allocate(deviceArena, samplingStateShapes(config, slots));
    this.#text = allocate(sharedArena, countedTextShapes(contextLength)).text;
    const bytes = sharedArena.view(this.#text);
    this.#textView = new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4);
    this.#counted = Array.from({ length: slots }, () => ({ sequence: undefined, length: 0 }));
  }

  /** u32 [slots]: the latest token of each. */
  get sampled(): Tensor<"u32"> {
    return this.#state.sampled;
  }

  /**
   * Makes sure that the slot's counts hold the tokens of a sequence that needs them, before a step that chooses its
   * next one. Steps keep them up to date, so this waits for the device only where a sequence comes to a slot.
   */
  prepare(sequence: Sequence): void {
    if (!sequence.sampler.counts) return;
    const { tokens, promptLength, slot } = sequence;
    const counted = this.#counted[slot];
    assert(counted, "a sequence that runs has a slot");
    if (counted.sequence !== sequence || counted.length !== sequence.length) {
      assert(sequence.pendingTokens === 0, "what comes to a slot has no token on the way");
      counted.sequence = sequence;
      this.#textView[0] = slot;
      this.#textView[1] = promptLength;
      this.#textView[2] = tokens.length;
      this.#textView.set(tokens, textHeader);
      this.#device.queue.run(this.#counting ??= this.#recordCounting());
    }
    counted.length = sequence.length + 1; // with the one that the step will choose
  }

  /** Records the last stage of a step: tokens of the first `outputs` choices of the buffer. */
  record(
    cmd: Recorder,
    logits: Tensor<"f32">,
    buffer: SampleBuffer,
    outputs: number,
    mode: SampleMode,
  ): void {
    const { sampled, counts } = this.#state;
    cmd.label("text.sample");
    const { choices, adjustments, edits, masks, tokens, logits: chosen, ...best } = buffer.tensors(outputs);
    if (mode.logprobs) topK(cmd, logits, best.topIds.shape[1]!, best.topIds, best.topLogits, best.logSumExp);
    let source = logits;
    if (mode.adjusts) {
      source = sliceRows(this.#state.adjusted, 0, outputs);
      adjustLogits(cmd, logits, adjustments, edits, masks, counts, source);
    }
    sample(cmd, source, logits, choices, tokens, chosen, sampled, counts, mode);
  }

  dispose(): void {
    this.#counting?.dispose();
  }

  #recordCounting(): Recording {
    using cmd = new Recorder(this.#device);
    countTokens(cmd, this.#text, this.#state.counts);
    return cmd.finish();
  }
}
