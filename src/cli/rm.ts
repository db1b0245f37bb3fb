import type { Command } from "commander";
import { formatBytes } from "../base/units.ts";
import type { CliContext } from "./context.ts";
import { UsageError } from "./exit_codes.ts";
import { addFlags, readFlags } from "./flags.ts";
import { interruptible } from "./interrupt.ts";
import { checkModelName } from "./model_argument.ts";

const flags = ["yes", "json"] as const;

/** `llamav rm MODEL`: removes a model that was pulled. */
export function addRm(program: Command, context: CliContext): void {
  const command = program.command("rm").summary("remove a model that was pulled")
    .description(
      "Removes a model from the cache of the hub, in all its versions, for all programs that share it.",
    )
    .argument("<model>", "repository OWNER/NAME, or 11b or 90b");
  addFlags(command, flags);
  command.action(async (given: string) => {
    const { yes, json } = readFlags(command, flags, context.env);
    const { terminal, env } = context;
    const model = checkModelName(given);
    const { removable, removeModel } = await import("../runtime/models.ts");
    const bytes = sum(removable(model, env).map(({ bytes }) => bytes));
    if (!yes) await confirm(`Remove ${model}, ${formatBytes(bytes)}, for all programs? [y/N] `, context);
    const removed = await interruptible(({ signal }) => removeModel(model, env, signal));
    if (json) return await terminal.print(`${JSON.stringify({ removed }, null, 2)}\n`);
    terminal.note(`Removed ${model}, ${formatBytes(bytes)}`);
  });
}

async function confirm(question: string, { terminal }: CliContext): Promise<void> {
  if (!terminal.canAsk) {
    throw new UsageError("There is nobody to ask whether to remove it", "Say so with --yes");
  }
  if (!/^y(es)?$/i.test((await terminal.ask(question)).trim())) throw new UsageError("Nothing was removed");
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
