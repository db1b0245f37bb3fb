import { readFile, realpath } from "node:fs/promises";
import { dirname, resolve, sep } from "node:path";
import { z } from "zod";
import { RequestError } from "../base/errors.ts";
import { toGenerateRequest } from "../http/chat_request.ts";
import { chatSchema } from "../http/schemas.ts";
import { parseWith } from "../http/validation.ts";
import type { LoadPicture } from "../runtime/pictures.ts";
import type { TracePrompt } from "../runtime/reports.ts";
import { UsageError } from "./exit_codes.ts";

const settings = {
  tools_in_user_message: z.boolean().nullish(),
  date_string: z.string().nullish(),
  add_generation_prompt: z.boolean().nullish(),
};
const conversation = z.object({ messages: z.unknown(), tools: z.array(z.unknown()).nullish(), ...settings });

/** What a conversation file may hold: messages at the top, or under `request`, or a prompt as it is. */
const fileSchema = z.union([
  z.object({ request: conversation, ...settings }),
  conversation.extend({ messages: z.array(z.unknown()) }),
  z.object({ prompt: z.string(), images: z.array(z.object({ file: z.string() })).nullish() }),
], { error: 'must hold "messages", "request" or "prompt"' });

/**
 * Reads the file of a conversation: `{messages, tools?, tools_in_user_message?, date_string?, add_generation_prompt?}`
 * in OpenAI form, the same under `request` (reference cases), or `{prompt, images: [{file}]}` for a base model.
 * Pictures are named by `data:` URL, by http(s) URL, or by file name below `folder`.
 *
 * @param folder left out, the folder of the file
 * @throws {UsageError} If the file cannot be read or is no conversation.
 * @throws {RequestError} Naming the field at fault.
 */
export async function readConversation(
  path: string,
  folder: string | undefined,
  fetchPicture: LoadPicture,
): Promise<TracePrompt> {
  const file = parseWith(fileSchema, await readJson(path));
  const load = pictureBelow(folder ?? dirname(path), fetchPicture);
  if ("prompt" in file) {
    return { text: file.prompt, pictures: await Promise.all((file.images ?? []).map((image) => load(image.file))) };
  }
  const given = "request" in file ? { ...file.request, ...definedOnly(file) } : file;
  const body = parseWith(chatSchema, { model: "default", messages: given.messages, tools: given.tools });
  const request = await toGenerateRequest(body, given.tools ?? undefined, load, new AbortController().signal);
  return {
    request: {
      messages: request.messages,
      tools: request.tools,
      toolsInUserMessage: given.tools_in_user_message ?? undefined,
      dateString: given.date_string ?? undefined,
    },
    addGenerationPrompt: given.add_generation_prompt ?? true,
  };
}

async function readJson(path: string): Promise<unknown> {
  try {
    return JSON.parse(await readFile(path, "utf8"));
  } catch (error) {
    throw new UsageError(`Cannot read the conversation "${path}": ${(error as Error).message}`, "Check --messages");
  }
}

/** Loads URLs as `fetchPicture` does, and everything else as a file that lies below `folder`, links followed. */
function pictureBelow(folder: string, fetchPicture: LoadPicture): LoadPicture {
  return async (url, signal) => {
    if (/^(data|https?):/i.test(url)) return await fetchPicture(url, signal);
    const root = await realpath(folder);
    const path = await realpath(resolve(root, url)).catch(() => undefined);
    if (path === undefined || !path.startsWith(root + sep)) {
      throw new RequestError(`There is no picture "${url}" below "${folder}"`, {
        code: "invalid_image_url",
        remedy: "Name the folder of the pictures with --images",
      });
    }
    const bytes = await readFile(path);
    return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  };
}

function definedOnly<T extends object>(values: T): Partial<T> {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== null && value !== undefined)) as
    Partial<T>;
}
