import type { LoadPicture } from "../runtime/pictures.ts";
import type { TracePrompt } from "../runtime/reports.ts";
import { toGenerateRequest } from "./chat_request.ts";
import { chatSchema } from "./schemas.ts";
import { parseWith } from "./validation.ts";
import { z } from "./zod.ts";

const templateVariables = {
  tools_in_user_message: z.boolean().nullish(),
  date_string: z.string().nullish(),
  add_generation_prompt: z.boolean().nullish(),
};
const conversation = z.object({ tools: z.array(z.unknown()).nullish(), ...templateVariables });

/** What a conversation file may hold: messages at the top, or under `request`, or a prompt as it is. */
const fileSchema = z.union([
  z.object({ request: conversation.extend({ messages: z.unknown() }), ...templateVariables }),
  conversation.extend({ messages: z.array(z.unknown()) }),
  z.object({ prompt: z.string(), images: z.array(z.object({ file: z.string() })).nullish() }),
], { error: 'must hold "messages", "request" or "prompt"' });

/**
 * Reads a conversation: `{messages, tools?, tools_in_user_message?, date_string?, add_generation_prompt?}` in the
 * form of the API, the same under `request` with the variables beside it (reference cases), or
 * `{prompt, images: [{file}]}` for a base model.
 *
 * @param value the parsed file
 * @param load brings a picture by the name that the file gives it
 * @throws {RequestError} Naming the field at fault.
 */
export async function parseConversation(value: unknown, load: LoadPicture): Promise<TracePrompt> {
  const file = parseWith(fileSchema, value, "it");
  if ("prompt" in file) {
    const pictures = await Promise.all((file.images ?? []).map((image) => load(image.file)));
    return { text: file.prompt, pictures };
  }
  const inner = "request" in file ? file.request : file;
  const body = parseWith(chatSchema, { model: "default", messages: inner.messages, tools: inner.tools });
  const tools = inner.tools ?? undefined;
  const { messages } = await toGenerateRequest(body, tools, load, new AbortController().signal);
  return {
    request: {
      messages,
      tools,
      toolsInUserMessage: file.tools_in_user_message ?? inner.tools_in_user_message ?? undefined,
      dateString: file.date_string ?? inner.date_string ?? undefined,
    },
    addGenerationPrompt: file.add_generation_prompt ?? inner.add_generation_prompt ?? true,
  };
}
