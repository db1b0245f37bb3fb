import { percentile } from "../../runtime/bench_report.ts";
import { type Goals, isGood, msPerToken } from "./goodput.ts";
import { type Answer, type Failure, tokensOf } from "./outcome.ts";
import type { LoadRun } from "./run_load.ts";

/** Of times in ms. */
export interface Spread {
  readonly mean: number;
  readonly p50: number;
  readonly p90: number;
  readonly p99: number;
}

/** Failures of one kind. */
export interface FailureCount {
  readonly reason: string;
  readonly count: number;
  /** What the server or the system said of one of them. */
  readonly example: string;
}

/** What a run found. A number that cannot be known is left out. */
export interface LoadReport {
  readonly answered: number;
  readonly failed: number;
  /** Open when the run was stopped. */
  readonly abandoned: number;
  /** Sent later than `--rate` says, because as many as may be were open. */
  readonly late: number;
  readonly durationMs: number;
  readonly requestsPerSecond: number;
  /** Answers by the second that reached all goals; left out where there are none. */
  readonly goodput?: number;
  /** As the server counted, where it did. */
  readonly promptTokens?: number;
  readonly promptTokensMean?: number;
  readonly outputTokens?: number;
  readonly outputTokensPerSecond?: number;
  /** Who counted the tokens of the answers: the server, we by pieces of streams, the one or the other, or nobody. */
  readonly tokensBy: "server" | "pieces" | "both" | "nobody";
  /** Time to the first piece of an answer. */
  readonly ttftMs?: Spread;
  /** Time for each token after the first, one value for each answer. */
  readonly tpotMs?: Spread;
  /** Time between two pieces, which may hold several tokens. */
  readonly itlMs?: Spread;
  /** Time to the end of an answer. */
  readonly e2eMs?: Spread;
  readonly failures: readonly FailureCount[];
}

/**
 * Sums up what became of the requests of a run.
 *
 * @param goals what makes an answer a good one; left out, goodput is not told
 */
export function summarize({ outcomes, durationMs, late }: LoadRun, goals?: Goals): LoadReport {
  const answers = outcomes.filter((outcome) => outcome.kind === "answer");
  const failures = outcomes.filter((outcome) => outcome.kind === "failure");
  const perSecond = (count: number) => durationMs > 0 ? count / durationMs * 1000 : 0;
  const outputTokens = sum(answers.map(tokensOf));
  const prompts = answers.map(({ promptTokens }) => promptTokens).filter((count) => count !== undefined);
  const promptTokens = sum(prompts);
  return {
    answered: answers.length,
    failed: failures.length,
    abandoned: outcomes.length - answers.length - failures.length,
    late,
    durationMs,
    requestsPerSecond: perSecond(answers.length),
    goodput: goals && perSecond(answers.filter((answer) => isGood(answer, goals)).length),
    promptTokens,
    promptTokensMean: promptTokens && promptTokens / prompts.length,
    outputTokens,
    outputTokensPerSecond: outputTokens === undefined ? undefined : perSecond(outputTokens),
    tokensBy: whoCounted(answers),
    ttftMs: spread(
      answers.flatMap(({ startMs, piecesMs: [first] }) => first === undefined ? [] : first - startMs),
    ),
    tpotMs: spread(answers.flatMap((answer) => msPerToken(answer) ?? [])),
    itlMs: spread(answers.flatMap(({ piecesMs }) => piecesMs.slice(1).map((ms, i) => ms - piecesMs[i]!))),
    e2eMs: spread(answers.map(({ startMs, endMs }) => endMs - startMs)),
    failures: countFailures(failures),
  };
}

/** Of the numbers that are known; undefined where none is. */
function sum(values: readonly (number | undefined)[]): number | undefined {
  const known = values.filter((value) => value !== undefined);
  return known.length > 0 ? known.reduce((total, value) => total + value, 0) : undefined;
}

function whoCounted(answers: readonly Answer[]): LoadReport["tokensBy"] {
  const byServer = answers.filter(({ completionTokens }) => completionTokens !== undefined).length;
  const byPieces =
    answers.filter((answer) => answer.completionTokens === undefined && tokensOf(answer) !== undefined)
      .length;
  if (byServer > 0) return byPieces > 0 ? "both" : "server";
  return byPieces > 0 ? "pieces" : "nobody";
}

function spread(values: readonly number[]): Spread | undefined {
  const mean = sum(values);
  if (mean === undefined) return undefined;
  return {
    mean: mean / values.length,
    p50: percentile(values, 50),
    p90: percentile(values, 90),
    p99: percentile(values, 99),
  };
}

/** The most frequent first. */
function countFailures(failures: readonly Failure[]): FailureCount[] {
  const kinds = Map.groupBy(failures, ({ reason }) => reason);
  return [...kinds].map(([reason, all]) => ({ reason, count: all.length, example: all[0]!.detail }))
    .sort((a, b) => b.count - a.count);
}
