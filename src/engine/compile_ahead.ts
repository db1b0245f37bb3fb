import type { Device } from "../gpu/device.ts";
import { Recorder, type Recording } from "../gpu/recorder.ts";
import { sliceRows } from "../gpu/tensor.ts";
import type { Caches } from "../model/caches.ts";
import { recordText, type TextModel, type TextScratch } from "../model/text.ts";
import { recordVision, type VisionScratch } from "../model/vision.ts";
import type { VisionLayout } from "../model/vision_layout.ts";
import type { MllamaWeights } from "../model/weights.ts";
import type { StepBuffer } from "./batch.ts";
import type { FirstAnswer } from "./protocol.ts";
import type { SampleBuffer } from "./sample_buffer.ts";
import type { SamplingStage } from "./sampling_stage.ts";

/** What steps and pictures are computed with. Nothing of it is read or written here, so it need not be filled. */
export interface RunnerParts {
  readonly weights: MllamaWeights;
  readonly model: TextModel;
  readonly caches: Caches;
  readonly text: TextScratch;
  readonly vision: VisionScratch;
  readonly batch: StepBuffer;
  readonly samples: SampleBuffer;
  readonly sampling: SamplingStage;
  /** Rows of a prefill step. */
  readonly chunkSize: number;
  /** Of a picture of one tile. */
  readonly layout: VisionLayout;
}

/** One tile, whose size does not matter. */
const picture = { rows: 1, columns: 1, tileCount: 1, aspectRatioId: 1, width: 1, height: 1 };

/**
 * Has the kernels of the first answer compiled: those of its picture, of its prompt and of its further tokens. Does not
 * wait for it: a driver that compiles at first use does so in a thread of its own, while the weights are read.
 *
 * @returns what was submitted; free it before the parts
 * @throws {VulkanError} If the driver cannot compile a kernel.
 */
export function compileAhead(
  device: Device,
  { pictures, draws }: FirstAnswer,
  parts: RunnerParts,
): Recording {
  const { model, caches, text, vision, batch, samples, sampling } = parts;
  using cmd = new Recorder(device, { compileOnly: true });
  if (pictures) {
    recordVision(
      cmd,
      model.config,
      parts.weights,
      { ...picture, layout: parts.layout },
      vision,
      caches.cross,
    );
  }
  const logits = sliceRows(text.logits, 0, 1);
  for (const rows of [parts.chunkSize, 1]) {
    const inputs = { ...batch.tensors(rows, 1), sampled: sampling.sampled };
    recordText(cmd, model, inputs, text, caches, pictures);
    sampling.record(cmd, logits, samples, 1, { draws, adjusts: false, logprobs: false });
  }
  const recording = cmd.finish();
  try {
    device.queue.submit(recording);
  } catch (error) {
    recording.dispose();
    throw error;
  }
  return recording;
}
