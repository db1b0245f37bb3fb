import { type Command, Option } from "commander";
import type { CliContext } from "../context.ts";
import { addFlags, readFlags } from "../flags.ts";
import { modelArgument, oneModel } from "../model_argument.ts";
import { chatFlags } from "./flags.ts";
import { keptSessions } from "./session_store.ts";

const help = `
Examples:
  llamav chat
  llamav chat ./model --image cat.jpg
  llamav chat --resume

Type a message, or /help for the commands. A picture is added by dropping its file onto the terminal, by @cat.png
in a message, or by /image. Ctrl-C stops the answer and keeps what there is of it; Ctrl-D leaves.
Conversations, what was typed and their pictures are kept below $XDG_STATE_HOME/llamav, or ~/.local/state/llamav,
for you alone to read; --no-history keeps nothing. Of those without a name (/save NAME) the last ${keptSessions} stay.
With a pipe every line of stdin is a message, answers are on stdout, and nothing is kept without --history.
Colours and thumbnails are those that the terminal has; NO_COLOR and FORCE_COLOR (0 to 3) say otherwise.`;

/** `llamav chat [MODEL]`: a conversation in the terminal. */
export function addChat(program: Command, context: CliContext): void {
  const command = program.command("chat").summary("talk about pictures, or anything, in the terminal")
    .description("Has a conversation, about pictures or not, in the terminal.")
    .argument(...modelArgument)
    .addOption(new Option("--resume [id]", "go on with a conversation: its name, its ID, or the last one"))
    .addHelpText("after", help);
  addFlags(command, chatFlags);
  command.action(async (given: string | undefined) => {
    const { resume } = command.opts<{ resume?: string | true }>();
    const { startChat } = await import("./start.ts");
    await startChat(
      { model: oneModel(given), values: readFlags(command, chatFlags, context.env), resume },
      context,
    );
  });
}
