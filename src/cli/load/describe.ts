import { escapeLine } from "../../base/escape.ts";
import { formatCount, formatDuration } from "../../base/units.ts";
import { formatTable } from "../table.ts";
import type { Goals } from "./goodput.ts";
import type { QuestionOptions } from "./questions.ts";
import type { LoadReport, Spread } from "./report.ts";
import type { LoadPlan } from "./run_load.ts";

/** What a run was told to do. */
export interface LoadSettings
  extends Omit<QuestionOptions, "model">, Pick<LoadPlan, "requests" | "concurrency" | "rate"> {
  readonly stream: boolean;
  readonly warmUps: number;
  readonly goals?: Goals;
}

/** What was asked, of whom. */
export interface Head {
  readonly program: string;
  readonly url: string;
  readonly model: string;
  readonly settings: LoadSettings;
}

/** What a report is about. */
export function describeHead({ program, url, model, settings }: Head): string {
  const {
    requests,
    concurrency,
    rate,
    promptWords,
    maxTokens,
    ignoreEos,
    pictures,
    pictureSize,
    stream,
    seed,
  } = settings;
  const parts = [
    `${requests} requests`,
    rate === undefined
      ? `${concurrency} at a time`
      : `${rate} by the second, at most ${concurrency} at a time`,
    `prompts of ${promptWords} words`,
    `answers of ${ignoreEos ? "" : "up to "}${maxTokens}`,
    pictures === "none" ? "no pictures" : `${pictures} pictures of ${pictureSize} x ${pictureSize}`,
    ...stream ? [] : ["not streamed"],
    `seed ${seed}`,
  ];
  return `${program}, ${url}, model ${model}\n${parts.join(", ")}\n`;
}

const counters: Readonly<Record<LoadReport["tokensBy"], string>> = {
  server: "counted by the server",
  pieces: "the server does not count them: these are pieces of its streams, which may hold several tokens",
  both: "counted by the server, where it does not by pieces of its streams, which may hold several tokens",
  nobody: "",
};

/** A report for people: what was answered, how fast, and what went wrong. */
export function describeReport(report: LoadReport, goals: Goals = {}): string {
  const { answered, failed, abandoned, late, durationMs, requestsPerSecond } = report;
  const rest = [
    ...failed > 0 ? [`${failed} failed`] : [],
    ...abandoned > 0 ? [`${abandoned} open when it was stopped`] : [],
  ];
  const lines: [string, string][] = [
    [
      "answered",
      `${formatCount(answered)} requests in ${formatDuration(durationMs)}: ${
        rate(requestsPerSecond)
      } requests/s`,
    ],
    ...report.goodput === undefined
      ? []
      : [["goodput", `${rate(report.goodput)} requests/s with ${describeGoals(goals)}`] as [string, string]],
    ...rest.length > 0 ? [["not answered", rest.join(", ")] as [string, string]] : [],
    ...late > 0
      ? [["late", `${late} requests: as many as may be were open when their time came`] as [string, string]]
      : [],
    [
      "prompts",
      describeTokens(report, report.promptTokens, `: ${Math.round(report.promptTokensMean ?? 0)} each`),
    ],
    [
      "answers",
      describeTokens(report, report.outputTokens, `: ${rate(report.outputTokensPerSecond ?? 0)} tokens/s`),
    ],
    ...counters[report.tokensBy] === "" ? [] : [["tokens", counters[report.tokensBy]] as [string, string]],
  ];
  const failures = report.failures.map(({ reason, count, example }) =>
    escapeLine(`${count} × ${reason}${example === "" ? "" : `: ${example}`}`)
  );
  return [
    ...lines.map(([name, text]) => `${name.padEnd(14)}${text}\n`),
    ...report.e2eMs === undefined ? [] : ["\n", describeTimes(report)],
    ...failures.length > 0 ? ["\nErrors:\n", ...failures.map((line) => `  ${line}\n`)] : [],
  ].join("");
}

function describeGoals(goals: Goals): string {
  return Object.entries(goals).map(([name, ms]) => `${name.toUpperCase()} up to ${formatDuration(ms)}`).join(
    ", ",
  );
}

function describeTokens({ answered }: LoadReport, count: number | undefined, more: string): string {
  if (count !== undefined) return `${formatCount(count)} tokens${more}`;
  return `tokens unknown: ${answered === 0 ? "nothing was answered" : "the server does not count them"}`;
}

function describeTimes({ ttftMs, tpotMs, itlMs, e2eMs }: LoadReport): string {
  const rows: [string, Spread | undefined][] = [
    ["first piece (TTFT)", ttftMs],
    ["each token after it (TPOT)", tpotMs],
    ["between pieces (ITL)", itlMs],
    ["whole answer (E2E)", e2eMs],
  ];
  const cells = rows.flatMap(([name, spread]) =>
    spread === undefined
      ? []
      : [[name, ...[spread.mean, spread.p50, spread.p90, spread.p99].map(formatDuration)]]
  );
  return formatTable([["", "mean", "p50", "p90", "p99"], ...cells]);
}

function rate(perSecond: number): string {
  return perSecond.toFixed(perSecond < 10 ? 2 : 1);
}
