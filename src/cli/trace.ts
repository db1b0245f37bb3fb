import type { Command } from "commander";
import type { CliContext } from "./context.ts";
import { UsageError } from "./exit_codes.ts";
import { addFlags, readFlags } from "./flags.ts";
import { modelArgument } from "./model_argument.ts";

const flags = [
  "messages",
  "out",
  "images",
  "greedyTokens",
  "steps",
  "device",
  "contextLength",
  "imageTiles",
] as const;

const help = `
Example:
  llamav trace ./model --messages chat.json --out trace.safetensors --max-tokens 8 --steps

Writes input_ids, logits of every prompt position, greedy_ids and step_logits; with --steps also pixel_values,
vision_features and cross_states of each picture and hidden.LAYER after each decoder layer.`;

/** `llamav trace MODEL --messages FILE --out FILE`: the numbers behind an answer, to compare them with others'. */
export function addTrace(program: Command, context: CliContext): void {
  const command = program.command("trace").summary("write the numbers behind an answer to a file")
    .description("Computes one conversation and writes the numbers to a safetensors file.")
    .argument(...modelArgument)
    .addHelpText("after", help);
  addFlags(command, flags);
  command.action(async (model: string) => {
    const values = readFlags(command, flags, context.env);
    const { messages, out, images } = values;
    if (messages === undefined) {
      throw new UsageError("No conversation was given", "Name its file with --messages");
    }
    if (out === undefined) throw new UsageError("No output file was given", "Name it with --out");
    const { readConversation } = await import("./conversation_file.ts");
    const fetchPicture = await context.services.pictureLoader({ allowRemote: true, allowPrivate: true });
    const report = await context.services.traceToFile({
      model,
      prompt: await readConversation(messages, images, fetchPicture),
      out,
      maxTokens: values.greedyTokens,
      steps: values.steps ?? false,
      device: values.device,
      contextLength: values.contextLength,
      imageTiles: values.imageTiles,
    });
    for (const { name, shape } of report.tensors) context.terminal.note(`${name} [${shape.join(", ")}]`);
    context.terminal.note(`Wrote ${report.tensors.length} tensors to ${report.out}`);
  });
}
