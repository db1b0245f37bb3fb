import process from "node:process";
import type { Command } from "commander";
import manifest from "../../package.json" with { type: "json" };
import type { CliContext } from "./context.ts";
import { addFlags, readFlags } from "./flags.ts";

/** The program's version, from the one place that states it. */
export const version: string = manifest.version;

const flags = ["json"] as const;

/** `llamav version`: what `--version` prints, and for programs what it runs on. */
export function addVersion(program: Command, context: CliContext): void {
  const command = program.command("version").summary("print the version")
    .description(
      "Prints the version of this program; with --json also that of Bun inside it, and the system.",
    );
  addFlags(command, flags);
  command.action(async () => {
    const { json } = readFlags(command, flags, context.env);
    const shown = { version, bun: Bun.version, platform: process.platform, arch: process.arch };
    await context.terminal.print(json ? `${JSON.stringify(shown, null, 2)}\n` : `llamav ${version}\n`);
  });
}
