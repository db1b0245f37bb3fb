import type { Message } from "./message.ts";
import type { PromptOptions } from "./prompt.ts";

/**
 * A conversation in the turns that the model's template can print, where clients may send others:
 *
 * - Several calls of one message become one message each, followed by the call's own results: the template has room
 *   for a single call.
 * - Tools beside a picture get an empty system message to stand in: the first user message has no room for both.
 */
export function toTemplateTurns(messages: readonly Message[], options: PromptOptions): Message[] {
  const turns: Message[] = needsSystemMessage(messages, options) ? [{ role: "system", content: [] }] : [];
  for (let index = 0; index < messages.length; index++) {
    const message = messages[index]!;
    if ((message.toolCalls?.length ?? 0) < 2) {
      turns.push(message);
      continue;
    }
    const results = resultsFrom(messages, index + 1);
    turns.push(...singleCalls(message, results));
    index += results.length;
  }
  return turns;
}

/** The calls of a message one by one, each before its results; what the message says stands with the first. */
function singleCalls(message: Message, results: readonly Message[]): Message[] {
  const resultsOf = Map.groupBy(results, ({ toolCallId }) => toolCallId);
  const turns = message.toolCalls!.flatMap((call, at): Message[] => {
    const own = call.id === undefined ? [] : resultsOf.get(call.id) ?? [];
    if (call.id !== undefined) resultsOf.delete(call.id);
    return [{ ...message, content: at === 0 ? message.content : [], toolCalls: [call] }, ...own];
  });
  return [...turns, ...[...resultsOf.values()].flat()];
}

function resultsFrom(messages: readonly Message[], begin: number): readonly Message[] {
  const rest = messages.slice(begin);
  const end = rest.findIndex(({ role }) => role !== "tool");
  return end < 0 ? rest : rest.slice(0, end);
}

function needsSystemMessage(
  [first]: readonly Message[],
  { tools, toolsInUserMessage }: PromptOptions,
): boolean {
  if (!tools || toolsInUserMessage !== undefined || first === undefined) return false;
  return first.role !== "system" && first.content.some((part) => part.type === "image");
}
