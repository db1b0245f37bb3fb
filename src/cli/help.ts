import type { Command } from "commander";
import { UsageError } from "./exit_codes.ts";

/** `llamav help [COMMAND…]`: the help of a command, or of a command of a command. */
export function addHelp(program: Command): void {
  program.command("help").summary("print the help of a command")
    .description("Prints the help of a command.")
    .argument("[command...]", "which one, as in: llamav help bench serve")
    .action((names: readonly string[]) => commandOf(program, names).help());
}

function commandOf(program: Command, names: readonly string[]): Command {
  let found = program;
  for (const name of names) {
    const inner = found.commands.find((command) => [command.name(), ...command.aliases()].includes(name));
    if (!inner) throw new UsageError(`There is no command "${names.join(" ")}"`, "Try llamav --help");
    found = inner;
  }
  return found;
}
