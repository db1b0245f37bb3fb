import { assert } from "../base/assert.ts";
import { ModelError, RequestError } from "../base/errors.ts";
import { ContentVault, type Segment } from "./content_vault.ts";
import { TemplateRefusal } from "./jinja.ts";
import type { Message, ToolCall } from "./message.ts";
import type { ChatTemplate } from "./template_file.ts";
import { TemplateRunaway } from "./template_runaway.ts";

export interface PromptOptions {
  /** Function definitions in OpenAI form, printed as they are. */
  readonly tools?: readonly unknown[];
  /**
   * Where the definitions go: into the first user message, or into the system block. Left out: the first user
   * message, unless it has an image, which has no room beside them.
   */
  readonly toolsInUserMessage?: boolean;
  /** The template's "Today Date"; left out, the local date. */
  readonly dateString?: string;
  /** Ends the prompt with the header of the assistant's answer; default true. */
  readonly addGenerationPrompt?: boolean;
}

const imageToken = "<|image|>";

/**
 * Lays a conversation out as the checkpoint's template says. Only the template's own text comes out as control
 * segments; whatever the caller wrote comes out as ordinary text. The k-th `<|image|>` of the control segments
 * stands for the k-th image part.
 *
 * @throws {RequestError} If the template refuses the conversation, an image part or the tools would be lost, or
 *   the arguments of a tool call are not a JSON object.
 * @throws {ModelError} If the template itself is at fault.
 */
export function renderPrompt(
  chat: ChatTemplate,
  messages: readonly Message[],
  options: PromptOptions = {},
): Segment[] {
  checkMessages(messages);
  const vault = new ContentVault();
  const variables: Record<string, unknown> = {
    messages: messages.map((message, index) => templateMessage(message, index, vault)),
    add_generation_prompt: options.addGenerationPrompt ?? true,
    bos_token: chat.bosToken,
    tools: null,
  };
  if (options.dateString !== undefined) variables.date_string = vault.protect(options.dateString);
  const toolsBegin = vault.size;
  if (options.tools) {
    variables.tools = vault.protectJson(options.tools);
    variables.tools_in_user_message = placeTools(messages, options);
  }
  const toolsEnd = vault.size;
  const segments = render(chat, variables, vault);
  checkImages(messages, segments);
  if (toolsEnd > toolsBegin && !vault.printed(toolsBegin, toolsEnd)) {
    throw new RequestError(
      "Cannot use the tools: the chat template does not print them for this conversation",
      {
        param: "tools",
        remedy: "Add a system message, which is where the tools go.",
      },
    );
  }
  return segments;
}

/**
 * A prompt without a conversation, as base models take it. `<|image|>` and the BOS token are seen in it, no other
 * control token is. Where BOS is missing it goes behind the leading images, as in the reference processor.
 */
export function rawPrompt(text: string, bosToken: string): Segment[] {
  const parts = text.split(new RegExp(`(${[imageToken, bosToken].map(RegExp.escape).join("|")})`));
  const segments = parts.map((part) => ({ text: part, control: part === imageToken || part === bosToken }))
    .filter((segment) => segment.text !== "");
  if (segments.some((segment) => segment.control && segment.text === bosToken)) return segments;
  const first = segments.findIndex((segment) => !segment.control);
  return segments.toSpliced(first === -1 ? segments.length : first, 0, { text: bosToken, control: true });
}

function checkMessages(messages: readonly Message[]): void {
  if (messages.length === 0) {
    throw new RequestError("Cannot make a prompt: there must be at least one message, and there is none", {
      param: "messages",
      remedy: "Send a user message.",
    });
  }
  messages.forEach(({ role }, index) => {
    if ((role === "system" || role === "tool") && hasImage(messages[index]!)) {
      throw new RequestError(
        `Cannot use message ${index}: a ${role} message must be text, and it has an image`,
        {
          param: `messages[${index}].content`,
          remedy: "Put the image into a user message.",
        },
      );
    }
  });
}

/** A message as templates read it: content is a text, or a list of parts where there is an image. */
function templateMessage(message: Message, index: number, vault: ContentVault): Record<string, unknown> {
  const { role, content, toolCalls, toolCallId } = message;
  // A role is printed as it is: one that a caller could spell would be a way around the vault.
  assert(role === "system" || role === "user" || role === "assistant" || role === "tool");
  const result: Record<string, unknown> = {
    role,
    content: hasImage(message)
      ? content.map((part) => part.type === "image" ? part : { type: "text", text: vault.protect(part.text) })
      : vault.protect(content.map((part) => part.type === "text" ? part.text : "").join("")),
  };
  // The presence of the key is what templates ask for: no calls, no key.
  if (toolCalls?.length) result.tool_calls = toolCalls.map((call) => templateCall(call, index, vault));
  if (toolCallId !== undefined) result.tool_call_id = vault.protect(toolCallId);
  return result;
}

function templateCall(call: ToolCall, index: number, vault: ContentVault): Record<string, unknown> {
  const result: Record<string, unknown> = {
    type: "function",
    function: {
      name: vault.protect(call.name),
      arguments: vault.protectJson(parseArguments(call.arguments, index)),
    },
  };
  if (call.id !== undefined) result.id = vault.protect(call.id);
  return result;
}

/** OpenAI's clients send arguments as JSON text, and an empty text for a function without any. */
function parseArguments(value: unknown, index: number): object {
  let parsed = value;
  if (typeof value === "string") {
    try {
      parsed = value.trim() === "" ? {} : JSON.parse(value);
    } catch {
      parsed = undefined;
    }
  }
  if (typeof parsed === "object" && parsed !== null && !Array.isArray(parsed)) return parsed;
  throw new RequestError(
    `Cannot use message ${index}: the arguments of its tool call must be a JSON object`,
    {
      param: `messages[${index}].tool_calls`,
      remedy: "Send the arguments as the model wrote them.",
    },
  );
}

function placeTools(messages: readonly Message[], { toolsInUserMessage }: PromptOptions): boolean {
  const first = messages[messages[0]!.role === "system" ? 1 : 0];
  const besideImage = first !== undefined && hasImage(first);
  if (besideImage && toolsInUserMessage) {
    throw new RequestError(
      "Cannot put the tools into the first user message: it has an image, which would be lost",
      {
        param: "tools",
        remedy: "Add a system message and let the tools go there.",
      },
    );
  }
  return toolsInUserMessage ?? !besideImage;
}

function render(chat: ChatTemplate, variables: Record<string, unknown>, vault: ContentVault): Segment[] {
  try {
    return vault.restore(chat.template.render(variables));
  } catch (error) {
    if (error instanceof TemplateRefusal) {
      throw new RequestError(`The model's chat template refuses the conversation: ${error.message}`, {
        param: "messages",
        code: "template_refused",
      });
    }
    if (error instanceof TemplateRunaway) {
      if (endsOnSmall(chat)) {
        throw new RequestError(
          "Cannot lay the conversation out: it must not have more messages, parts and tools than the chat template can go through",
          { param: "messages", code: "conversation_too_large", remedy: "Send a shorter conversation." },
        );
      }
      throw new ModelError(
        `Cannot use the chat template of "${chat.origin}": ${error.message}`,
        "Restore the checkpoint's own chat template, or remove the file to use the built-in one.",
      );
    }
    throw new RequestError(
      `The model's chat template cannot lay out the conversation: ${(error as Error).message}`,
      { param: "messages", code: "template_failed" },
    );
  }
}

/** Whether the template copes with one short message: then it is the conversation that was too much for it. */
function endsOnSmall(chat: ChatTemplate): boolean {
  const messages = [{ role: "user", content: "Hello" }];
  try {
    chat.template.render({ messages, add_generation_prompt: true, bos_token: chat.bosToken, tools: null });
  } catch (error) {
    return !(error instanceof TemplateRunaway);
  }
  return true;
}

function checkImages(messages: readonly Message[], segments: readonly Segment[]): void {
  const need = messages.flatMap(({ content }) => content).filter((part) => part.type === "image").length;
  const have = segments.filter((segment) => segment.control)
    .reduce((count, { text }) => count + text.split(imageToken).length - 1, 0);
  if (need === have) return;
  throw new RequestError(
    `Cannot place the images: the conversation has ${need}, and the chat template prints ${have}`,
    { param: "messages", remedy: "Send images in user messages, without tool calls beside them." },
  );
}

function hasImage(message: Message): boolean {
  return message.content.some((part) => part.type === "image");
}
