import { RequestError } from "../base/errors.ts";
import type { LoadPicture } from "../runtime/pictures.ts";
import type { GenerateRequest, ImageDetail, RequestMessage, RequestPart } from "../runtime/request.ts";
import { JsonStructure } from "./json_body.ts";
import { limits } from "./limits.ts";
import { generationOf } from "./sampling_fields.ts";
import type { ChatBody, ChatMessage } from "./schemas.ts";
import { toToolChoice } from "./tool_choice.ts";

/**
 * Turns a parsed chat body into a request for the runtime: roles mapped (developer to system, function to tool),
 * pictures loaded, tool arguments parsed. `tools` are printed into the prompt as the client wrote them, unless none may
 * be called.
 *
 * @param tools the body's `tools` as they arrived, with every field
 * @throws {RequestError} Naming the message at fault.
 */
export async function toGenerateRequest(
  body: ChatBody,
  tools: readonly unknown[] | undefined,
  loadPicture: LoadPicture,
  signal: AbortSignal,
): Promise<GenerateRequest> {
  checkToolResults(body.messages);
  const toolChoice = toToolChoice(body);
  const maxTokens = body.max_completion_tokens ?? body.max_tokens ?? undefined;
  const generation = generationOf(body, maxTokens, logprobsOf(body));
  const pictures = await loadPictures(body.messages, loadPicture, signal);
  const kwargs = body.chat_template_kwargs;
  const structure = new JsonStructure();
  return {
    messages: body.messages.map((message, index) => toMessage(message, index, pictures, structure)),
    tools: toolChoice && tools,
    toolChoice,
    toolsInUserMessage: kwargs?.tools_in_user_message ?? undefined,
    dateString: kwargs?.date_string ?? undefined,
    ...generation,
  };
}

/** How many alternatives each token is to have; nothing where no log probabilities are wanted. */
function logprobsOf({ logprobs, top_logprobs: top }: ChatBody): number | undefined {
  if (logprobs === true) return top ?? 0;
  if (top === undefined || top === null) return undefined;
  throw new RequestError('"top_logprobs" needs "logprobs": true', {
    param: "top_logprobs",
    code: "invalid_value",
  });
}

function toMessage(
  message: ChatMessage,
  index: number,
  pictures: ReadonlyMap<string, Uint8Array>,
  structure: JsonStructure,
): RequestMessage {
  switch (message.role) {
    case "system":
    case "developer":
      return { role: "system", content: message.content.map(textPart) };
    case "user":
      return {
        role: "user",
        content: message.content.map((part): RequestPart =>
          part.type === "text" ? textPart(part) : imagePart(part.image_url, pictures)
        ),
      };
    case "tool":
      return { role: "tool", content: message.content.map(textPart), toolCallId: message.tool_call_id };
    case "function":
      return { role: "tool", content: message.content.map(textPart) };
    case "assistant":
      return toAssistantMessage(message, index, structure);
  }
}

function toAssistantMessage(
  message: ChatMessage & { role: "assistant" },
  index: number,
  structure: JsonStructure,
): RequestMessage {
  const calls = message.tool_calls ?? [];
  if (!message.content && calls.length === 0) {
    const param = `messages[${index}].content`;
    throw new RequestError(`"${param}" is required: an assistant message has content, tool calls or both`, {
      param,
      code: "missing_required_parameter",
    });
  }
  const content = (message.content ?? []).map((part) =>
    textPart({ text: part.type === "text" ? part.text : part.refusal })
  );
  if (calls.length === 0) return { role: "assistant", content };
  const toolCalls = calls.map((call, at) => ({
    id: call.id ?? undefined,
    name: call.function.name,
    arguments: parseArguments(
      call.function.arguments,
      `messages[${index}].tool_calls[${at}].function.arguments`,
      structure,
    ),
  }));
  return { role: "assistant", content, toolCalls };
}

/** Lone surrogates are no characters, and a tokenizer need not see them: they become U+FFFD. */
function textPart(part: { text: string }): RequestPart {
  return { type: "text", text: part.text.toWellFormed() };
}

function imagePart(
  { url, detail }: { url: string; detail?: ImageDetail | null },
  pictures: ReadonlyMap<string, Uint8Array>,
): RequestPart {
  const bytes = pictures.get(url)!;
  return detail ? { type: "image", bytes, detail } : { type: "image", bytes };
}

/** The API carries arguments as JSON text; the template prints them as an object. */
function parseArguments(text: string, param: string, structure: JsonStructure): unknown {
  // The body's own limits do not see into a string.
  const excess = structure.excess(new TextEncoder().encode(text));
  if (excess !== undefined) {
    throw new RequestError(`"${param}" must not be more than ${excess}`, { param, code: "json_too_complex" });
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    value = undefined;
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new RequestError(`"${param}" must be a JSON object in a string`, { param, code: "invalid_value" });
  }
  return value;
}

/** A result must answer a call that an earlier message made: a mismatch means that the client mixed up turns. */
function checkToolResults(messages: readonly ChatMessage[]): void {
  const calls = new Set<string>();
  for (const [index, message] of messages.entries()) {
    if (message.role === "assistant") {
      for (const call of message.tool_calls ?? []) if (call.id) calls.add(call.id);
    }
    if (message.role === "tool" && !calls.has(message.tool_call_id)) {
      const param = `messages[${index}].tool_call_id`;
      throw new RequestError(`"${param}" answers no tool call of an earlier message`, {
        param,
        code: "invalid_value",
      });
    }
  }
}

/** Loads each distinct picture once, a few at a time. Keys are the URLs as the client wrote them. */
async function loadPictures(
  messages: readonly ChatMessage[],
  loadPicture: LoadPicture,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, Uint8Array>> {
  const wanted = namedPictures(messages);
  if (wanted.length > limits.images) {
    throw new RequestError(
      `A request must have at most ${limits.images} pictures, this one has ${wanted.length}`,
      {
        param: wanted[limits.images]!.param,
        code: "too_many_images",
      },
    );
  }
  const distinct = wanted.filter(({ url }, at) => wanted.findIndex((other) => other.url === url) === at);
  const pictures = new Map<string, Uint8Array>();
  let next = 0;
  async function work(): Promise<void> {
    while (next < distinct.length) {
      signal.throwIfAborted();
      const { url, param } = distinct[next++]!;
      pictures.set(url, await namingField(param, loadPicture(url, signal)));
    }
  }
  await Promise.all(Array.from({ length: Math.min(limits.imageFetches, distinct.length) }, work));
  return pictures;
}

/** Each picture of the conversation, in order: its URL, and the field that it stands in. */
function namedPictures(messages: readonly ChatMessage[]): { url: string; param: string }[] {
  return messages.flatMap((message, index) =>
    message.role !== "user"
      ? []
      : message.content.flatMap((part, at) =>
        part.type === "image_url"
          ? [{ url: part.image_url.url, param: `messages[${index}].content[${at}].image_url` }]
          : []
      )
  );
}

/**
 * The runtime's refusal of a picture's bytes, with the field at fault, which it cannot know: the picture's when there
 * is one, the messages when it could be any of several. Every other error comes back as it is.
 */
export function namePictureField(error: unknown, messages: readonly ChatMessage[]): unknown {
  if (!(error instanceof RequestError) || error.details.code !== "invalid_image") return error;
  if (error.details.param !== undefined) return error;
  const [first, second] = namedPictures(messages);
  const param = first === undefined || second !== undefined ? "messages" : first.param;
  return new RequestError(error.message, { ...error.details, param });
}

/** A picture's own error does not know which field of the request it stands in. */
async function namingField<T>(param: string, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    if (error instanceof RequestError && error.details.param === undefined) {
      throw new RequestError(error.message, { ...error.details, param });
    }
    throw error;
  }
}
