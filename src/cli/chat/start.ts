import { existsSync } from "node:fs";
import { escapeLine } from "../../base/escape.ts";
import { quote } from "../../base/quote.ts";
import type { TerminalInput, TerminalOutput } from "../../terminal/raw_terminal.ts";
import { forcesColors } from "../../terminal/colors.ts";
import type { CliContext } from "../context.ts";
import { InterruptedError, UsageError } from "../exit_codes.ts";
import { isUrl } from "../given_url.ts";
import { openForOne } from "../loaded_model.ts";
import { absoluteModel, bringModel, modelOrDemo } from "../model_argument.ts";
import { checkNoQuestion } from "../pictures.ts";
import { Chat } from "./chat.ts";
import { showConversation } from "./file_commands.ts";
import { type ChatValues, hasScreen } from "./flags.ts";
import { InputHistory } from "./input_history.ts";
import { LineView } from "./line_view.ts";
import { type Parameters, parameterSettings } from "./parameters.ts";
import { openNamedPicture, pictureOpener } from "./pictures.ts";
import { stateDirectory } from "./private_files.ts";
import { tilesOf } from "./room.ts";
import { type ScreenOptions, screenThumbnailBox, ScreenView } from "./screen_view.ts";
import { newSession, type Session } from "./session.ts";
import { SessionStore } from "./session_store.ts";

export interface ChatStart {
  /** MODEL, if it was given. */
  readonly model: string | undefined;
  readonly values: ChatValues;
  /** Goes on with a conversation: by its name or ID, or `true` for the last one. */
  readonly resume?: string | true;
}

/**
 * Has a conversation, until the person leaves.
 *
 * @throws {InterruptedError} If they leave with Ctrl-C.
 */
export async function startChat(
  { model: given, values, resume }: ChatStart,
  context: CliContext,
): Promise<void> {
  const { terminal, env } = context;
  // A script leaves nothing behind that it did not ask for.
  const isKept = values.history ?? (terminal.stdinIsTerminal || resume !== undefined);
  const folder = isKept ? stateDirectory(env) : undefined;
  const store = folder === undefined ? undefined : new SessionStore(folder);
  const resumed = resume === undefined ? undefined : resumeFrom(store, resume);
  store?.prune(resumed);
  const session = beginSession(given ?? resumed?.model, resumed, values, context);
  const screen = screenOf(context, values.plain === true);
  const openPicture = pictureOpener(() => screen ? screenThumbnailBox(screen) : { width: 1, height: 1 });
  // What the person gave is read before the model: a wrong path is told in milliseconds.
  const pictures = [];
  for (const name of values.image) {
    if (!isUrl(name)) checkNoQuestion(name);
    pictures.push(await openNamedPicture(name, openPicture, context));
  }
  const anything = { pictures: true, draws: true };
  const openModel = (model: string) => openForOne(model, values, anything, values.warmUp ?? "gpu", context);
  await bringModel(session.model, values, context);
  const started = performance.now();
  const runtime = await openModel(session.model);
  const loadMs = performance.now() - started;
  // Until here Ctrl-C ends everything.
  const view = screen ? new ScreenView(screen) : new LineView(terminal, forcesColors(env) && !values.plain);
  const findModel = async (model: string) => void await bringModel(model, values, context);
  const history = new InputHistory(folder);
  const parts = { context, view, openPicture, history, store, findModel, openModel };
  const chat = new Chat(parts, { session, runtime, verbose: values.verbose ?? false });
  try {
    if (!view.isUnattended) chat.note(`${runtime.model.id} on ${runtime.model.device}`);
    chat.tellLoad(loadMs);
    if (resumed) showConversation(chat, resumed, resume === true);
    if (pictures.length > 0) await chat.attach(pictures);
    else await chat.tellShortage();
    await chat.run();
    await tellWhatIsLeft(chat);
  } catch (error) {
    if (error instanceof InterruptedError) await tellWhatIsLeft(chat);
    throw error;
  } finally {
    view.close();
    if (!chat.isOver) await chat.runtime.close();
  }
}

/**
 * What was not sent, which is kept nowhere, and how to go on with it and with what was said. Of a picture from another
 * folder only the name is known any more.
 */
async function tellWhatIsLeft({ session, unsent, pending, pictures, runtime, parts }: Chat): Promise<void> {
  if (parts.view.isUnattended) return;
  const message = unsent === undefined ? [] : [quote(unsent.text.replaceAll(/\s+/g, " "))];
  const left = [...message, ...pending.map(({ name }) => escapeLine(name))];
  if (left.length > 0) parts.view.note(`Not sent, and not kept: ${left.join(", ")}`);
  const isKept = parts.store?.has(session) === true;
  if (!isKept && pending.length === 0) return;
  const tiles = (await tilesOf(pictures, runtime.model)).reduce((sum, count) => sum + count, 0);
  const words = [
    "llamav chat",
    ...isKept ? [`--resume ${shellWord(session.name ?? session.id)}`] : [],
    ...tiles > runtime.model.imageTiles ? [`--image-tiles ${tiles}`] : [],
    ...pending.map(({ name }) =>
      `--image ${shellWord(escapeLine(existsSync(name) ? name : `PATH/${name}`))}`
    ),
  ];
  parts.view.note(`${words.join(" ")} ${isKept ? "goes on from here" : "begins with the pictures"}`);
}

function shellWord(text: string): string {
  return /\s/.test(text) ? `"${text}"` : text;
}

function resumeFrom(store: SessionStore | undefined, resume: string | true): Session {
  if (store === undefined) {
    throw new UsageError("Conversations are not kept with --no-history", "Give --resume without it");
  }
  try {
    return store.load(resume === true ? undefined : resume);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    // The commands of a conversation are not there yet.
    const remedy = resume === true || store.list().length === 0
      ? "llamav chat begins a new one"
      : "--resume NAME goes on with another one, --resume alone with the last";
    throw new UsageError(error.message, remedy);
  }
}

/** A new conversation, or an old one that goes on; what the command line says wins. */
function beginSession(
  given: string | undefined,
  resumed: Session | undefined,
  values: ChatValues,
  context: CliContext,
): Session {
  // The conversation may go on from another folder.
  const model = absoluteModel(modelOrDemo(given, context));
  const parameters = { ...resumed?.parameters, ...parametersOf(values) };
  const system = values.system ?? resumed?.system;
  return { ...resumed ?? newSession({ model, system, parameters }), model, system, parameters };
}

function parametersOf(values: ChatValues): Parameters {
  const given = parameterSettings.map((name) => [name, values[name]] as const)
    .filter(([, value]) => value !== undefined && !(Array.isArray(value) && value.length === 0));
  return Object.fromEntries(given);
}

/** The screen that the conversation can have, if there is one that can do more than lines. */
function screenOf({ terminal, env }: CliContext, plain: boolean): ScreenOptions | undefined {
  const { stdin, stdout } = terminal.streams;
  if (env["TERM"] === "dumb" || !hasScreen(terminal)) return undefined;
  if (!isRawInput(stdin) || !isScreenOutput(stdout)) return undefined;
  return { input: stdin, output: stdout, env, plain };
}

function isRawInput(stream: object): stream is TerminalInput {
  return "setRawMode" in stream && "on" in stream;
}

function isScreenOutput(stream: object): stream is TerminalOutput {
  return "columns" in stream && "write" in stream;
}
