import { completionSchema } from "./completion_schema.ts";
import * as answers from "./response_schemas.ts";
import { responseEvent, responseResponse } from "./responses_answer_schemas.ts";
import { responsesSchema } from "./responses_schema.ts";
import { chatSchema } from "./schemas.ts";
import { takesText } from "./short_forms.ts";
import { detokenizeSchema, templateSchema, tokenizeSchema } from "./text_routes.ts";
import { z } from "./zod.ts";

type Json = Record<string, unknown>;

interface Operation {
  readonly method: "get" | "post";
  readonly path: string;
  readonly summary: string;
  readonly request?: z.ZodType;
  readonly response?: z.ZodType;
  /** Each event of a stream, where the answer can be one. */
  readonly chunk?: z.ZodType;
  /** Of a probe, which answers without a key: the status of bad news. */
  readonly badNews?: 500 | 503;
  /** Is there without `/v1`, too. */
  readonly isOpenAi?: boolean;
}

const operations: readonly Operation[] = [
  {
    method: "post",
    path: "/v1/chat/completions",
    summary: "Answers a conversation",
    request: chatSchema,
    response: answers.completionResponse,
    chunk: answers.chunkResponse,
    isOpenAi: true,
  },
  {
    method: "post",
    path: "/v1/completions",
    summary: "Goes on with a text",
    request: completionSchema,
    response: answers.textCompletionResponse,
    chunk: answers.textCompletionChunk,
    isOpenAi: true,
  },
  {
    method: "post",
    path: "/v1/responses",
    summary: "Answers a conversation, in the words of the newer API; keeps nothing of it",
    request: responsesSchema,
    response: responseResponse,
    chunk: responseEvent,
    isOpenAi: true,
  },
  {
    method: "get",
    path: "/v1/models",
    summary: "Lists the one model",
    response: answers.modelListResponse,
    isOpenAi: true,
  },
  {
    method: "get",
    path: "/v1/models/{id}",
    summary: "Tells of the model",
    response: answers.modelResponse,
    isOpenAi: true,
  },
  {
    method: "post",
    path: "/tokenize",
    summary: "Ids of a text or a conversation",
    request: tokenizeSchema,
    response: answers.tokensResponse,
  },
  {
    method: "post",
    path: "/detokenize",
    summary: "Text of ids",
    request: detokenizeSchema,
    response: answers.textResponse,
  },
  {
    method: "post",
    path: "/apply-template",
    summary: "The text that the model sees of a conversation",
    request: templateSchema,
    response: answers.textResponse,
  },
  probe("/livez", "Whether the process is worth keeping", 500),
  probe("/readyz", "Whether questions are answered now", 503),
  probe("/health", "The same; says ok instead of ready", 503),
  { method: "get", path: "/metrics", summary: "Metrics in Prometheus' text format" },
  { method: "get", path: "/version", summary: "The program's version", response: answers.versionResponse },
  {
    method: "get",
    path: "/openapi.json",
    summary: "This document",
    response: z.record(z.string(), z.unknown()),
  },
];

function probe(path: string, summary: string, badNews: 500 | 503): Operation {
  return { method: "get", path, summary, response: answers.stateResponse, badNews };
}

/** The OpenAPI 3.1 description of the server, made of the schemas that its requests are parsed with. */
export function openApiDocument(version: string): Json {
  const paths: Record<string, Json> = {};
  for (const operation of operations) {
    const described = { [operation.method]: describe(operation) };
    paths[operation.path] = described;
    if (operation.isOpenAi) paths[operation.path.slice("/v1".length)] = described;
  }
  return {
    openapi: "3.1.0",
    info: { title: "llamav", version, description: "Llama 3.2 Vision behind the OpenAI API" },
    paths,
    components: {
      securitySchemes: {
        bearer: { type: "http", scheme: "bearer" },
        header: { type: "apiKey", in: "header", name: "x-api-key" },
      },
    },
    security: [{ bearer: [] }, { header: [] }, {}],
  };
}

function describe({ path, summary, request, response, chunk, badNews }: Operation): Json {
  const error = { description: "What went wrong", content: jsonContent(answers.errorResponse, "output") };
  const content = response
    ? jsonContent(response, "output")
    : { "text/plain": { schema: { type: "string" } } };
  return {
    summary,
    ...(badNews ? { security: [{}] } : {}),
    ...(path.endsWith("{id}")
      ? { parameters: [{ name: "id", in: "path", required: true, schema: { type: "string" } }] }
      : {}),
    ...(request ? { requestBody: { required: true, content: jsonContent(request, "input") } } : {}),
    responses: {
      200: {
        description: summary,
        content: chunk
          ? { ...content, "text/event-stream": { schema: jsonSchema(chunk, "output") } }
          : content,
      },
      ...(badNews ? { [badNews]: { description: "Not so", content } } : { default: error }),
    },
  };
}

function jsonContent(schema: z.ZodType, io: "input" | "output"): Json {
  return { "application/json": { schema: jsonSchema(schema, io) } };
}

/** @param io whether the schema is of what comes in, before texts are widened to lists, or of what goes out */
function jsonSchema(schema: z.ZodType, io: "input" | "output"): Json {
  const { $schema: _, ...converted } = z.toJSONSchema(schema, {
    io,
    unrepresentable: "any",
    override({ zodSchema, jsonSchema: made }) {
      if (io !== "input" || !takesText(zodSchema)) return;
      const widened = { ...made };
      for (const key of Object.keys(widened)) Reflect.deleteProperty(made, key);
      made.anyOf = [{ type: "string" }, widened];
    },
  });
  return converted;
}
