import { RequestError } from "../base/errors.ts";
import { logprobsInclude } from "./responses_fields.ts";
import type { ResponsesBody, ResponsesItem } from "./responses_schema.ts";

type Json = Readonly<Record<string, unknown>>;

/**
 * A request of `/v1/responses` as one of `/v1/chat/completions`: what the model is asked is the same, only the words
 * of the request differ.
 */
export interface AsChat {
  /** The body that a chat client would have sent. */
  readonly body: Json;
  /** The functions as the model is told of them. */
  readonly printedTools: readonly Json[] | undefined;
  /** An error that names a field of that body, with the field that the client did send; any other as it is. */
  rename(error: unknown): unknown;
}

/** Translates a request: each item becomes one message, the instructions the first one. */
export function asChat(request: ResponsesBody): AsChat {
  const {
    instructions,
    input,
    include,
    top_logprobs: top,
    max_output_tokens,
    text,
    tools,
    tool_choice,
    metadata: _metadata,
    store: _store,
    stream_options: _options,
    ...same
  } = request;
  const first = instructions ? [{ role: "system", content: instructions }] : [];
  const logprobs = (top ?? 0) > 0 || include?.includes(logprobsInclude) === true;
  const body = {
    ...same,
    messages: [...first, ...input.map(messageOf)],
    max_completion_tokens: max_output_tokens,
    ...(logprobs ? { logprobs, top_logprobs: top ?? 0 } : {}),
    response_format: responseFormat(text?.format),
    tools: tools?.map(({ type, ...definition }) => ({ type, function: definition })),
    tool_choice: toolChoice(tool_choice),
  };
  return { body, printedTools: tools?.map(printed), rename: (error) => renamed(error, first.length) };
}

function messageOf(item: ResponsesItem): Json {
  switch (item.type) {
    case "function_call": {
      const { call_id: id, name, arguments: text } = item;
      return {
        role: "assistant",
        tool_calls: [{ id, type: "function", function: { name, arguments: text } }],
      };
    }
    case "function_call_output":
      return { role: "tool", tool_call_id: item.call_id, content: item.output.map(partOf) };
    default:
      return { role: item.role, content: item.content.map(partOf) };
  }
}

type Part = Extract<ResponsesItem, { role: "user" | "assistant" }>["content"][number];

function partOf(part: Part): Json {
  switch (part.type) {
    case "input_text":
    case "output_text":
      return { type: "text", text: part.text };
    case "refusal":
      return part;
    case "input_image":
      return { type: "image_url", image_url: { url: part.image_url, detail: part.detail } };
  }
}

/** Clients always send `strict`, which is for the server and tells the model nothing. */
function printed(
  { type, strict: _strict, ...definition }: NonNullable<ResponsesBody["tools"]>[number],
): Json {
  return { type, function: definition };
}

/** The API of chat puts a schema and its name one level deeper. */
function responseFormat(format: NonNullable<ResponsesBody["text"]>["format"]): Json | undefined {
  if (format?.type !== "json_schema") return format ?? undefined;
  const { type, ...definition } = format;
  return { type, json_schema: definition };
}

/** It does so with functions, too. */
function toolChoice(choice: ResponsesBody["tool_choice"]): unknown {
  if (typeof choice !== "object" || choice === null) return choice;
  const named = ({ type, name }: { type: string; name: string }) => ({ type, function: { name } });
  if (choice.type === "function") return named(choice);
  const { type, mode, tools } = choice;
  return { type, allowed_tools: { mode, tools: tools.map(named) } };
}

/** Fields of a chat request, and what they are called here: each line may change what the one before has made. */
const names: readonly (readonly [RegExp, string])[] = [
  [/^messages/, "input"],
  [/^(input\[\d+\])\.tool_call_id$/, "$1.call_id"],
  [/^(input\[\d+\])\.tool_calls\[0\](?:\.function)?/, "$1"],
  [/^(tools\[\d+\])\.function/, "$1"],
  [/^tool_choice\.(?:function|allowed_tools)/, "tool_choice"],
  [/^(tool_choice\.tools\[\d+\])\.function/, "$1"],
  [/^response_format(?:\.json_schema)?/, "text.format"],
  [/^max_(?:completion_)?tokens$/, "max_output_tokens"],
];

/** @param before how many messages were made of no item */
function renamed(error: unknown, before: number): unknown {
  if (!(error instanceof RequestError) || error.details.param === undefined) return error;
  const { param } = error.details;
  // A refusal names its field, or says that it cannot stand beside the format.
  const message = [param, "response_format"].reduce(
    (text, field) => text.replaceAll(`"${field}"`, `"${nameOf(field, before)}"`),
    error.message,
  );
  return new RequestError(message, { ...error.details, param: nameOf(param, before) });
}

function nameOf(param: string, before: number): string {
  const index = /^messages\[(\d+)\]/.exec(param);
  if (index && Number(index[1]) < before) return "instructions";
  const shifted = index ? param.replace(/\d+/, String(Number(index[1]) - before)) : param;
  return names.reduce((name, [pattern, here]) => name.replace(pattern, here), shifted);
}
