import type { Command } from "commander";
import { formatBytes } from "../base/units.ts";
import type { LocalModel } from "../runtime/models.ts";
import type { CliContext } from "./context.ts";
import { addFlags, readFlags } from "./flags.ts";
import { formatTable } from "./table.ts";

const flags = ["json"] as const;

/** `llamav list`: the models on this machine. */
export function addList(program: Command, context: CliContext): void {
  const command = program.command("list").alias("ls").summary("list the models on this machine")
    .description("Lists the models that MODEL can name: the demo, and those in the cache of the hub.");
  addFlags(command, flags);
  command.action(async () => {
    const { json } = readFlags(command, flags, context.env);
    const { listModels } = await import("../runtime/models.ts");
    const models = listModels(context.env);
    await context.terminal.print(
      json ? `${JSON.stringify({ models }, null, 2)}\n` : formatModels(models, context.terminal.columns),
    );
  });
}

function formatModels(models: readonly LocalModel[], columns?: number): string {
  return formatTable([
    ["NAME", "COMMIT", "SIZE", "MODIFIED", "STATE"],
    ...models.map(({ name, commit, bytes, modified, missing }) => [
      name,
      commit?.slice(0, 8) ?? "-",
      formatBytes(bytes),
      modified?.slice(0, 16).replace("T", " ") ?? "-",
      missing.length === 0 ? "ready" : `incomplete, lacks ${missing.length} files`,
    ]),
  ], columns);
}
