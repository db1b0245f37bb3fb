import { EngineClient } from "../engine/client.ts";
import { noRestarts } from "../engine/restarts.ts";
import { type OutputTensor, writeSafetensors } from "../weights/safetensors_writer.ts";
import { cacheDirectory } from "./cache_directory.ts";
import { modelDirectory } from "./models.ts";
import { buildPrompt, buildRawPrompt, type Frontend, openFrontend, type Prompt } from "./prompt.ts";
import type { TraceOptions, TraceReport } from "./reports.ts";

type NamedTensor = OutputTensor & { readonly data: Float32Array | Int32Array };

/** Rows of a prefill step: the logits of all of them are kept, and those of 128,000 tokens are half a megabyte each. */
const chunkSize = 64;

/**
 * Computes a prompt and greedy tokens after it, past every stop id, and writes the numbers: `input_ids` [T] I32,
 * `logits` [T, V] F32, `greedy_ids` [N] I32, `step_logits` [N, V] F32 (row i is what id i was taken from); with
 * `steps` also, per picture i, `pixel_values.i` [tiles, 3, S, S], `vision_features.i` [tiles, N, C·(1+k)] and
 * `cross_states.i` [tiles, N, D], and per decoder layer `hidden.LAYER` [T, D]. Real tiles and tokens only.
 *
 * @throws What `openRuntime` throws.
 * @throws {RequestError} If the conversation cannot be laid out or does not fit.
 */
export async function traceToFile(options: TraceOptions): Promise<TraceReport> {
  const { out, maxTokens, steps, device, contextLength, imageTiles, maxTiles } = options;
  const model = modelDirectory(options.model);
  const frontend = openFrontend(model, { maxTiles });
  const prompt = await promptOf(frontend, options).finally(() => frontend.pictures.close());
  const engine = await EngineClient.open({
    model,
    device,
    contextLength,
    imageTiles,
    chunkSize,
    outputRows: chunkSize,
    maxSequences: 1,
    pipelineCache: cacheDirectory(),
  }, { restarts: noRestarts });
  try {
    const result = await engine.trace({ ...prompt, maxTokens, steps });
    const ids = (name: string, values: readonly number[]): NamedTensor => ({
      name,
      dtype: "i32",
      shape: [values.length],
      data: Int32Array.from(values),
    });
    const tensors: NamedTensor[] = [
      ids("input_ids", prompt.tokens),
      { name: "logits", dtype: "f32", ...result.logits },
      ids("greedy_ids", result.greedyIds),
      { name: "step_logits", dtype: "f32", ...result.stepLogits },
      ...Object.entries(result.states).map(([name, state]): NamedTensor => ({
        name,
        dtype: "f32",
        ...state,
      })),
    ];
    writeSafetensors(out, tensors);
    return { out, tensors: tensors.map(({ name, shape }) => ({ name, shape })) };
  } finally {
    await engine.close();
  }
}

function promptOf(frontend: Frontend, { prompt }: TraceOptions): Promise<Prompt> {
  if ("text" in prompt) return buildRawPrompt(frontend, prompt.text, prompt.pictures);
  const request = { ...prompt.request, addGenerationPrompt: prompt.addGenerationPrompt };
  return buildPrompt(frontend, request, frontend.config.text.maxPositionEmbeddings);
}
