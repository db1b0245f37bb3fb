import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import type { EngineImage } from "../../src/engine/protocol.ts";
import { readConfig } from "../../src/model/config.ts";
import { modelDirectory } from "../../src/runtime/models.ts";
import { buildPrompt, openFrontend } from "../../src/runtime/prompt.ts";
import { goldenImages } from "../golden/golden_engine.ts";
import { type GoldenCase, goldenCases, goldenCheckpoints } from "../support/goldens.ts";

/** Prompts that a schedule takes: longer ones take long and show nothing new. */
const longestPrompt = 120;
/** Prompts of one checkpoint: each gives several requests. */
const mostPrompts = 9;
/** Weights above which a checkpoint is too slow for many schedules. */
const smallBytes = 4 << 20;

/** What schedules are made of. */
export interface SchedulePrompt {
  readonly tokens: readonly number[];
  readonly images: readonly EngineImage[];
}

/** A checkpoint that schedules run on. */
export interface ScheduleCheckpoint {
  readonly name: string;
  readonly directory: string;
  /** How many schedules to run on it, for one on a small checkpoint: on large ones they take several seconds each. */
  readonly share: number;
  prompts(): Promise<SchedulePrompt[]>;
}

/** Every golden checkpoint with some of its cases, and the demo model. */
export function scheduleCheckpoints(): ScheduleCheckpoint[] {
  const cases = goldenCases().filter(({ file }) => file.input_ids.length <= longestPrompt);
  const golden = goldenCheckpoints().map(({ name, directory }) => {
    const own = cases.filter(({ checkpoints }) => checkpoints.some((checkpoint) => checkpoint.name === name));
    const share = weightBytes(directory) < smallBytes ? 1 : 0.1;
    return { name, directory, share, prompts: () => goldenPrompts(directory, spread(own, mostPrompts)) };
  });
  const demo = modelDirectory("demo");
  return [
    ...golden,
    { name: "the demo model", directory: demo, share: 0.375, prompts: () => demoPrompts(demo) },
  ];
}

function weightBytes(directory: string): number {
  return readdirSync(directory).filter((file) => file.endsWith(".safetensors"))
    .reduce((sum, file) => sum + statSync(join(directory, file)).size, 0);
}

function goldenPrompts(directory: string, cases: readonly GoldenCase[]): Promise<SchedulePrompt[]> {
  const config = readConfig(directory);
  return Promise.all(cases.map(async (golden) => ({
    tokens: golden.file.input_ids,
    images: await goldenImages({ config }, golden),
  })));
}

/** Questions about the pictures of `examples/`, and one without. */
async function demoPrompts(directory: string): Promise<SchedulePrompt[]> {
  const frontend = openFrontend(directory);
  const folder = join(import.meta.dir, "../../examples");
  const question = async (text: string, ...files: string[]) => {
    const pictures = files.map((file) => ({
      type: "image" as const,
      bytes: new Uint8Array(readFileSync(join(folder, file))),
    }));
    const content = [...pictures, { type: "text" as const, text }];
    return await buildPrompt(frontend, { messages: [{ role: "user", content }] }, longestPrompt);
  };
  try {
    return await Promise.all([
      question("What is in the picture?", "scene.png"),
      question("Which number is this?", "number.jpg"),
      question("What is different?", "first.png", "second.png"),
      question("Hello"),
    ]);
  } finally {
    frontend.pictures.close();
  }
}

/** At most `most` of them, from the first to the last. */
function spread<T>(items: readonly T[], most: number): T[] {
  const count = Math.min(most, items.length);
  return Array.from({ length: count }, (_, i) => items[Math.floor(i * items.length / count)]!);
}
