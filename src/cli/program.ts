import process from "node:process";
import { Command, CommanderError } from "commander";
import type { Environment } from "../base/environment.ts";
import { escapeLine } from "../base/escape.ts";
import { ExplainedError } from "../base/errors.ts";
import { readSettingsFile, withSettingsFile } from "../runtime/options_file.ts";
import { unknownVariables } from "../runtime/variables.ts";
import { addBench } from "./bench.ts";
import { addChat } from "./chat/command.ts";
import { addCompletion } from "./completion.ts";
import { addConfig } from "./config.ts";
import type { CliContext } from "./context.ts";
import { addDevices } from "./devices.ts";
import { addDoctor } from "./doctor.ts";
import { exitCodeOf, exitCodes, InterruptedError, UsageError } from "./exit_codes.ts";
import { addFlags, readFlags, spellOutShortWords } from "./flags.ts";
import { addHelp } from "./help.ts";
import { addInspect } from "./inspect.ts";
import { addList } from "./list.ts";
import { addOpenApi } from "./openapi.ts";
import { addPs } from "./ps.ts";
import { addPull } from "./pull.ts";
import { addRm } from "./rm.ts";
import { addRun } from "./run.ts";
import { addServe } from "./serve.ts";
import { type Services, services } from "./services.ts";
import { nameSources } from "./setting_source.ts";
import { addShow } from "./show.ts";
import { type Streams, Terminal } from "./terminal.ts";
import { addTrace } from "./trace.ts";
import { addVersion, version } from "./version.ts";

const help = `
Examples:
  llamav run "How many stars are there?" --image scene.png
  llamav run ./model "What is in this picture?" --image cat.jpg
  llamav chat ./model
  llamav pull 11b
  llamav serve 11b
  llamav doctor

MODEL is a Llama 3.2 Vision checkpoint in Hugging Face layout: 11b or 90b, the published ones; a repository of the hub,
OWNER/NAME or OWNER/NAME@REVISION; or a directory. A model of the hub is pulled first: by hand, or asked whether to.
Left out, MODEL is "demo": a very small model of the same architecture inside the program, which knows pictures of
shapes, numbers and words.
Every flag of a command can also be set by the variable that its help names, or in the settings file; the flag wins,
then the variable. llamav config says where the file is, and what is set.
llamav COMMAND --help says more about a command.

Exit codes: 0 ok, 1 failure, 2 wrong usage, or something given that cannot be used (a picture, a schema, a prompt that
is too long), 3 model not found, 4 access denied (a gated repository, a wrong token), 5 network, 6 no suitable device,
not enough memory or a lost device, 7 corrupt or mismatched model files, 8 no server answers, 130 SIGINT, 141 the reader
of stdout has gone, 143 SIGTERM (serve drains after either signal and ends with 0).

Built with Llama. Llama 3.2 is licensed under the Llama 3.2 Community License,
Copyright © Meta Platforms, Inc. All Rights Reserved.`;

/** What the process has; tests give their own. */
export interface CliEnvironment {
  readonly streams: Streams;
  readonly env: Environment;
  readonly services: Services;
}

/**
 * Runs one command line.
 *
 * @param args the arguments after the program's name
 * @returns the exit code; all output has been taken by its streams
 */
export async function main(args: readonly string[], given: Partial<CliEnvironment> = {}): Promise<number> {
  const variables = given.env ?? process.env;
  const terminal = new Terminal(given.streams ?? process);
  let env = variables;
  let program: Command | undefined;
  /** Until a command runs there are no settings. */
  let describeError = ({ message }: ExplainedError): string => message;
  /** Does one thing and gives its exit code. */
  async function attempt(work: () => Promise<unknown>): Promise<number> {
    try {
      await work();
      return exitCodes.ok;
    } catch (error) {
      report(error, terminal, describeError, program !== undefined && wantsDebug(program, env));
      return exitCodeOf(error);
    }
  }
  const code = await attempt(async () => {
    const settingsFile = readSettingsFile(variables);
    env = withSettingsFile(variables, settingsFile);
    const context: CliContext = {
      ...{ terminal, env, variables, settingsFile, services: given.services ?? services },
      describeError: (error) => describeError(error),
    };
    program = buildProgram(context);
    program.hook("preAction", (_, command) => {
      describeError = (error) => nameSources(error, command, context);
    });
    // Alone it is what other programs take it for; behind a command it is --verbose.
    const isVersion = args.length === 1 && args[0] === "-v";
    const words = isVersion ? ["--version"] : spellOutShortWords(program, args);
    await program.parseAsync(words, { from: "user" });
  });
  // Output that did not arrive is no success; a command that failed has said why already.
  if (code === exitCodes.ok) return await attempt(() => terminal.flush());
  await terminal.flush().catch(() => {});
  return code;
}

/** In the order of the help. */
const commands = [
  addRun,
  addChat,
  addServe,
  addPs,
  addPull,
  addList,
  addShow,
  addRm,
  addInspect,
  addDoctor,
  addDevices,
  addBench,
  addTrace,
  addConfig,
  addCompletion,
  addOpenApi,
  addVersion,
  addHelp,
];

/** Commands that tell all that is wrong with the settings file, or take nothing from it. */
const withoutSettings: ReadonlySet<string> = new Set(["config", "help", "completion", "version", "openapi"]);

/** Commands that help to find out what is wrong: they do without what cannot be read, and say so. */
const withoutGoodSettings: ReadonlySet<string> = new Set(["doctor", "list"]);

/** Tells of variables that nothing reads, where any is read at all. The server tells it in its log. */
function tellUnknownVariables({ terminal, variables }: CliContext, command: Command): void {
  const name = command.name();
  const isServer = name === "serve" && command.parent?.parent === null;
  if (isServer || (withoutSettings.has(name) && name !== "config")) return;
  for (const line of unknownVariables(variables)) terminal.note(`note: ${line}`);
}

/** @throws {UsageError} If something is wrong with the file, and the command needs it. */
function checkSettings({ settingsFile, terminal }: CliContext, command: string): void {
  const [problem] = settingsFile?.problems ?? [];
  if (problem === undefined || withoutSettings.has(command)) return;
  if (withoutGoodSettings.has(command)) return terminal.note(`warning: Settings file ${problem}`);
  throw new UsageError(`Settings file ${problem}`, "Correct it, or move it away; llamav config says more");
}

function buildProgram(context: CliContext): Command {
  const { terminal } = context;
  const program = new Command("llamav")
    .description("Runs Llama 3.2 Vision on any Vulkan GPU.")
    .version(`llamav ${version}`, "-V, --version", "print the version")
    .helpOption("-h, --help", "print this help")
    .addHelpText("after", help)
    .showSuggestionAfterError()
    // Flags belong to the command before them: "bench" must not take those of "bench serve".
    .enablePositionalOptions()
    // That of commander knows no commands of commands, and takes flags for their names.
    .helpCommand(false)
    .exitOverride()
    .configureOutput({
      // Commander does not wait; whether it was written is told by the flush at the end.
      writeOut: (text) => void terminal.print(text).catch(() => {}),
      writeErr: (text) => terminal.note(text.trimEnd()),
    })
    .showHelpAfterError("Try llamav --help")
    .hook("preAction", (_, command) => {
      tellUnknownVariables(context, command);
      checkSettings(context, command.name());
    });
  addFlags(program, ["debug"]);
  for (const add of commands) add(program, context);
  for (const command of program.commands) {
    command.showHelpAfterError(`Try llamav ${command.name()} --help`);
  }
  for (const command of commandsOf(program)) addFlags(command, ["debug"]);
  return program;
}

/** With the commands of commands. */
function commandsOf({ commands }: Command): Command[] {
  return commands.flatMap((command) => [command, ...commandsOf(command)]);
}

function wantsDebug(program: Command, env: CliContext["env"]): boolean {
  try {
    return [program, ...commandsOf(program)].some((command) =>
      readFlags(command, ["debug"], env).debug === true
    );
  } catch {
    // Its variable holds something else than yes or no: whoever sets it wants to see more.
    return true;
  }
}

/** One sentence what, one sentence what to do; where it happened only when asked. */
function report(
  error: unknown,
  terminal: Terminal,
  describeError: CliContext["describeError"],
  debug: boolean,
): void {
  // Commander has said it already, and who interrupts knows it.
  if (error instanceof CommanderError || error instanceof InterruptedError) return;
  const known = error instanceof ExplainedError;
  const message = error instanceof Error ? error.message : String(error);
  // On one line each: a file's name in it cannot begin a line that we did not write.
  terminal.note(`error: ${escapeLine(known ? describeError(error) : `Unexpected failure: ${message}`)}`);
  if (known && error.remedy !== undefined) terminal.note(escapeLine(error.remedy));
  if (!known && !debug) terminal.note("Run it again with --debug to see where it happened");
  if (debug) terminal.note(Bun.inspect(error));
}
