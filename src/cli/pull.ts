import type { Command } from "commander";
import { formatBytes } from "../base/units.ts";
import type { SettingValues } from "../runtime/options.ts";
import type { PulledModel } from "../runtime/models.ts";
import type { CliContext } from "./context.ts";
import { UsageError } from "./exit_codes.ts";
import { addFlags, readFlags } from "./flags.ts";
import { interruptible } from "./interrupt.ts";
import { showPull, tellPull } from "./pull_display.ts";
import { version } from "./version.ts";

const flags = ["include", "exclude", "offline", "json"] as const;

const help = `
Examples:
  llamav pull 11b
  llamav pull meta-llama/Llama-3.2-11B-Vision-Instruct
  llamav pull OWNER/NAME@v1.0 --json
  llamav pull 11b --exclude "*.safetensors"

Files come into the cache that all programs of the Hugging Face hub share ($HF_HOME/hub or $HF_HUB_CACHE), each checked
against its hash; only those that this program reads. A pull that was interrupted goes on where it stopped.
HF_TOKEN (or the token that "hf auth login" has left) opens gated and private repositories; it goes to the hub and to
nobody whom the hub sends on to. HF_ENDPOINT names another hub, --offline or HF_HUB_OFFLINE=1 forbids the network, and
HTTPS_PROXY is followed. Prints the directory of the model; with --json one JSON object a line: waiting, start, progress,
verifying, done, retry, and complete at the end.`;

/** `llamav pull REPO[@REV]`: brings a model onto this machine. */
export function addPull(program: Command, context: CliContext): void {
  const command = program.command("pull").summary("fetch a model from the Hugging Face hub")
    .description("Fetches a model from the Hugging Face hub into its cache, or finishes to.")
    .argument("<repository>", "OWNER/NAME, or OWNER/NAME@REVISION, or 11b or 90b")
    .addHelpText("after", help);
  addFlags(command, flags);
  command.action(async (repository: string) => {
    const { json, ...how } = readFlags(command, flags, context.env);
    const { terminal } = context;
    const pulled = await pullShown(repository, { ...how, json }, context);
    if (json) return await terminal.print(`${JSON.stringify({ event: "complete", ...pulled })}\n`);
    terminal.note(
      pulled.fetchedBytes > 0 ? `Fetched ${formatBytes(pulled.fetchedBytes)}` : "Everything is there already",
    );
    await terminal.print(`${pulled.path}\n`);
  });
}

/**
 * Pulls a model and shows how it goes on; a signal ends it.
 *
 * @throws {UsageError} If it is no repository's name.
 * @throws What `pullModel` throws.
 */
export async function pullShown(
  repository: string,
  { include, exclude, offline, json = false }: Partial<SettingValues<typeof flags[number]>>,
  { terminal, env: variables }: CliContext,
): Promise<PulledModel> {
  // The flag wins over the hub's own variable, as over every other.
  const env = offline === undefined ? variables : { ...variables, HF_HUB_OFFLINE: offline ? "1" : "0" };
  const { pullModel } = await import("../runtime/models.ts");
  const onEvent = json ? tellPull(terminal) : showPull(terminal);
  try {
    return await interruptible(({ signal }) =>
      pullModel(repository, { env, include, exclude, userAgent: `llamav/${version}`, onEvent, signal })
    );
  } catch (error) {
    if (error instanceof RangeError) {
      throw new UsageError(`The repository ${error.message}`, "Name it as on the hub, or say 11b or 90b");
    }
    throw error;
  } finally {
    terminal.clearProgress();
  }
}
