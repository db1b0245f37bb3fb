/** The command line over a runtime that answers by the question, as a process of its own: for a terminal. */
import { appendFileSync } from "node:fs";
import { basename } from "node:path";
import process from "node:process";
import { RequestError } from "../../../src/base/errors.ts";
import { main } from "../../../src/cli/program.ts";
import { type Services, services as realServices } from "../../../src/cli/services.ts";
import type { GenerateRequest } from "../../../src/runtime/request.ts";
import { answer, FakeRuntime, type Step } from "../../support/fake_runtime.ts";

let answered = 0;

/** What the question begins with, and the answer to it. Others are answered with what was asked. */
const scripts: Record<string, () => Iterable<Step>> = {
  *endless() {
    yield* answer().slice(0, 1);
    for (let i = 1;; i++) {
      yield { type: "text", choice: 0, text: `word${i} `, completionTokens: i };
      yield { waitMs: i < 4 ? 1 : 60_000 };
    }
  },
  *silent() {
    yield* answer().slice(0, 1);
    yield { waitMs: 60_000 };
  },
  *once() {
    yield* answered++ === 0 ? answer("first") : scripts["silent"]!();
  },
  refused: () => [new RequestError("The prompt is too long", { remedy: "Ask for less" })],
  outgrown: () => [
    new RequestError("The prompt of 600 tokens exceeds the context of 512", {
      code: "context_length_exceeded",
      remedy: "Shorten the prompt, or raise --ctx-size",
    }),
  ],
  flagged: () => [new RequestError("--ctx-size 64 is too few")],
  cut: () =>
    answer("It is").map((step) => step.type === "end" ? { ...step, finishReason: "length" as const } : step),
  markdown: () =>
    answer("# Ti", "tle\n", "\nSome **bo", "ld** text.\n\n- one\n- two\n\n", "```\ncode\n``", "`\nEnd."),
  hostile: () => answer("a\x1b", "]52;c;AAAA\x07b\x1b[2", "Jc\u009b31md \u202ee &#27;[2Jf &#x202e;g"),
  long: () => answer(...Array.from({ length: 40 }, (_, i) => `line ${i + 1}\n`)),
  wide: () => answer("漢字".repeat(30)),
  table: () =>
    answer(
      "| name | what it is for, in a few words |\n|---|---|\n| 漢字 | two wide letters |\n\n",
      "```\nconst answer = 40 + 2; // more than fits into one row\n```\n",
      `${"漢字".repeat(15)}\n`,
    ),
};

/** A conversation on one line: who said what, and how many pictures. */
function echo({ messages }: GenerateRequest): string {
  return messages.map(({ role, content }) => {
    const pictures = content.filter(({ type }) => type === "image").length;
    const text = content.map((part) => part.type === "text" ? part.text : "").join("");
    return `${role[0]}${pictures || ""}(${text.replaceAll("\n", "⏎")})`;
  }).join(" ");
}

/** Adds to the file of the variable `LOADS` what becomes of the models. */
function tellLoad(what: string): void {
  const path = process.env["LOADS"];
  if (path) appendFileSync(path, `${what}\n`);
}

const opened: string[] = [];

interface OpenOptions {
  readonly model: string;
  readonly imageTiles?: number;
}

/** A model is called by what becomes of it: "broken" never opens, "once" not a second time, "slow" not in our time. */
async function openRuntime({ model: path, imageTiles }: OpenOptions): Promise<FakeRuntime> {
  const model = basename(path);
  tellLoad(`open ${model}`);
  if (model === "slow") await Bun.sleep(600_000);
  if (model === "broken" || (model === "once" && opened.includes(model))) {
    throw new RequestError(`${model} does not open`);
  }
  opened.push(model);
  const script = (request: GenerateRequest): Iterable<Step> => {
    const last = request.messages.at(-1)!.content.find(({ type }) => type === "text");
    const question = last?.type === "text" ? last.text : "";
    const { constraint, sampling: { temperature } = {} } = request;
    return scripts[question.split(" ")[0]!]?.() ?? answer(
      echo(request),
      ...temperature === undefined ? [] : [` temp=${temperature}`],
      ...constraint === undefined ? [] : [` as ${constraint.type}`],
    );
  };
  // A variable says of how many tokens the context is, where that matters.
  const contextLength = Number(process.env["CONTEXT"] ?? 512);
  const roomy = imageTiles === undefined ? {} : { imageTiles };
  const runtime = new FakeRuntime(script, { id: model, contextLength, ...roomy });
  const close = () => {
    tellLoad(`close ${model}`);
    return Promise.resolve();
  };
  return Object.assign(runtime, { close });
}

async function untilAborted(signal: AbortSignal): Promise<never> {
  signal.throwIfAborted(); // Ctrl-C may come before anything is loaded
  return await new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
}

/** Models that are there without a folder. */
const named = ["tiny", "once", "other", "./m"];

const services = {
  checkModel: (model, env) => named.includes(model) ? Promise.resolve() : realServices.checkModel(model, env),
  openRuntime,
  pictureLoader: () =>
    Promise.resolve(async (url, signal) => {
      if (url.endsWith("/slow.png")) await untilAborted(signal!);
      if (url.startsWith("data:")) return await (await fetch(url)).bytes();
      return await Bun.file(new URL(url).pathname).bytes();
    }),
} as Partial<Services> as Services;

process.exit(await main(process.argv.slice(2), { services }));
