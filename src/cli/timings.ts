import { formatDuration, formatTokenRate } from "../base/units.ts";
import type { FinishReason, Usage } from "../runtime/request.ts";

/** How an answer ended, and what it took. */
export interface AnswerEnd {
  readonly finishReason: FinishReason;
  readonly usage: Usage;
}

/** What an answer took, for a person: pictures, prompt and answer, a line each. */
export function describeTimings({ finishReason, usage }: AnswerEnd): string[] {
  const { imageMs, prefillMs, decodeMs } = usage.timings;
  const prompt = `${formatDuration(prefillMs)}, ${usage.promptTokens} tokens`;
  const answer = `${formatDuration(decodeMs)}, ${usage.completionTokens} tokens`;
  return [
    ...usage.imageTiles > 0
      ? [timingLine("images", `${formatDuration(imageMs)}, ${usage.imageTiles} tiles`)]
      : [],
    timingLine("prompt", `${prompt}, ${formatTokenRate(usage.promptTokens, prefillMs)}`),
    timingLine(
      "answer",
      `${answer}, ${formatTokenRate(usage.completionTokens, decodeMs)}, ended by ${finishReason}`,
    ),
  ];
}

export function timingLine(name: string, text: string): string {
  return `${name.padEnd(8)}${text}`;
}
