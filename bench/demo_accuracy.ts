/**
 * How well the demo model sees: accuracy by kind of question, asked through the executable's HTTP API.
 *
 *     bun bench/demo_accuracy.ts [--model DIR] [--questions N] [--seed S] [--shuffle] [--blank] [--save]
 *     bun bench/demo_accuracy.ts --training DIR [--second] …
 *
 * The second renderer draws its pictures with a headless Chromium and shares no code with the one that made the
 * training pictures. `--training DIR` judges a folder of the training renderer instead, with `--second` both.
 *
 *     --questions N    at most N questions of each source (1000)
 *     --seed S         seed of the second renderer's pictures and questions (20261123)
 *     --pictures DIR   where they are kept; used again if seed, N and sources are the same
 *     --model DIR      a checkpoint; left out, the executable takes the model that it brings along
 *     --executable F   the program to judge (dist/llamav)
 *     --shuffle        again, with each question put to another scene's picture: must fall to chance
 *     --blank          again, with plain gray pictures
 *     --mistakes N     prints up to N wrong answers of each kind
 *     --features       prints the accuracy by each feature of the drawing
 *     --json           prints the rows as JSON, and nothing else
 *     --save           appends the rows to `bench/results/<machine>.csv`
 */
import { join } from "node:path";
import { argv, exit } from "node:process";
import { parseArgs } from "node:util";
import { Device } from "../src/gpu/device.ts";
import { blankPictures, ownPictures, type Shown, shuffledPictures } from "./demo/controls.ts";
import { type Answered, interview } from "./demo/interview.ts";
import { drawQuestions } from "./demo/pictures.ts";
import { type Conversation, readConversations } from "./demo/question_file.ts";
import { featureTable, type Judged, mistakesOf, rowsOf, tableOf } from "./demo/report.ts";
import { ask } from "./demo/server.ts";
import { saveResults } from "./results_file.ts";
import { serveModel } from "./served_model.ts";

const { values } = parseArgs({
  args: argv.slice(2),
  options: {
    questions: { type: "string", default: "1000" },
    seed: { type: "string", default: "20261123" },
    pictures: { type: "string" },
    training: { type: "string" },
    second: { type: "boolean", default: false },
    model: { type: "string" },
    executable: { type: "string", default: "dist/llamav" },
    shuffle: { type: "boolean", default: false },
    blank: { type: "boolean", default: false },
    mistakes: { type: "string", default: "0" },
    features: { type: "boolean", default: false },
    json: { type: "boolean", default: false },
    save: { type: "boolean", default: false },
  },
});

interface Source {
  readonly name: string;
  readonly folder: string;
  readonly conversations: readonly Conversation[];
}

async function main(): Promise<void> {
  const sources = await openSources();
  const judged: Judged[] = [];
  const start = performance.now();
  {
    await using server = await serveModel(values.executable, values.model);
    const say = (messages: Parameters<typeof ask>[1]) => ask(server.url, messages);
    for (const { name, folder, conversations } of sources) {
      const run = (stage: string, shown: readonly Shown[]) =>
        interview(conversations, shown, say, progress(`${name}, ${stage}`));
      const answers = await run("its pictures", ownPictures(conversations, folder));
      const controls: Record<string, Answered[]> = {};
      if (values.shuffle) controls.shuffled = await run("shuffled", shuffledPictures(conversations, folder));
      if (values.blank) controls.blank = await run("blank", await blankPictures(conversations, folder));
      judged.push({ name, answers, controls });
    }
  }
  print(judged);
  if (values.save) save(judged, performance.now() - start);
}

async function openSources(): Promise<Source[]> {
  const count = wholeNumber("questions");
  const sources: Source[] = [];
  if (values.training !== undefined) {
    const conversations = limited(readConversations(values.training), count);
    sources.push({ name: "training", folder: values.training, conversations });
  }
  if (values.training === undefined || values.second) {
    const seed = wholeNumber("seed");
    const folder = values.pictures ?? join("build", "demo_accuracy", `${seed}_${count}`);
    await drawQuestions(folder, seed, count, progress("pictures"));
    sources.push({ name: "second", folder, conversations: readConversations(folder) });
  }
  return sources;
}

/** Whole conversations from the start of the file, until there are `count` questions. */
function limited(conversations: readonly Conversation[], count: number): Conversation[] {
  let questions = 0;
  return conversations.filter(({ turns }) => (questions += turns.length) <= count);
}

function wholeNumber(name: "questions" | "seed" | "mistakes"): number {
  const value = Number(values[name]);
  if (!Number.isSafeInteger(value) || value < 0) {
    throw new Error(`--${name} needs a whole number, has "${values[name]}"`);
  }
  return value;
}

/** Says on stderr how far a stage is, every few seconds. */
function progress(stage: string): (done: number, total: number) => void {
  let last = performance.now();
  return (done, total) => {
    if (performance.now() - last < 5000 && done < total) return;
    last = performance.now();
    console.error(`${stage}: ${done} of ${total}`);
  };
}

function print(judged: readonly Judged[]): void {
  if (values.json) {
    const runs = judged.flatMap(runsOf).map(({ run, answers }) => ({ run, rows: rowsOf(answers) }));
    console.log(JSON.stringify(runs, null, 2));
    return;
  }
  console.log(tableOf(judged));
  const perKind = wholeNumber("mistakes");
  for (const { name, answers } of judged) {
    if (values.features) console.log(`\n${name}\n${featureTable(answers)}`);
    if (perKind > 0) console.log(`\n${name}\n${mistakesOf(answers, perKind)}`);
  }
}

/** A source's own run and its controls, by name: `second`, `second shuffled`. */
function runsOf({ name, answers, controls }: Judged): { run: string; answers: readonly Answered[] }[] {
  const others = Object.entries(controls).map(([control, said]) => ({
    run: `${name} ${control}`,
    answers: said,
  }));
  return [{ run: name, answers }, ...others];
}

/** @param ms time of all runs together */
function save(judged: readonly Judged[], ms: number): void {
  const device = Device.open();
  const { info } = device;
  device.dispose();
  const runs = judged.flatMap(runsOf);
  const total = runs.reduce((sum, { answers }) => sum + answers.length, 0);
  const results = runs.flatMap(({ run, answers }) =>
    rowsOf(answers).map(({ kind, count, accuracy }) => ({
      op: "demo_accuracy",
      shape: `${run}: ${kind} (${count})`,
      dtype: "-",
      ms: ms / total,
      rate: accuracy * 100,
      unit: "%",
    }))
  );
  saveResults(info, results);
}

try {
  await main();
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  exit(1);
}
