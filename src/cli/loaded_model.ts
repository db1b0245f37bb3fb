import { formatBytes } from "../base/units.ts";
import type { ModelInfo } from "../runtime/request.ts";

/** The memory plan on one line: `"memory 57.9 MB: weights 28.4 MB, text cache 29.5 MB"`. */
export function describeMemory({ memory }: ModelInfo): string {
  const total = memory.reduce((sum, { bytes }) => sum + bytes, 0);
  const parts = memory.map(({ name, bytes }) => `${name} ${formatBytes(bytes)}`);
  return `memory ${formatBytes(total)}: ${parts.join(", ")}`;
}

/** What a person must hear once about the model that was loaded. */
export function describeNotes({ notes }: ModelInfo): string[] {
  return notes.map((note) => `note: ${note}`);
}
