import { readFileSync } from "node:fs";
import type { Shown } from "./controls.ts";
import { judge, type Judgement } from "./judge.ts";
import type { Conversation, Turn } from "./question_file.ts";
import type { Message, Part, Reply } from "./server.ts";

/** A question with what the model said to it. */
export interface Answered extends Judgement {
  readonly turn: Turn;
  readonly said: string;
  readonly conversation: Conversation;
}

/** Requests that are under way at a time, as from several people. */
const inFlight = 4;

/**
 * Has every conversation, turn by turn, and judges each answer. The model's own earlier answers stay in the
 * conversation, right or wrong: the right ones would tell it what it has not seen.
 *
 * @param shown the pictures of each conversation, in the order of the conversations
 * @param say answers a list of messages
 */
export async function interview(
  conversations: readonly Conversation[],
  shown: readonly Shown[],
  say: (messages: readonly Message[]) => Promise<Pick<Reply, "text">>,
  onProgress: (done: number, total: number) => void,
): Promise<Answered[]> {
  const results: Answered[][] = [];
  let [next, done] = [0, 0];
  const worker = async () => {
    while (next < conversations.length) {
      const index = next++;
      results[index] = await converse(conversations[index]!, shown[index]!, say);
      onProgress(++done, conversations.length);
    }
  };
  await Promise.all(Array.from({ length: inFlight }, worker));
  return results.flat();
}

async function converse(
  conversation: Conversation,
  shown: Shown,
  say: (messages: readonly Message[]) => Promise<Pick<Reply, "text">>,
): Promise<Answered[]> {
  const messages: Message[] = [];
  if (conversation.system) messages.push({ role: "system", content: conversation.system });
  const answered: Answered[] = [];
  let used = 0;
  for (const turn of conversation.turns) {
    const pictures = shown.slice(used, used += turn.images).map(picturePart);
    messages.push({ role: "user", content: [...pictures, { type: "text", text: turn.question }] });
    const { text: said } = await say(messages);
    messages.push({ role: "assistant", content: said });
    answered.push({ turn, said, conversation, ...judge(turn.question, turn.answer, said) });
  }
  return answered;
}

/** A picture's file or bytes as the part of a message. */
export function picturePart(picture: string | Uint8Array): Part {
  const bytes = typeof picture === "string" ? readFileSync(picture) : picture;
  // The server looks at the bytes, not at the type that a client claims.
  return { type: "image_url", image_url: { url: `data:image/png;base64,${bytes.toBase64()}` } };
}
