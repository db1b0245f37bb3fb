import type { Command } from "commander";
import { formatBytes } from "../base/units.ts";
import type { LocalModel } from "../runtime/models.ts";
import type { CliContext } from "./context.ts";
import { addFlags, readFlags } from "./flags.ts";
import { checkModelName, modelArgument, modelOrDemo, oneModel } from "./model_argument.ts";
import { formatTable } from "./table.ts";

const flags = ["json"] as const;

/** `llamav show [MODEL]`: what a model on this machine is. */
export function addShow(program: Command, context: CliContext): void {
  const command = program.command("show").summary("say what a model is and where its files are")
    .description("Says what a model on this machine is, how it answers by default, and where its files are.")
    .argument(...modelArgument);
  addFlags(command, flags);
  command.action(async (given: string | undefined) => {
    const { json } = readFlags(command, flags, context.env);
    const name = checkModelName(modelOrDemo(oneModel(given), context));
    const { describeModel } = await import("../runtime/models.ts");
    const model = describeModel(name, context.env);
    // Of what is not complete there is nothing to read yet.
    const facts = model.missing.length > 0
      ? []
      : (await import("../runtime/inspect.ts")).readFacts(name, context.env);
    const shown = { ...model, facts: Object.fromEntries(facts) };
    await context.terminal.print(json ? `${JSON.stringify(shown, null, 2)}\n` : formatModel(model, facts));
  });
}

function formatModel(model: LocalModel, facts: readonly (readonly [string, string])[]): string {
  const { name, revision, commit, path, files, bytes, missing, modified } = model;
  const row = (label: string, value: string | undefined) =>
    value === undefined ? [] : [`${label.padEnd(24)}${value}`];
  const lines = [
    ...row("model", name),
    ...row("revision", revision),
    ...row("commit", commit === revision ? undefined : commit),
    ...row("path", path ?? "inside the program"),
    ...row("modified", modified),
    ...row("missing", missing.length > 0 ? missing.join(", ") : undefined),
    "",
    ...facts.flatMap(([label, value]) => row(label, value)),
    ...facts.length > 0 ? [""] : [],
    ...row("files", formatBytes(bytes)),
  ];
  const sizes = files.map(({ name, bytes }) => [`  ${name}`, formatBytes(bytes)]);
  return `${lines.join("\n")}\n${sizes.length > 0 ? formatTable(sizes) : ""}`;
}
