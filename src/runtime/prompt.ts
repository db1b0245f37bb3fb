import { basename, resolve } from "node:path";
import { ModelError } from "../base/errors.ts";
import type { Message } from "../chat/message.ts";
import { rawPrompt, renderPrompt } from "../chat/prompt.ts";
import { type ChatTemplate, openChatTemplate } from "../chat/template_file.ts";
import type { EngineImage } from "../engine/protocol.ts";
import { greedy, type Sampling } from "../engine/sampling.ts";
import { ImagePreparer } from "../images/image_preparer.ts";
import { type MllamaConfig, readConfig } from "../model/config.ts";
import { openTokenizer, type Tokenizer } from "../tokenizer/tokenizer.ts";
import type { GenerateRequest } from "./request.ts";

/** The part of a model that works without a device: its texts, its pictures and its habits. */
export interface Frontend {
  /** The name the model goes by: its directory's. */
  readonly id: string;
  readonly config: MllamaConfig;
  readonly tokenizer: Tokenizer;
  readonly template: ChatTemplate;
  /** Decodes and resizes beside the main thread; closed with the frontend's owner. */
  readonly pictures: ImagePreparer;
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
export function openFrontend(directory: string): Frontend {
  const config = readConfig(directory);
  const tokenizer = openTokenizer(directory);
  const id = tokenizer.controlId(imageToken);
  if (id !== config.imageTokenIndex) {
    throw new ModelError(
      `The tokenizer of "${directory}" gives "${imageToken}" the id ${id}, config.json says ${config.imageTokenIndex}`,
      "config.json and tokenizer.json must come from the same checkpoint",
    );
  }
  const template = openChatTemplate(directory, tokenizer.bosToken);
  return { id: basename(resolve(directory)), config, tokenizer, template, pictures: new ImagePreparer() };
}

/**
 * Lays out a conversation and prepares its pictures.
 *
 * @param maxTokens longest prompt that is worth encoding; a longer one is refused before it takes time
 * @throws {RequestError} If a picture cannot be decoded or the template refuses the conversation.
 */
export async function buildPrompt(
  frontend: Frontend,
  request: Pick<GenerateRequest, "messages" | "tools" | "toolsInUserMessage" | "dateString"> & {
    readonly addGenerationPrompt?: boolean;
  },
  maxTokens: number,
): Promise<Prompt> {
  const messages: Message[] = request.messages.map((message) => ({
    ...message,
    content: message.content.map((part) => part.type === "text" ? part : { type: "image" }),
  }));
  const pictures = request.messages.flatMap(({ content }) =>
    content.flatMap((part) => part.type === "image" ? [part.bytes] : [])
  );
  const tokens = frontend.tokenizer.encodeSegments(renderPrompt(frontend.template, messages, request), {
    maxTokens,
  });
  return { tokens, images: await prepareImages(frontend, pictures) };
}

/** A prompt without a conversation, for base models: the text may hold `<|image|>` once for every picture. */
export async function buildRawPrompt(
  frontend: Frontend,
  text: string,
  pictures: readonly Uint8Array[],
): Promise<Prompt> {
  const tokens = frontend.tokenizer.encodeSegments(rawPrompt(text, frontend.tokenizer.bosToken));
  return { tokens, images: await prepareImages(frontend, pictures) };
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

function prepareImages(frontend: Frontend, files: readonly Uint8Array[]): Promise<EngineImage[]> {
  const { size: tileSize, maxImageTiles: maxTiles } = frontend.config.image;
  return Promise.all(files.map((bytes) => frontend.pictures.prepare(bytes, { tileSize, maxTiles })));
}
