import type { Command } from "commander";
import {
  describeDefault,
  environmentName,
  findVariable,
  listSeparator,
  type Setting,
  settings,
} from "../runtime/options.ts";
import { settingsFilePath } from "../runtime/options_file.ts";
import type { CliContext } from "./context.ts";
import { UsageError } from "./exit_codes.ts";
import { addFlags, readFlags } from "./flags.ts";
import { formatTable } from "./table.ts";

const flags = ["json"] as const;

const help = `
The settings file is TOML, one key for each flag, without the hyphens in front:
  ctx-size = 4096
  temp = 0.2
  allowed-hosts = ["gpu.example", "gpu"]

A flag wins over its variable, the variable over the file, and the file over the default. Another spelling of a flag,
as --parallel, has a variable and a key, too; the name that is listed here wins over it. No file of the current
directory is ever read. With a file that is wrong only those commands begin that need none of it; this
one says what is wrong and where, and ends with 2.`;

/** One setting, its value, and who says so. */
interface ShownSetting {
  readonly name: string;
  readonly variable: string;
  readonly value: string | undefined;
  readonly source: "variable" | "file" | "default";
}

/** `llamav config`: every setting, and where its value comes from. */
export function addConfig(program: Command, context: CliContext): void {
  const command = program.command("config").summary("list the settings and where their values come from")
    .description("Lists every setting, its value without a flag, and where that comes from.")
    .addHelpText("after", help);
  addFlags(command, flags);
  command.action(async () => {
    const { json } = readFlags(command, flags, context.env);
    const path = settingsFilePath(context.env);
    const problems = context.settingsFile?.problems ?? [];
    const rows = listSettings(context);
    if (json) {
      await context.terminal.print(
        `${JSON.stringify({ file: path, problems, settings: rows }, null, 2)}\n`,
      );
      return checkProblems(problems);
    }
    context.terminal.note(
      path === undefined ? "There is no home, so no settings file" : `Settings file: ${path}`,
    );
    for (const problem of problems) context.terminal.note(`problem: ${problem}`);
    const cells = rows.map(({ name, value, source }) => [name, source, value ?? "-"]);
    await context.terminal.print(
      formatTable([["SETTING", "FROM", "VALUE"], ...cells], context.terminal.columns),
    );
    checkProblems(problems);
  });
}

/** @throws {UsageError} If there are any: no command that needs the file would run. */
function checkProblems({ length }: readonly string[]): void {
  if (length === 0) return;
  throw new UsageError(
    `The settings file has ${length === 1 ? "a problem" : `${length} problems`}`,
    "Correct it, or move it away",
  );
}

function listSettings({ env, variables }: CliContext): ShownSetting[] {
  // Of those that share a variable the first is told: that of run, chat and serve, not that of bench.
  const byVariable = new Map(
    Object.values<Setting>(settings).reverse().map((setting) => [environmentName(setting), setting]),
  );
  return [...byVariable].sort(([a], [b]) => a < b ? -1 : 1).map(([own, setting]) => {
    const name = setting.flag.slice(2);
    const found = findVariable(setting, env);
    if (!found) return { name, variable: own, value: describeDefault(setting), source: "default" };
    const { variable, text } = found;
    const value = isSecret(setting) ? "(not shown)" : text.split(listSeparator).join(", ");
    return { name, variable, value, source: variables[variable] ? "variable" : "file" };
  });
}

function isSecret({ flag }: Setting): boolean {
  return flag === "--api-key";
}
