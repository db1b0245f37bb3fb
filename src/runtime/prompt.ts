import { ModelError, RequestError } from "../base/errors.ts";
import type { Asker } from "../base/gate.ts";
import type { Segment } from "../chat/content_vault.ts";
import type { Message } from "../chat/message.ts";
import { rawPrompt, renderPrompt } from "../chat/prompt.ts";
import { type ChatTemplate, openChatTemplate } from "../chat/template_file.ts";
import { toTemplateTurns } from "../chat/tool_turns.ts";
import type { EngineImage } from "../engine/protocol.ts";
import { type Histogram, observe, timeHistogram } from "../engine/stats.ts";
import { greedy, type Sampling } from "../engine/sampling.ts";
import { supportedArrangements } from "../images/canvas.ts";
import { ImagePreparer } from "../images/image_preparer.ts";
import { extraEmbeddingRows, type MllamaConfig, readConfig } from "../model/config.ts";
import {
  type EncodeSegment,
  openTokenizer,
  PromptTooLongError,
  type Tokenizer,
} from "../tokenizer/tokenizer.ts";
import { modelId } from "./models.ts";
import type { Conversation, RequestPart } from "./request.ts";

/** The part of a model that works without a device: its texts, its pictures and its habits. */
export interface Frontend {
  /** The name the model goes by: its repository's, or its directory's. */
  readonly id: string;
  readonly config: MllamaConfig;
  readonly tokenizer: Tokenizer;
  readonly template: ChatTemplate;
  /** What a person should know of the checkpoint, one sentence each. */
  readonly notes: readonly string[];
  /** Decodes and resizes beside the main thread; closed with the frontend's owner. */
  readonly pictures: ImagePreparer;
  /** How long that took, for each picture that could be read. */
  readonly imageDecodeMs: Histogram;
  /** Most tiles that a picture is cut into. */
  readonly maxTiles: number;
}

export interface FrontendOptions {
  /** Cuts pictures into fewer tiles than the model knows; a higher number changes nothing. */
  readonly maxTiles?: number;
}

/** What the engine needs of a request. */
export interface Prompt {
  readonly tokens: number[];
  readonly images: EngineImage[];
}

const imageToken = "<|image|>";

/**
 * Opens tokenizer, template and configuration of a model directory.
 *
 * @throws {ModelNotFoundError} If the directory or one of the files is missing.
 * @throws {ModelError} If they are damaged or do not fit each other.
 */
export function openFrontend(directory: string, { maxTiles = Infinity }: FrontendOptions = {}): Frontend {
  const config = readConfig(directory);
  const tokenizer = openTokenizer(directory);
  checkTokenizer(directory, config, tokenizer);
  checkArrangements(directory, config);
  const template = openChatTemplate(directory, tokenizer.bosToken);
  const notes = template.origin === "built-in"
    ? ["The checkpoint has no chat template: the one of the instruct models is used"]
    : [];
  return {
    id: modelId(directory),
    config,
    tokenizer,
    template,
    notes,
    pictures: new ImagePreparer(),
    imageDecodeMs: timeHistogram(),
    maxTiles: Math.min(maxTiles, config.image.maxImageTiles),
  };
}

/** Ids beyond the embedding, or another image token, mean that the files are not of one checkpoint. */
function checkTokenizer(
  directory: string,
  { text, imageTokenIndex }: MllamaConfig,
  tokenizer: Tokenizer,
): void {
  const remedy = "config.json and tokenizer.json must come from the same checkpoint";
  const id = tokenizer.controlId(imageToken);
  if (id !== imageTokenIndex) {
    throw new ModelError(
      `The tokenizer of "${directory}" gives "${imageToken}" the id ${id}, config.json says ${imageTokenIndex}`,
      remedy,
    );
  }
  const most = text.vocabSize + extraEmbeddingRows;
  if (tokenizer.vocabularySize > most) {
    throw new ModelError(
      `The tokenizer of "${directory}" has ids up to ${
        tokenizer.vocabularySize - 1
      }, the model has ${most} embeddings`,
      remedy,
    );
  }
}

/** Pictures are given an arrangement's id by its place among all of them (images/canvas.ts). */
function checkArrangements(directory: string, { vision }: MllamaConfig): void {
  const needed = supportedArrangements(vision.maxNumTiles).map(({ rows, columns }) => [rows, columns]);
  if (JSON.stringify(vision.supportedAspectRatios) === JSON.stringify(needed)) return;
  throw new ModelError(
    `Cannot use config.json of "${directory}": supported_aspect_ratios must be ${
      JSON.stringify(needed)
    }, is ${JSON.stringify(vision.supportedAspectRatios)}`,
    "Use a checkpoint of Llama 3.2 Vision: all of them number their arrangements so",
  );
}

/**
 * The text of a conversation as the checkpoint's template prints it.
 *
 * @throws {RequestError} If the template refuses the conversation.
 */
export function layOut(frontend: Frontend, request: Conversation): Segment[] {
  const messages: Message[] = request.messages.map((message) => ({
    ...message,
    content: message.content.map((part) => part.type === "text" ? part : { type: "image" }),
  }));
  return renderPrompt(frontend.template, toTemplateTurns(messages, request), request);
}

/**
 * Lays out a conversation and prepares its pictures.
 *
 * @param maxTokens longest prompt that is worth encoding; a longer one is refused before it takes time
 * @throws {RequestError} If a picture cannot be decoded or the template refuses the conversation.
 * @throws The signal's reason, when it is aborted.
 */
export async function buildPrompt(
  frontend: Frontend,
  request: Conversation,
  maxTokens: number,
  signal?: AbortSignal,
): Promise<Prompt> {
  const asker = { client: request.client, signal };
  const pictures = request.messages.flatMap(({ content }) => content.filter((part) => part.type === "image"));
  const tokens = await encode(frontend, layOut(frontend, request), maxTokens, asker);
  return { tokens, images: await prepareImages(frontend, pictures, asker) };
}

/**
 * A prompt without a conversation, for base models: the text holds `<|image|>` once for every picture.
 *
 * @throws {RequestError} If it does not, or a picture cannot be decoded.
 */
export async function buildRawPrompt(
  frontend: Frontend,
  text: string,
  pictures: readonly Uint8Array[],
): Promise<Prompt> {
  const tokens = frontend.tokenizer.encodeSegments(rawPrompt(text, frontend.tokenizer.bosToken));
  const marks = tokens.filter((token) => token === frontend.config.imageTokenIndex).length;
  if (marks !== pictures.length) {
    throw new RequestError(
      `The prompt must have "${imageToken}" once for each of its ${pictures.length} pictures, it has it ${marks} times`,
      { param: "prompt", remedy: `Write "${imageToken}" where each picture belongs` },
    );
  }
  return { tokens, images: await prepareImages(frontend, pictures.map((bytes) => ({ bytes }))) };
}

/**
 * A prompt of a text, which is never read as control tokens, or of ids.
 *
 * @param maxTokens longest prompt that is worth encoding
 * @throws {RequestError} If an id is unknown, or stands for a picture, which there is none of.
 * @throws The signal's reason, when it is aborted.
 */
export async function buildPlainPrompt(
  frontend: Frontend,
  prompt: string | readonly number[],
  maxTokens: number,
  asker: Asker = {},
): Promise<Prompt> {
  const { tokenizer, config } = frontend;
  if (typeof prompt === "string") {
    const ids = await encode(frontend, [{ text: prompt, control: false }], maxTokens, asker);
    return { tokens: [tokenizer.bosId, ...ids], images: [] };
  }
  const wrong = prompt.findIndex((id) => id >= config.text.vocabSize);
  if (wrong >= 0) {
    const reason = prompt[wrong] === config.imageTokenIndex
      ? "stands for a picture, and a prompt of ids has none"
      : `must be less than ${config.text.vocabSize}, the size of the vocabulary`;
    throw new RequestError(`Token ${wrong} of the prompt, ${prompt[wrong]}, ${reason}`, {
      param: "prompt",
      code: "invalid_value",
    });
  }
  return { tokens: [...prompt], images: [] };
}

/** @throws {RequestError} If there are more than `maxTokens`: with what can be done about it in this model. */
async function encode(
  { tokenizer, config }: Frontend,
  segments: readonly EncodeSegment[],
  maxTokens: number,
  asker: Asker,
): Promise<number[]> {
  try {
    return await tokenizer.encodeInTurns(segments, { maxTokens, ...asker });
  } catch (error) {
    if (!(error instanceof PromptTooLongError)) throw error;
    const canGrow = maxTokens < config.text.maxPositionEmbeddings;
    const remedy = canGrow
      ? "Shorten the prompt, or raise --ctx-size"
      : "Shorten the prompt: the model can hold no more";
    throw new RequestError(error.message, { ...error.details, remedy });
  }
}

/** How the checkpoint's authors want it sampled. */
export function modelSampling({ config }: Frontend): Sampling {
  const { doSample, temperature, topK, topP, repetitionPenalty } = config.generation;
  if (!doSample) return greedy;
  return {
    ...greedy,
    temperature: temperature ?? 1,
    topK: topK ?? greedy.topK,
    topP: topP ?? greedy.topP,
    repetitionPenalty: repetitionPenalty ?? greedy.repetitionPenalty,
  };
}

type Picture = Omit<Extract<RequestPart, { type: "image" }>, "type">;

function prepareImages(
  frontend: Frontend,
  pictures: readonly Picture[],
  asker: Asker = {},
): Promise<EngineImage[]> {
  const { size: tileSize, maxImageTiles: knownTiles } = frontend.config.image;
  return Promise.all(pictures.map(async ({ bytes, detail }) => {
    // The processor's rule chooses by size already: "high" and "auto" are the same.
    const maxTiles = detail === "low" ? 1 : frontend.maxTiles;
    const begin = performance.now();
    const image = await frontend.pictures.prepare(bytes, { tileSize, maxTiles, knownTiles, ...asker });
    observe(frontend.imageDecodeMs, performance.now() - begin);
    return image;
  }));
}
