import type { Command } from "commander";
import { formatCount, formatDuration } from "../base/units.ts";
import type { BenchReport, BenchRow } from "../runtime/bench_report.ts";
import { addBenchServe } from "./bench_serve.ts";
import type { CliContext } from "./context.ts";
import { InterruptedError } from "./exit_codes.ts";
import { addFlags, readFlags } from "./flags.ts";
import { interruptible } from "./interrupt.ts";
import { bringModel, modelArgument, modelOrDemo, oneModel } from "./model_argument.ts";
import { version } from "./version.ts";

const flags = [
  "benchPrompts",
  "benchBatches",
  "benchTiles",
  "benchTokens",
  "repeat",
  "check",
  "device",
  "offline",
  "yes",
  "json",
] as const;

const help = `
Examples:
  llamav bench
  llamav bench ./model --prompt 128,2048 --batch 8,32 --json
  llamav bench serve http://127.0.0.1:8000

Measures on random token ids and noise, so a checkpoint needs no tokenizer. A decode row says how many bytes its steps
cannot but read by the second (the weights once, each sequence's keys and values), and what share that is of the speed
at which this device reads memory and does nothing else, which is measured first ("stream"). Ctrl-C prints the rows that there are.`;

/** `llamav bench [MODEL]`: how fast a model loads, sees, reads and answers on this device. */
export function addBench(program: Command, context: CliContext): void {
  const command = program.command("bench").summary("measure how fast a model runs here")
    .description("Measures loading, pictures, prompts and answers, beside what the device reads at most.")
    .argument(...modelArgument)
    // What stands behind "serve" is for it, also where both know the flag.
    .enablePositionalOptions()
    .addHelpText("after", help);
  addFlags(command, flags);
  addBenchServe(command, context);
  command.action(async (given: string | undefined) => {
    const values = readFlags(command, flags, context.env);
    const { terminal } = context;
    const print = async (found: Omit<Shown, "program">) => {
      const shown = { program: `llamav ${version}`, ...found };
      await terminal.print(values.json ? `${JSON.stringify(shown, null, 2)}\n` : formatBench(shown));
    };
    let found: Omit<BenchReport, "greedy"> | undefined;
    const options = {
      model: await bringModel(modelOrDemo(oneModel(given), context), values, context),
      device: values.device,
      prompts: values.benchPrompts,
      batches: values.benchBatches,
      tiles: values.benchTiles,
      tokens: values.benchTokens,
      repeat: values.repeat,
      onProgress: (stage: string) => terminal.progress(`Measuring: ${stage}`),
      onRows: (rows: Omit<BenchReport, "greedy">) => found = rows,
    };
    try {
      const { greedy, ...report } = await interruptible(({ signal }) =>
        // What is under way is not waited for: with a large model it may take minutes.
        Promise.race([context.services.runBench(options), rejectAtAbort(signal)])
      );
      await print({ ...report, ...values.check ? { greedy } : {} });
    } catch (error) {
      if (error instanceof InterruptedError && found) await print({ ...found, stopped: true });
      throw error;
    }
  });
}

function rejectAtAbort(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
}

type Shown = Omit<BenchReport, "greedy"> & Partial<Pick<BenchReport, "greedy">> & {
  readonly program: string;
  /** It was interrupted: rows are missing. */
  readonly stopped?: true;
};

function formatBench(
  { program, model, device, driver, machine, settings, rows, greedy, stopped }: Shown,
): string {
  const { repeat, tokens, prompts, contextLength } = settings;
  const cells = [
    ["", "", "time", "rate", "memory read", "of stream"],
    ...rows.map(formatRow),
  ];
  const widths = cells[0]!.map((_, column) => Math.max(...cells.map((line) => line[column]!.length)));
  const lines = [
    `${program}, model ${model}`,
    `${device}, driver ${driver}`,
    `${machine.cpu}, ${machine.cores} cores, ${machine.system}`,
    `median of ${repeat} runs after one more; ${tokens} tokens decoded after prompts of ${
      formatCount(prompts[0]!)
    }; context ${formatCount(contextLength)}`,
    "",
    ...cells.map((line) =>
      line.map((cell, column) => column < 2 ? cell.padEnd(widths[column]!) : cell.padStart(widths[column]!))
        .join("  ").trimEnd()
    ),
    ...stopped ? ["", "Stopped: the other rows were not measured"] : [],
    ...greedy ? ["", `prompt: ${greedy.prompt.join(" ")}`, `greedy: ${greedy.tokens.join(" ")}`] : [],
  ];
  return `${lines.join("\n")}\n`;
}

function formatRow({ stage, shape, ms, rate, unit, gigabytesPerSecond, streamShare }: BenchRow): string[] {
  return [
    stage,
    shape,
    formatDuration(ms),
    `${rate < 10 ? rate.toFixed(2) : rate.toFixed(1)} ${unit}`,
    gigabytesPerSecond === undefined ? "" : `${gigabytesPerSecond.toFixed(2)} GB/s`,
    streamShare === undefined ? "" : `${(streamShare * 100).toFixed(1)} %`,
  ];
}
