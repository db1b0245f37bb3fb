import type { GenerateRequest, RequestMessage } from "../runtime/request.ts";
import type { SettingValues } from "../runtime/options.ts";
import { givenSampling, requestLimits, samplingNames } from "../runtime/request_settings.ts";
import type { CliContext } from "./context.ts";
import { UsageError } from "./exit_codes.ts";
import { shownUrl } from "./given_url.ts";
import { readJsonSchema } from "./json_schema.ts";
import { tellNamedPictures } from "./prompt_words.ts";
import { checkIsText, isPictureFile, isPictureUrl, pictureFetcher, readPicture } from "./pictures.ts";

/** The settings that make a request of `run`. */
export const requestFlags = [
  "image",
  "messages",
  "images",
  "system",
  "maxTokens",
  ...samplingNames,
  "stop",
  "jsonSchema",
] as const;

type RequestValues = SettingValues<typeof requestFlags[number]>;

/** Longest prompt that is read from stdin; far above every context. */
const maxPromptBytes = 16 * 1024 * 1024;

/**
 * Reads all that was asked: words, pictures, and what was said before.
 *
 * @throws {UsageError} If something is missing, cannot be read, or is too much.
 * @throws {RequestError} If a picture cannot be fetched, or the conversation is malformed.
 */
export async function buildRequest(
  words: readonly string[],
  values: RequestValues,
  context: CliContext,
): Promise<GenerateRequest> {
  checkWords(words);
  checkCounts(words, values);
  const earlier = values.messages === undefined
    ? undefined
    : await readEarlier(values.messages, values, context);
  const messages: RequestMessage[] = [];
  if (values.system !== undefined) {
    messages.push({ role: "system", content: [{ type: "text", text: values.system }] });
  }
  messages.push(...earlier?.messages ?? []);
  if (earlier === undefined || words.length > 0 || values.image.length > 0) {
    messages.push(await readQuestion(words, values, context));
  }
  return {
    ...earlier,
    messages,
    sampling: givenSampling(values),
    maxTokens: values.maxTokens,
    stop: values.stop,
    constraint: await readJsonSchema(values.jsonSchema),
  };
}

type Earlier = Pick<GenerateRequest, "messages" | "tools" | "toolsInUserMessage" | "dateString">;

async function readEarlier(
  path: string,
  { images, system }: RequestValues,
  context: CliContext,
): Promise<Earlier> {
  const { readConversation } = await import("./conversation_file.ts");
  const fetchPicture = await pictureFetcher(context);
  const prompt = await readConversation(path, images, fetchPicture);
  if ("text" in prompt) {
    throw new UsageError(
      `Cannot use the conversation "${path}": it must hold messages, and it holds a prompt for a base model`,
      "Compute it with llamav trace",
    );
  }
  if (system !== undefined && prompt.request.messages.some(({ role }) => role === "system")) {
    throw new UsageError(
      `Two system messages were given, by --system and in "${path}"`,
      "Give one of them",
    );
  }
  return prompt.request;
}

async function readQuestion(
  words: readonly string[],
  values: RequestValues,
  context: CliContext,
): Promise<RequestMessage> {
  const prompt = await readPrompt(words, values, context);
  const pictures = await Promise.all(values.image.map((name) => readPicture(name, context)));
  return {
    role: "user",
    // Pictures first: text before a picture cannot see it, and the model was trained this way.
    content: [
      ...pictures.map((bytes) => ({ type: "image" as const, bytes })),
      { type: "text", text: prompt },
    ],
  };
}

/** A picture's name in the prompt was meant for the flag: a shell spreads `*.jpg`, and `--image` takes one. */
function checkWords(words: readonly string[]): void {
  const picture = words.find((word) => isPictureFile(word) || isPictureUrl(word));
  if (picture === undefined) return;
  const isAddress = isPictureUrl(picture);
  throw new UsageError(
    `The prompt holds "${isAddress ? shownUrl(picture) : picture}", which is the ${
      isAddress ? "address" : "file"
    } of a picture`,
    "Write --image before each picture",
  );
}

function checkCounts(words: readonly string[], { image, stop }: RequestValues): void {
  if ([...words, ...image].filter((word) => word === "-").length > 1) {
    throw new UsageError("stdin can be read once, - is there twice", "Give a file name for one of them");
  }
  const { pictures, stops } = requestLimits;
  if (image.length > pictures) {
    throw new UsageError(`At most ${pictures} pictures fit into a request, ${image.length} were given`);
  }
  if (stop.length > stops) {
    throw new UsageError(`At most ${stops} --stop texts are possible, ${stop.length} were given`);
  }
  if (stop.includes("")) throw new UsageError("A --stop text must not be empty");
}

const addPrompt = 'Add it: llamav run "What is in this picture?" --image FILE';

async function readPrompt(
  words: readonly string[],
  values: RequestValues,
  { terminal, env }: CliContext,
): Promise<string> {
  if (terminal.stdinIsPipe && words.length > 0 && values.image.length === 0 && !words.includes("-")) {
    terminal.note(
      "note: stdin is not read: - in the prompt stands for its text, and --image - for a picture",
    );
  }
  await tellNamedPictures(words, values.image, { terminal, env });
  const wantsStdin = words.includes("-") || (words.length === 0 && !terminal.stdinIsTerminal);
  if (words.length === 0 && (terminal.stdinIsTerminal || values.image.includes("-"))) {
    throw new UsageError("No prompt was given", addPrompt);
  }
  let text = "";
  if (wantsStdin) {
    text = await readText(terminal);
    if (text.trim() === "") throw new UsageError("The prompt on stdin is empty", addPrompt);
  }
  if (words.length === 0) return text;
  return words.map((word) => word === "-" ? text : word).join(" ");
}

async function readText(terminal: CliContext["terminal"]): Promise<string> {
  let bytes: Uint8Array;
  try {
    bytes = await terminal.readStdin(maxPromptBytes);
  } catch (error) {
    throw new UsageError(`Cannot read the prompt: ${(error as Error).message}`);
  }
  await checkIsText(bytes);
  return new TextDecoder().decode(bytes);
}
