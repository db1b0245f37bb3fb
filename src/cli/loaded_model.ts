import { formatBytes } from "../base/units.ts";
import type { SettingValues } from "../runtime/options.ts";
import type { FirstAnswer, ModelInfo, Runtime } from "../runtime/request.ts";
import { type CliContext, showProgress } from "./context.ts";

type ModelValues = SettingValues<
  "device" | "contextLength" | "imageTiles" | "maxTiles" | "checkTensors" | "verbose"
>;

/** Opens a model for one answer at a time, with progress, and says what there is to say about it. */
export async function openForOne(
  model: string,
  values: ModelValues,
  firstAnswer: FirstAnswer,
  warmUp: boolean | "gpu" | undefined,
  { services, terminal }: CliContext,
): Promise<Runtime> {
  const { device, contextLength, imageTiles, maxTiles, checkTensors, verbose } = values;
  const onProgress = showProgress(terminal);
  const runtime = await services.openRuntime(
    {
      model,
      device,
      contextLength,
      imageTiles,
      maxTiles,
      maxSequences: 1,
      firstAnswer,
      warmUp,
      checkTensors,
      onProgress,
    },
  );
  terminal.clearProgress();
  for (const line of describeNotes(runtime.model)) terminal.note(line);
  if (verbose) terminal.note(describeMemory(runtime.model));
  return runtime;
}

/**
 * The memory plan on one line, with what it depends on:
 * `"memory 57.9 MB, for 1 answer at a time: weights 28.4 MB, text cache 29.5 MB"`.
 */
export function describeMemory({ memory, maxSequences }: ModelInfo): string {
  const total = memory.reduce((sum, { bytes }) => sum + bytes, 0);
  const parts = memory.map(({ name, bytes }) => `${name} ${formatBytes(bytes)}`);
  const answers = `${maxSequences} ${maxSequences === 1 ? "answer" : "answers"} at a time`;
  return `memory ${formatBytes(total)}, for ${answers}: ${parts.join(", ")}`;
}

/** What a person must hear once about the model that was loaded. */
export function describeNotes({ notes }: ModelInfo): string[] {
  return notes.map((note) => `note: ${note}`);
}
