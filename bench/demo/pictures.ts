import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Browser } from "./browser.ts";
import { makeConversations, type Pictured } from "./conversations.ts";
import { drawScene } from "./draw.ts";
import { formatConversations, questionPath } from "./question_file.ts";
import { makeScene } from "./scene.ts";
import { typefaces } from "./typefaces.ts";

/** The sources that decide what a seed gives; a folder made by other ones is made again. */
const recipeFiles = [
  "background.ts",
  "conversations.ts",
  "draw.ts",
  "layout.ts",
  "paint.ts",
  "questions.ts",
  "references.ts",
  "scene.ts",
  "sentences.ts",
  "typefaces.ts",
  "world.ts",
  "yesno_questions.ts",
];

/**
 * Fills a folder with pictures and `questions.jsonl`. Does nothing if the folder was made by the same seed, number
 * of questions and sources, so that a run can be repeated where there is no Chromium.
 *
 * @throws {Error} If Chromium or a typeface is missing.
 */
export async function drawQuestions(
  folder: string,
  seed: number,
  count: number,
  onProgress: (done: number, total: number) => void,
): Promise<void> {
  const stamp = join(folder, "made_by.json");
  const madeBy = JSON.stringify({ seed, count, recipe: recipeHash() });
  if (existsSync(stamp) && readFileSync(stamp, "utf8") === madeBy) return;
  checkTypefaces();
  mkdirSync(folder, { recursive: true });
  rmSync(stamp, { force: true });
  const { conversations, pictured } = makeConversations(seed, count, (index) => sceneAt(seed, index));
  await using browser = await Browser.start();
  for (const [index, { name, scene }] of pictured.entries()) {
    const { width, height, style: { format, quality } } = scene;
    const bytes = await browser.draw({ html: drawScene(scene), width, height, format, quality });
    await Bun.write(join(folder, name), bytes);
    onProgress(index + 1, pictured.length);
  }
  writeFileSync(questionPath(folder), formatConversations(conversations));
  // Written last: a folder with a stamp is complete.
  writeFileSync(stamp, madeBy);
}

function sceneAt(seed: number, index: number): Pictured {
  const scene = makeScene(seed, index);
  return { name: `${String(index).padStart(4, "0")}.${scene.style.format}`, scene };
}

function recipeHash(): string {
  const text = recipeFiles.map((name) => readFileSync(join(import.meta.dir, name), "utf8")).join("");
  return new Bun.CryptoHasher("sha256").update(text).digest("hex").slice(0, 16);
}

/** Chromium would draw another typeface without a word, perhaps one from training. */
function checkTypefaces(): void {
  const lister = Bun.which("fc-list");
  if (lister === null) {
    throw new Error("Cannot list typefaces: need fc-list on the PATH, have none; apt-get install fontconfig");
  }
  const { stdout } = Bun.spawnSync([lister, ":", "family"]);
  const installed = new Set(stdout.toString().split(/[\n,]/).map((name) => name.trim()));
  const missing = typefaces.filter(({ family }) => !installed.has(family));
  if (missing.length === 0) return;
  const packages = [...new Set(missing.map((typeface) => typeface.package))].join(" ");
  throw new Error(
    `Cannot draw pictures: typefaces ${
      missing.map(({ family }) => family).join(", ")
    } are missing; apt-get install ${packages}`,
  );
}
