import type { Step } from "./batch.ts";
import type { Scheduler } from "./scheduler.ts";
import type { Sequence } from "./sequence.ts";
import { emptyStats, type EngineStats, observe } from "./stats.ts";

/** Rows of a step that was submitted. */
interface Rows {
  decode: number;
  prefill: number;
  /** That the prefill rows attend to, all together. */
  keys: number;
  submittedAt: number;
}

/** Takes the times of steps and tokens, for the numbers that people watch and for the scheduler's prefill budget. */
export class StepClock {
  readonly stats: EngineStats = emptyStats();
  readonly #scheduler: Scheduler;
  // Two steps at most are under way.
  readonly #rows: readonly [Rows, Rows] = [
    { decode: 0, prefill: 0, keys: 0, submittedAt: 0 },
    { decode: 0, prefill: 0, keys: 0, submittedAt: 0 },
  ];
  /** When the device last had nothing to do, though there was work; 0 when there was none. */
  #freeSince = 0;
  /** When the device came to the step that it works on. */
  #busySince = 0;
  #submits = 0;
  #collects = 0;
  /** The first step that is timed again: those before it were waited for together with the vision tower. */
  #timedFrom = 0;

  readonly #now: () => number;

  constructor(scheduler: Scheduler, now: () => number = () => performance.now()) {
    this.#scheduler = scheduler;
    this.#now = now;
  }

  submitted(step: Step): void {
    const rows = this.#rows[this.#submits++ % 2]!;
    rows.decode = rows.prefill = rows.keys = 0;
    for (const { begin, end, output } of step) {
      const count = end - begin;
      if (output && count === 1) rows.decode++;
      else {
        rows.prefill += count;
        rows.keys += count * (begin + end + 1) / 2; // a row attends to those before it and itself
        this.#scheduler.budget.position = end;
      }
    }
    rows.submittedAt = this.#now();
    if (this.#freeSince > 0) this.stats.idleMs += rows.submittedAt - this.#freeSince;
    this.#freeSince = 0;
  }

  collected(): void {
    const timed = this.#collects >= this.#timedFrom;
    const { decode, prefill, keys, submittedAt } = this.#rows[this.#collects++ % 2]!;
    const now = this.#now();
    const ms = now - Math.max(submittedAt, this.#busySince);
    this.#busySince = now;
    this.stats.steps++;
    this.stats.rows += decode + prefill;
    if (!timed) return;
    observe(this.stats.stepMs, ms);
    this.#scheduler.budget.observe(decode, prefill, keys, ms);
  }

  /** The vision tower was waited for. How long the steps in front of it took nobody knows. */
  imageEncoded(ms: number): void {
    observe(this.stats.imageMs, ms);
    this.#busySince = this.#now();
    this.#timedFrom = this.#submits;
    if (this.#freeSince > 0) this.#freeSince = this.#busySince;
  }

  /** A sequence is about to get a token. */
  token(sequence: Sequence): void {
    const { stats } = this;
    const now = performance.now();
    const { timings } = sequence;
    if (sequence.generatedCount === 0) {
      observe(stats.timeToFirstTokenMs, now - timings.queuedAt);
      observe(stats.queueMs, timings.startedAt - timings.queuedAt);
      stats.promptTokens += sequence.promptLength;
      stats.cachedTokens += sequence.cachedTokens;
    } else observe(stats.interTokenMs, now - timings.tokenAt);
    timings.tokenAt = now;
    stats.generatedTokens++;
  }

  /** At the end of a turn: brings what changes all the time up to date. */
  settle(inFlight: number, jobs: number): void {
    const { stats } = this;
    const { blocks, images, waiting, running, preemptions } = this.#scheduler;
    if (jobs === 0) this.#freeSince = 0;
    else if (inFlight === 0 && this.#freeSince === 0) this.#freeSince = this.#now();
    stats.waiting = waiting.count;
    stats.queued = waiting.requestCount;
    stats.waitingTokens = waiting.tokens;
    stats.running = running.length;
    stats.preemptions = preemptions;
    stats.imageHits = images.hits;
    stats.imageMisses = images.misses;
    stats.imageEvictions = images.evictions;
    stats.blocks = blocks.blockCount;
    stats.heldBlocks = blocks.heldCount;
    stats.cachedBlocks = blocks.cachedCount;
  }
}
