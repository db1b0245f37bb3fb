import type { Command } from "commander";
import type { CliContext } from "./context.ts";
import { UsageError } from "./exit_codes.ts";
import { schemaHelp } from "./schema_help.ts";

/** What is no command and is explained all the same. */
const topics: Readonly<Record<string, string>> = { schema: schemaHelp };

/** `llamav help [COMMAND…]`: the help of a command, of a command of a command, or of a topic. */
export function addHelp(program: Command, { terminal }: CliContext): void {
  program.command("help").summary("print the help of a command, or of: schema")
    .description("Prints the help of a command, or says what a JSON schema may have (llamav help schema).")
    .argument("[command...]", "which one, as in: llamav help bench serve")
    .action(async (names: readonly string[]) => {
      const topic = Object.hasOwn(topics, names.join(" ")) ? topics[names.join(" ")] : undefined;
      if (topic !== undefined) return await terminal.print(topic);
      commandOf(program, names).help();
    });
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
