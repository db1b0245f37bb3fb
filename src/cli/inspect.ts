import type { Command } from "commander";
import { formatBytes, formatCount } from "../base/units.ts";
import type { Inspection, MemoryPlan } from "../runtime/reports.ts";
import type { CliContext } from "./context.ts";
import { addFlags, readFlags } from "./flags.ts";
import { bringModel, modelArgument, modelOrDemo, oneModel } from "./model_argument.ts";

const flags = [
  "device",
  "contextLength",
  "imageTiles",
  "maxSequences",
  "kvTokens",
  "offline",
  "yes",
  "json",
] as const;

/** `llamav inspect [MODEL]`: what a checkpoint is and what it needs here, without loading it. */
export function addInspect(program: Command, context: CliContext): void {
  const command = program.command("inspect").summary("say what a model is and what memory it needs here")
    .description("Reads a checkpoint's headers and plans its memory on this device, without loading it.")
    .argument(...modelArgument);
  addFlags(command, flags);
  command.action(async (given: string | undefined) => {
    const { json, yes, offline, ...options } = readFlags(command, flags, context.env);
    const model = await bringModel(modelOrDemo(oneModel(given), context), { yes, offline }, context);
    const inspection = await context.services.inspectModel({ model, ...options });
    // As `show` tells them.
    const shown = { ...inspection, facts: Object.fromEntries(inspection.facts) };
    await context.terminal.print(
      json ? `${JSON.stringify(shown, null, 2)}\n` : formatInspection(inspection),
    );
  });
}

function formatInspection(inspection: Inspection): string {
  const lines = [
    row("model", inspection.path),
    row("architecture", inspection.architecture),
    ...inspection.facts.map(([label, value]) => row(label, value)),
    "",
    row("tensors", `${formatCount(inspection.tensorCount)}, ${formatCount(inspection.tensorBytes)} bytes`),
    ...inspection.parts.map(({ name, tensorCount, bytes }) =>
      row(`  ${name}`, `${formatCount(tensorCount)}, ${formatBytes(bytes)}`)
    ),
    "",
    ...(inspection.plan ? formatPlan(inspection.plan) : []),
    ...(inspection.planProblem === undefined ? [] : [row("problem", inspection.planProblem)]),
    ...inspection.warnings.map((warning) => `warning: ${warning}`),
  ];
  return `${lines.join("\n")}\n`;
}

function formatPlan(plan: MemoryPlan): string[] {
  const verdict = plan.fits ? "fits" : "does not fit";
  return [
    row("device", plan.device),
    row("context", `${formatCount(plan.contextLength)} tokens`),
    row(
      "answers at a time",
      `${plan.maxSequences}, as serve takes them (--max-num-seqs); run and chat take 1`,
    ),
    row("memory", `${formatBytes(plan.totalBytes)} of ${formatBytes(plan.availableBytes)}: ${verdict}`),
    ...plan.allocations.map(({ name, bytes }) => row(`  ${name}`, formatBytes(bytes))),
  ];
}

function row(label: string, value: string): string {
  return `${label.padEnd(24)}${value}`;
}
