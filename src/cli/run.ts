import type { Command } from "commander";
import { ExplainedError } from "../base/errors.ts";
import { formatDuration } from "../base/units.ts";
import type { FirstAnswer, GenerateRequest, ModelInfo, Runtime } from "../runtime/request.ts";
import { settings, type SettingValues } from "../runtime/options.ts";
import { hasScreen, sessionFlags } from "./chat/flags.ts";
import type { CliContext } from "./context.ts";
import { UsageError } from "./exit_codes.ts";
import { addFlags, isGivenByFlag, readFlags } from "./flags.ts";
import { interruptible } from "./interrupt.ts";
import { openForOne } from "./loaded_model.ts";
import {
  bringModel,
  findModel,
  modelArgument,
  modelOrDemo,
  namedModel,
  takeModel,
} from "./model_argument.ts";
import { namePictures } from "./pictures.ts";
import { buildRequest, requestFlags } from "./run_request.ts";
import { tellNoModel } from "./prompt_words.ts";
import { type AnswerEnd, describeTimings, timingLine } from "./timings.ts";

const flags = [...requestFlags, ...sessionFlags] as const;

type RunValues = SettingValues<typeof flags[number]>;

const help = `
Examples:
  llamav run "How many stars are there?" --image scene.png
  llamav run ./model "What is in this picture?" --image cat.jpg
  llamav run ./model "What changed?" --image before.png --image after.png --temp 0
  llamav run ./model --messages chat.json "And now?"
  cat letter.txt | llamav run ./model
  cat letter.txt | llamav run ./model "Summarize this letter:" -
  curl -s https://example.com/cat.jpg | llamav run ./model "Describe it" --image -

The first word is MODEL if it is "demo", a path, or something that exists; otherwise the prompt begins with it. The
words of the prompt are joined with spaces; the word - stands for the text on stdin. Without any words the prompt is
the text on stdin; at a terminal a conversation begins, as with llamav chat. The file of --messages says what was said
before, as the API takes it; then a prompt is the next message, and without one the last of the file is answered. A
picture's URL may there also be the name of a file below --images. The answer goes to stdout, everything else to
stderr.`;

/** `llamav run [MODEL] [PROMPT…]`: one answer on stdout, as it comes. */
export function addRun(program: Command, context: CliContext): void {
  const command = program.command("run").summary("answer one question, about pictures or not")
    .description("Answers one question, about pictures or not, and exits.")
    .argument(...modelArgument).argument("[prompt...]", "the question; - reads it from stdin")
    .addHelpText("after", help);
  addFlags(command, flags);
  command.action(async (first: string | undefined, others: string[]) => {
    const { model, rest } = takeModel(first === undefined ? others : [first, ...others]);
    const values = readFlags(command, flags, context.env);
    if (values.messages === undefined && isGivenByFlag(command, settings.images)) {
      throw new UsageError("--images needs --messages", "Did you mean --image?");
    }
    await run(model, rest, values, context);
  });
}

async function run(
  given: string | undefined,
  words: readonly string[],
  values: RunValues,
  context: CliContext,
): Promise<void> {
  const { terminal } = context;
  if (words.length === 0 && values.messages === undefined && hasScreen(terminal)) {
    const { startChat } = await import("./chat/start.ts");
    return await startChat({ model: given, values }, context);
  }
  const named = namedModel(given, context);
  // Nobody types a question for a model that is not there.
  if (named !== undefined) await findModel(named, values, context);
  if (given === undefined) tellNoModel(words, context);
  // What the person gave is read before the model: a wrong path is told in milliseconds.
  const request = await buildRequest(words, values, context);
  const model = await bringModel(modelOrDemo(given, context), values, context);
  const started = performance.now();
  const runtime = await openForOne(model, values, firstAnswer(request), values.warmUp, context);
  try {
    const loadMs = performance.now() - started;
    const end = await interruptible((controller) =>
      printAnswer(runtime, request, controller.signal, context)
    );
    tellCut(end, request, runtime.model, context);
    if (!values.verbose) return;
    for (const line of [timingLine("load", formatDuration(loadMs)), ...describeTimings(end)]) {
      terminal.note(line);
    }
  } catch (error) {
    throw namePictures(error, values.image);
  } finally {
    await runtime.close();
  }
}

function firstAnswer({ messages, sampling }: GenerateRequest): FirstAnswer {
  const pictures = messages.some(({ content }) => content.some(({ type }) => type === "image"));
  return { pictures, draws: sampling?.temperature !== 0 };
}

/**
 * An answer that is cut off looks like one that is complete.
 *
 * @throws {ExplainedError} If it was to have a form: what was printed has none.
 */
function tellCut(
  { finishReason }: AnswerEnd,
  { constraint }: GenerateRequest,
  { contextLength, longestContext }: ModelInfo,
  { terminal, describeError }: CliContext,
): void {
  if (finishReason !== "length") return;
  const flags = contextLength < longestContext ? "--max-tokens or --ctx-size" : "--max-tokens";
  const cut = new ExplainedError(
    "The answer is cut off: --max-tokens, or the context, has no room for more",
    `Raise ${flags}, or ask for less`,
  );
  if (constraint) throw cut;
  terminal.note(`note: ${describeError(cut)}`);
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
