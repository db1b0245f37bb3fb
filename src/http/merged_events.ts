import type { GenerateEvent, Usage } from "../runtime/request.ts";

type Events = AsyncGenerator<GenerateEvent>;

/**
 * The answers to several prompts as if they were choices of one: those of prompt i are numbered from `i * choices` on,
 * and tokens are counted over all. It starts when all have started, so that a refusal of one refuses them all; leaving
 * it leaves all of them.
 *
 * @param sources one for each prompt, each with as many choices
 * @param abandon ends those that have not ended: one of them was refused, or nobody listens any more
 */
export async function* mergeAnswers(
  sources: readonly Events[],
  choices: number,
  abandon: () => void,
): Events {
  try {
    const starts = await Promise.all(sources.map(startOf));
    const size = {
      promptTokens: sum(starts.map((start) => start.promptTokens)),
      imageTiles: sum(starts.map((start) => start.imageTiles)),
    };
    yield { type: "start", ...size };
    const completionTokens = sources.map(() => 0);
    const usages = new Map<number, Usage>();
    const next = (index: number) => {
      const turn = sources[index]!.next().then((step) => ({ index, step }));
      // It may fail when nobody waits for it any more, because another one has failed first.
      turn.catch(() => {});
      return turn;
    };
    const pending = new Map(sources.map((_, index) => [index, next(index)]));
    while (pending.size > 0) {
      const { index, step } = await Promise.race(pending.values());
      if (step.done) {
        pending.delete(index);
        continue;
      }
      // At the end, so that a prompt whose events are always there does not keep the others waiting.
      pending.delete(index);
      pending.set(index, next(index));
      const event = step.value;
      if (event.type === "start") continue;
      const choice = index * choices + event.choice;
      if (event.type === "end") {
        completionTokens[index] = event.usage.completionTokens;
        usages.set(index, event.usage);
        const usage = { ...total([...usages.values()]), ...size, completionTokens: sum(completionTokens) };
        yield { ...event, choice, usage };
      } else {
        completionTokens[index] = event.completionTokens;
        yield { ...event, choice, completionTokens: sum(completionTokens) };
      }
    }
  } finally {
    abandon();
    await Promise.all(sources.map((source) => source.return(undefined)));
  }
}

async function startOf(source: Events): Promise<Extract<GenerateEvent, { type: "start" }>> {
  const step = await source.next();
  if (step.done || step.value.type !== "start") {
    throw new Error("The runtime began an answer without a start event");
  }
  return step.value;
}

/** What is cached adds up; times are those of the slowest, because the prompts ran beside each other. */
function total(usages: readonly Usage[]): Pick<Usage, "cachedTokens" | "cachedImages" | "timings"> {
  const add = (pick: (usage: Usage) => number) => sum(usages.map(pick));
  const most = (pick: (timings: Usage["timings"]) => number) =>
    Math.max(...usages.map(({ timings }) => pick(timings)));
  return {
    cachedTokens: add((usage) => usage.cachedTokens),
    cachedImages: add((usage) => usage.cachedImages),
    timings: {
      queueMs: most((timings) => timings.queueMs),
      imageMs: most((timings) => timings.imageMs),
      prefillMs: most((timings) => timings.prefillMs),
      decodeMs: most((timings) => timings.decodeMs),
    },
  };
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
