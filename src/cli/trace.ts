import { lstatSync, statSync } from "node:fs";
import { dirname } from "node:path";
import type { Command } from "commander";
import type { CliContext } from "./context.ts";
import { UsageError } from "./exit_codes.ts";
import { addFlags, readFlags } from "./flags.ts";
import { bringModel, modelArgument, modelOrDemo, oneModel } from "./model_argument.ts";
import { pictureFetcher } from "./pictures.ts";

const flags = [
  "messages",
  "out",
  "images",
  "greedyTokens",
  "steps",
  "device",
  "contextLength",
  "imageTiles",
  "maxTiles",
  "offline",
  "yes",
] as const;

const help = `
Examples:
  llamav trace ./model --messages chat.json --out trace.safetensors --max-tokens 8 --steps
  llamav trace ./model --messages chat.json --images ./pictures --out trace.safetensors

The file of --messages holds one JSON object: {"messages": […]} as the API takes them, where a picture's URL may
also be the name of a file below --images; or, for a base model, {"prompt": "<|image|>…", "images": [{"file": "…"}]}.
Writes input_ids, logits of every prompt position, greedy_ids and step_logits; with --steps also pixel_values,
vision_features and cross_states of each picture and hidden.LAYER after each decoder layer.`;

/** `llamav trace [MODEL] --messages FILE --out FILE`: the numbers behind an answer, to compare them with others'. */
export function addTrace(program: Command, context: CliContext): void {
  const command = program.command("trace").summary("write the numbers behind an answer to a file")
    .description("Computes one conversation and writes the numbers to a safetensors file.")
    .argument(...modelArgument).usage("[model] --messages <file> --out <file> [options]")
    .addHelpText("after", help);
  addFlags(command, flags);
  command.action(async (given: string | undefined) => {
    const values = readFlags(command, flags, context.env);
    const { messages, out, images } = values;
    if (messages === undefined) {
      throw new UsageError("No conversation was given", "Name its file with --messages");
    }
    if (out === undefined) throw new UsageError("No output file was given", "Name it with --out");
    checkOutput(out);
    const model = await bringModel(modelOrDemo(oneModel(given), context), values, context);
    const { readConversation } = await import("./conversation_file.ts");
    const fetchPicture = await pictureFetcher(context);
    const report = await context.services.traceToFile({
      model,
      prompt: await readConversation(messages, images, fetchPicture),
      out,
      maxTokens: values.greedyTokens,
      steps: values.steps ?? false,
      device: values.device,
      contextLength: values.contextLength,
      imageTiles: values.imageTiles,
      maxTiles: values.maxTiles,
    });
    for (const { name, shape } of report.tensors) context.terminal.note(`${name} [${shape.join(", ")}]`);
    context.terminal.note(`Wrote ${report.tensors.length} tensors to ${report.out}`);
  });
}

/**
 * Refuses a file that cannot be written because of where it lies, before minutes of work are lost.
 *
 * @throws {UsageError} If its folder is missing, or the path is something else than a regular file or nothing.
 */
function checkOutput(path: string): void {
  const remedy = "Name a file in a folder that exists with --out";
  const folder = dirname(path);
  if (!statSync(folder, { throwIfNoEntry: false })?.isDirectory()) {
    throw new UsageError(`Cannot write "${path}": there is no folder "${folder}"`, remedy);
  }
  // Of a link itself: the finished file takes the place of the name, not of what it leads to.
  const there = lstatSync(path, { throwIfNoEntry: false });
  if (there === undefined || there.isFile()) return;
  const kind = there.isDirectory() ? "a folder" : there.isSymbolicLink() ? "a link" : "no regular file";
  throw new UsageError(`Cannot write "${path}": it is ${kind}`, remedy);
}
