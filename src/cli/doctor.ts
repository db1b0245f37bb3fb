import type { Command } from "commander";
import { DeviceError } from "../base/errors.ts";
import type { Check, CheckStatus } from "../runtime/reports.ts";
import type { CliContext } from "./context.ts";
import { addFlags, readFlags } from "./flags.ts";

const flags = ["device", "json"] as const;

/** `llamav doctor`: what works on this machine, and what to do about what does not. */
export function addDoctor(program: Command, context: CliContext): void {
  const command = program.command("doctor").summary("check loader, drivers, devices and every kernel")
    .description("Checks Vulkan loader, drivers and devices, and each kernel against its reference.");
  addFlags(command, flags);
  command.action(async () => {
    const { device, json } = readFlags(command, flags, context.env);
    const checks = await context.services.runDoctor({
      device,
      onCheck: ({ name, status }) => context.terminal.progress(`${name}: ${status}`),
    });
    await context.terminal.print(json ? `${JSON.stringify({ checks }, null, 2)}\n` : formatChecks(checks));
    const failed = count(checks, "fail");
    if (failed > 0) throw new DeviceError(`${failed} of ${checks.length} checks failed`);
  });
}

function formatChecks(checks: readonly Check[]): string {
  const lines = checks.flatMap(({ name, status, detail, remedy }) => {
    const line = `${status.padEnd(5)}${name}: ${detail}`;
    return remedy === undefined ? [line] : [line, `     ${remedy}`];
  });
  const summary = `${count(checks, "ok")} ok, ${count(checks, "warn")} warn, ${count(checks, "fail")} fail`;
  return `${[...lines, summary].join("\n")}\n`;
}

function count(checks: readonly Check[], status: CheckStatus): number {
  return checks.filter((check) => check.status === status).length;
}
