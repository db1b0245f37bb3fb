import { UsageError } from "../exit_codes.ts";
import { type Answer, tokensOf } from "./outcome.ts";

const names = ["ttft", "tpot", "e2e"] as const;

/** How long an answer may take and still be good, in ms: to its first piece, for each token after it, to its end. */
export type Goals = Readonly<Partial<Record<typeof names[number], number>>>;

/**
 * Goals as people write them: `ttft:500,tpot:50`.
 *
 * @throws {UsageError} If a part is no goal, or there are two of a name.
 */
export function parseGoals(text: string): Goals {
  const goals = text.split(",").map((part) => {
    const found = /^(ttft|tpot|e2e):(\d{1,9}(?:\.\d{1,3})?)$/.exec(part.trim());
    if (found === null) throw badGoals(text);
    return [found[1], Number(found[2])] as const;
  });
  if (new Set(goals.map(([name]) => name)).size < goals.length) throw badGoals(text);
  return Object.fromEntries(goals);
}

function badGoals(text: string): UsageError {
  return new UsageError(
    `--goodput must have one or more of ${names.join(", ")}, each once and with milliseconds, not "${text}"`,
    "Write it like this: --goodput ttft:500,tpot:50",
  );
}

/** Whether an answer reached all goals. One that came as a whole had its first piece at its end. */
export function isGood(answer: Answer, goals: Goals): boolean {
  const { startMs, endMs, piecesMs: [firstMs = endMs] } = answer;
  const tpot = msPerToken(answer) ?? 0; // of a single piece nobody waited for the next
  const taken = { ttft: firstMs - startMs, tpot, e2e: endMs - startMs };
  return names.every((name) => taken[name] <= (goals[name] ?? Infinity));
}

/** Time for each token after the first piece, in ms; undefined where there is nothing after it, or nobody counted. */
export function msPerToken(answer: Answer): number | undefined {
  const { piecesMs } = answer;
  const tokens = tokensOf(answer);
  // From one piece alone no speed can be told, whatever it holds.
  if (tokens === undefined || tokens < 2 || piecesMs.length < 2) return undefined;
  return (piecesMs.at(-1)! - piecesMs[0]!) / (tokens - 1);
}
