import type { Command } from "commander";
import { formatDuration, formatTokenRate } from "../base/units.ts";
import type { FinishReason, GenerateRequest, RequestMessage, Runtime, Usage } from "../runtime/request.ts";
import type { SettingValues } from "../runtime/options.ts";
import { type CliContext, showProgress } from "./context.ts";
import { UsageError } from "./exit_codes.ts";
import { addFlags, readFlags } from "./flags.ts";
import { interruptible } from "./interrupt.ts";
import { describeMemory, describeNotes } from "./loaded_model.ts";
import { modelArgument } from "./model_argument.ts";
import { isPictureFile, namePictures, readPicture } from "./pictures.ts";

const flags = [
  "image",
  "system",
  "maxTokens",
  "temperature",
  "topK",
  "topP",
  "minP",
  "repetitionPenalty",
  "presencePenalty",
  "frequencyPenalty",
  "seed",
  "stop",
  "device",
  "contextLength",
  "imageTiles",
  "verbose",
] as const;

type RunValues = SettingValues<typeof flags[number]>;

/** Longest prompt that is read from stdin; far above every context. */
const maxPromptBytes = 16 * 1024 * 1024;
const maxImages = 8;
const maxStops = 4;

const help = `
Examples:
  llamav run ./model "What is in this picture?" --image cat.jpg
  llamav run ./model "What changed?" --image before.png --image after.png --temp 0
  cat letter.txt | llamav run ./model
  cat letter.txt | llamav run ./model "Summarize this letter:" -
  curl -s https://example.com/cat.jpg | llamav run ./model "Describe it" --image -

The words of the prompt are joined with spaces; the word - stands for the text on stdin. Without any words the
prompt is the text on stdin. The answer goes to stdout, everything else to stderr.`;

/** `llamav run MODEL [PROMPT…]`: one answer on stdout, as it comes. */
export function addRun(program: Command, context: CliContext): void {
  const command = program.command("run").summary("answer one question, about pictures or not")
    .description("Answers one question, about pictures or not, and exits.")
    .argument(...modelArgument).argument("[prompt...]", "the question; - reads it from stdin")
    .addHelpText("after", help);
  addFlags(command, flags);
  command.action(async (model: string, words: string[]) => {
    await run(model, words, readFlags(command, flags, context.env), context);
  });
}

async function run(
  model: string,
  words: readonly string[],
  values: RunValues,
  context: CliContext,
): Promise<void> {
  const { terminal, services } = context;
  checkWords(words);
  checkCounts(words, values);
  // What the person gave is read before the model: a wrong path is told in milliseconds.
  const request = await buildRequest(words, values, context);
  const started = performance.now();
  const runtime = await services.openRuntime({
    model,
    device: values.device,
    contextLength: values.contextLength,
    imageTiles: values.imageTiles,
    onProgress: showProgress(terminal),
  });
  try {
    terminal.clearProgress();
    const loadMs = performance.now() - started;
    for (const line of describeNotes(runtime.model)) terminal.note(line);
    if (values.verbose) terminal.note(describeMemory(runtime.model));
    const end = await interruptible((controller) =>
      printAnswer(runtime, request, controller.signal, context)
    );
    if (values.verbose) reportTimings(loadMs, end, context);
  } catch (error) {
    throw namePictures(error, values.image);
  } finally {
    await runtime.close();
  }
}

interface AnswerEnd {
  readonly finishReason: FinishReason;
  readonly usage: Usage;
}

async function printAnswer(
  runtime: Runtime,
  request: GenerateRequest,
  signal: AbortSignal,
  { terminal }: CliContext,
): Promise<AnswerEnd> {
  let lastCharacter = "\n";
  try {
    for await (const event of runtime.generate(request, signal)) {
      if (event.type === "text" && event.text !== "") {
        lastCharacter = event.text.at(-1)!;
        await terminal.print(event.text);
      }
      if (event.type === "end") return event;
    }
  } catch (error) {
    // However the runtime words it: what ended the answer is the signal.
    if (signal.aborted) throw signal.reason;
    throw error;
  } finally {
    if (lastCharacter !== "\n") await terminal.print("\n");
  }
  signal.throwIfAborted();
  throw new Error("The runtime ended the answer without an end event");
}

/** A picture's name in the prompt was meant for the flag: a shell spreads `*.jpg`, and `--image` takes one. */
function checkWords(words: readonly string[]): void {
  const picture = words.find(isPictureFile);
  if (picture === undefined) return;
  throw new UsageError(
    `The prompt holds "${picture}", which is the file of a picture`,
    "Write --image before each picture",
  );
}

function checkCounts(words: readonly string[], { image, stop }: RunValues): void {
  if ([...words, ...image].filter((word) => word === "-").length > 1) {
    throw new UsageError("stdin can be read once, - is there twice", "Give a file name for one of them");
  }
  if (image.length > maxImages) {
    throw new UsageError(`At most ${maxImages} pictures fit into a request, ${image.length} were given`);
  }
  if (stop.length > maxStops) {
    throw new UsageError(`At most ${maxStops} --stop texts are possible, ${stop.length} were given`);
  }
  if (stop.includes("")) throw new UsageError("A --stop text must not be empty");
}

async function buildRequest(
  words: readonly string[],
  values: RunValues,
  context: CliContext,
): Promise<GenerateRequest> {
  const prompt = await readPrompt(words, values, context);
  const pictures = await Promise.all(values.image.map((name) => readPicture(name, context)));
  const messages: RequestMessage[] = [];
  if (values.system !== undefined) {
    messages.push({ role: "system", content: [{ type: "text", text: values.system }] });
  }
  messages.push({
    role: "user",
    // Pictures first: text before a picture cannot see it, and the model was trained this way.
    content: [
      ...pictures.map((bytes) => ({ type: "image" as const, bytes })),
      { type: "text", text: prompt },
    ],
  });
  return { messages, sampling: samplingOf(values), maxTokens: values.maxTokens, stop: values.stop };
}

async function readPrompt(
  words: readonly string[],
  values: RunValues,
  { terminal }: CliContext,
): Promise<string> {
  const wantsStdin = words.includes("-") || (words.length === 0 && !terminal.stdinIsTerminal);
  if (words.length === 0 && (terminal.stdinIsTerminal || values.image.includes("-"))) {
    throw new UsageError(
      "No prompt was given",
      'Add it: llamav run MODEL "What is in this picture?" --image FILE',
    );
  }
  let text = "";
  if (wantsStdin) {
    try {
      text = new TextDecoder().decode(await terminal.readStdin(maxPromptBytes));
    } catch (error) {
      throw new UsageError(`Cannot read the prompt: ${(error as Error).message}`);
    }
    if (text.trim() === "") throw new UsageError("The prompt on stdin is empty");
  }
  if (words.length === 0) return text;
  return words.map((word) => word === "-" ? text : word).join(" ");
}

/** Only what was asked for: the rest is the model's generation config. */
function samplingOf(values: RunValues): NonNullable<GenerateRequest["sampling"]> {
  const { temperature, topK, topP, minP, repetitionPenalty, presencePenalty, frequencyPenalty, seed } =
    values;
  const given = { temperature, topK, topP, minP, repetitionPenalty, presencePenalty, frequencyPenalty, seed };
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
}

function reportTimings(loadMs: number, { finishReason, usage }: AnswerEnd, { terminal }: CliContext): void {
  const { imageMs, prefillMs, decodeMs } = usage.timings;
  const line = (name: string, text: string) => terminal.note(`${name.padEnd(8)}${text}`);
  line("load", formatDuration(loadMs));
  if (usage.imageTiles > 0) line("images", `${formatDuration(imageMs)}, ${usage.imageTiles} tiles`);
  const prompt = `${formatDuration(prefillMs)}, ${usage.promptTokens} tokens`;
  line("prompt", `${prompt}, ${formatTokenRate(usage.promptTokens, prefillMs)}`);
  const answer = `${formatDuration(decodeMs)}, ${usage.completionTokens} tokens`;
  line("answer", `${answer}, ${formatTokenRate(usage.completionTokens, decodeMs)}, ended by ${finishReason}`);
}
