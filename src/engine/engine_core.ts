import { assert } from "../base/assert.ts";
import type { Step } from "./batch.ts";
import { endsEngine, interruptionBy } from "./engine_failure.ts";
import { reportError } from "./error_report.ts";
import { ImageCache } from "./image_cache.ts";
import { createJob, hasBegun, type Job, soleSequence, startedEvent } from "./job.ts";
import { JobTable } from "./job_table.ts";
import { PrefixCache } from "./prefix_cache.ts";
import type { EngineEvent, EngineOptions, EngineRequest, ErrorReport, MaskAnswer } from "./protocol.ts";
import {
  checkMask,
  checkQueue,
  checkRequest,
  checkSize,
  checkTokens,
  type ModelBounds,
  tileCount,
} from "./request_checks.ts";
import type { Pending, Runner, Sampled } from "./runner.ts";
import { Scheduler } from "./scheduler.ts";
import type { Sequence } from "./sequence.ts";
import { StepClock } from "./step_clock.ts";

/** What computes steps and images: the runner of a device, or a simulated one. */
export type StepRunner = Pick<Runner, "limits" | "submit" | "collect" | "encodeImage">;

/** What of a model the scheduling depends on. */
export interface CoreModel extends ModelBounds {
  /** What one tile of a waiting image counts for, in tokens. */
  readonly tokensPerTile: number;
}

export type CoreOptions = Pick<EngineOptions, "maxQueued" | "maxQueuedTokens" | "prefixCache"> & {
  /** Steps that may be under way at the same time; left out, two. */
  readonly stepsInFlight?: 1 | 2;
  /** Clock that steps are timed with, in milliseconds: how prompts are cut depends on it. Left out, the real one. */
  readonly stepTime?: () => number;
};

/** Requests that may wait, and tokens that they may have together, unless the options say otherwise. */
const defaults = { maxQueued: 64, maxQueuedTokens: 1_000_000, stepsInFlight: 2 };

/** A step that was submitted. */
interface Flight {
  readonly step: Step;
  readonly pending: Pending;
}

/**
 * Tokens in, tokens out, in one thread: `add` queues a request, every `step` computes one batch and says what
 * happened. Knows the runner only as what steps are given to, so that all of this runs without a device, too.
 */
export class EngineCore {
  readonly scheduler: Scheduler;
  readonly #runner: StepRunner;
  readonly #model: CoreModel;
  readonly #limits: typeof defaults;
  readonly #keepsPrefixes: boolean;
  readonly #jobs: JobTable;
  readonly #flights: Flight[] = []; // first submitted first
  readonly #clock: StepClock;
  #stalled = false;
  #failure: ErrorReport | undefined;

  protected constructor(runner: StepRunner, model: CoreModel, options: CoreOptions) {
    const { limits } = runner;
    this.#runner = runner;
    this.#model = model;
    const { maxQueued, maxQueuedTokens, stepsInFlight } = options;
    this.#limits = { ...defaults, ...defined({ maxQueued, maxQueuedTokens, stepsInFlight }) };
    this.#keepsPrefixes = options.prefixCache ?? true;
    this.scheduler = new Scheduler(
      new PrefixCache(Math.floor(limits.kvTokens / limits.blockSize), limits.blockSize, this.#keepsPrefixes),
      new ImageCache(limits.imageTiles),
      limits,
    );
    this.#jobs = new JobTable(this.scheduler);
    this.#clock = new StepClock(this.scheduler, options.stepTime);
  }

  /** Requests that may wait. */
  protected get maxQueued(): number {
    return this.#limits.maxQueued;
  }

  /** What was done since the engine was opened, and what it holds. */
  get stats(): StepClock["stats"] {
    return this.#clock.stats;
  }

  /** Why nothing can be computed any more: the device is lost, or an invariant broken. */
  get failure(): ErrorReport | undefined {
    return this.#failure;
  }

  get idle(): boolean {
    return this.#jobs.size === 0 && this.#flights.length === 0;
  }

  /** Whether the last `step` found nothing to do until a `mask` comes, or a request. */
  get stalled(): boolean {
    return this.#stalled;
  }

  /**
   * Queues a request.
   *
   * @throws {RequestError} If it can never be served (too long, too many tiles), or the queue is full.
   */
  add(request: EngineRequest): EngineEvent {
    assert(!this.#jobs.get(request.id), `request ${request.id} is there already`);
    checkRequest(request, this.#runner.limits, this.#model);
    const tokens = request.tokens.length + tileCount(request.images) * this.#model.tokensPerTile;
    checkQueue(this.scheduler.waiting, tokens, this.#limits);
    const own = (request.n ?? 1) > 1 ? `request ${request.id}` : undefined;
    const root = this.#keepsPrefixes ? `shared ${request.cacheSalt ?? ""}` : own;
    const job = createJob(request, this.#model.imageToken, root);
    job.choices[0].queueTokens = tokens;
    this.#jobs.add(job);
    this.stats.requests++;
    return { type: "accepted", id: request.id };
  }

  /**
   * A sequence that shares blocks with nobody, for traces.
   *
   * @throws {RequestError} If it can never be served.
   */
  sequence(request: EngineRequest): Sequence {
    checkTokens(request, this.#model);
    checkSize(request, this.#runner.limits, this.#model);
    return soleSequence(request, this.#model.imageToken);
  }

  /** Ends a request without a further event; unknown ids are ignored: it may have ended on its own. */
  abort(id: number): void {
    const job = this.#jobs.get(id);
    if (job) this.#jobs.remove(job);
  }

  /** Ends one choice as a stop id would; the others go on. One that has ended already is left alone. */
  stop(id: number, choice: number): EngineEvent[] {
    const sequence = this.#jobs.get(id)?.choices[choice];
    return sequence && !sequence.ended ? [this.#jobs.finish(sequence, "stop")] : [];
  }

  /**
   * The answer to a `mask_wanted`. One for which nobody waits, because the request has ended or has its token, is
   * ignored; one that cannot be obeyed ends the request.
   */
  mask({ id, choice, after, mask }: MaskAnswer): EngineEvent[] {
    const job = this.#jobs.get(id);
    const sequence = job?.choices[choice];
    if (!job || !sequence || sequence.ended || !sequence.asksForMask(after)) return [];
    try {
      checkMask(mask, after, this.#model.vocabSize);
    } catch (error) {
      this.#jobs.remove(job);
      return [{ type: "error", id, error: reportError(error) }];
    }
    sequence.mask = mask;
    return [];
  }

  /**
   * Computes one batch: submits steps until two are under way, then waits for the first of them. An error ends the
   * requests of the batch, or the engine (`failure`).
   */
  step(): EngineEvent[] {
    const events: EngineEvent[] = [];
    if (this.#failure) return events;
    try {
      this.#jobs.expire(events);
      this.scheduler.admit();
      const encoded = this.#encodeOne(events);
      while (!this.#failure && this.#flights.length < this.#limits.stepsInFlight && this.#submit(events));
      const flight = this.#flights.shift();
      if (flight) this.#collect(flight, events);
      this.#askForMasks(events); // at once: the answer is made while the next step runs
      this.#stalled = !flight && !encoded && this.#jobs.size > 0 && events.length === 0;
    } catch (error) {
      events.push(...this.fail(error)); // of no request: a mistake of our own
    }
    this.#clock.settle(this.#flights.length, this.#jobs.size);
    return events;
  }

  /**
   * Ends what runs, after an error that nothing here survives (`failure`). Requests that wait are left to whoever
   * opens the next engine: they have lost nothing.
   */
  fail(error: unknown): EngineEvent[] {
    this.#failure = reportError(error);
    for (const { step } of this.#flights.splice(0)) this.scheduler.landed(step, true);
    return this.#jobs.fail(hasBegun, reportError(interruptionBy(error)));
  }

  #askForMasks(events: EngineEvent[]): void {
    for (const sequence of this.scheduler.running) {
      const { request, pendingTokens, maskWantedAfter, generatedCount } = sequence;
      if (!request.constraint || pendingTokens > 0 || maskWantedAfter === generatedCount) continue;
      sequence.maskWantedAfter = generatedCount;
      events.push({ type: "mask_wanted", id: sequence.id, choice: sequence.choice, after: generatedCount });
    }
  }

  /** Runs the vision tower for one image that nobody has encoded yet: one per step, for the sake of those that decode. */
  #encodeOne(events: EngineEvent[]): boolean {
    const wanted = this.scheduler.wantedImage();
    if (!wanted) return false;
    const { sequence, index } = wanted;
    const cached = sequence.cachedImages[index]!;
    const begin = performance.now();
    try {
      this.#runner.encodeImage(sequence.images[index]!, cached.tiles);
      cached.encoded = true;
    } catch (error) {
      this.#endAll([sequence], error, events);
    }
    const ms = performance.now() - begin;
    sequence.timings.imageMs += ms;
    this.#clock.imageEncoded(ms);
    return true;
  }

  #submit(events: EngineEvent[]): boolean {
    const step = this.scheduler.schedule(this.#flights.length === 0);
    if (step.length === 0) return false;
    try {
      const pending = this.#runner.submit(step);
      this.scheduler.launched(step);
      this.#flights.push({ step, pending });
      this.#clock.submitted(step);
      return true;
    } catch (error) {
      this.#endAll(sequencesOf(step), error, events);
      return false;
    }
  }

  #collect({ step, pending }: Flight, events: EngineEvent[]): void {
    let sampled: readonly Sampled[];
    try {
      sampled = this.#runner.collect(pending);
    } catch (error) {
      this.#clock.collected();
      this.scheduler.landed(step, true);
      return this.#endAll(sequencesOf(step), error, events);
    }
    this.#clock.collected();
    this.#endFailed(step, sampled, events); // before anything of theirs can be shared
    this.scheduler.landed(step, false);
    let next = 0;
    for (const { sequence, output } of step) {
      if (output) this.#take(sequence, sampled[next++]!, events);
    }
  }

  /** Ends the requests that got no token, because their logits are not numbers; the others' are as good as ever. */
  #endFailed(step: Step, sampled: readonly Sampled[], events: EngineEvent[]): void {
    let next = 0;
    for (const { sequence, output } of step) {
      if (!output) continue;
      const { error } = sampled[next++]!;
      if (error && !sequence.ended) this.#endAll([sequence], error, events);
    }
  }

  #take(sequence: Sequence, { token, logprob }: Sampled, events: EngineEvent[]): void {
    if (sequence.ended) return;
    const { id, choice } = sequence;
    if (sequence.generatedCount === 0) events.push(startedEvent(sequence));
    this.#clock.token(sequence);
    const reason = sequence.append(token);
    const at = performance.now();
    const event = { type: "token", id, choice, token, at } as const;
    events.push(logprob ? { ...event, logprob } : event);
    if (reason) events.push(this.#jobs.finish(sequence, reason));
  }

  /** After an error that came of one step or image: ends its requests, or the engine. */
  #endAll(sequences: readonly Sequence[], error: unknown, events: EngineEvent[]): void {
    if (endsEngine(error)) events.push(...this.fail(error));
    else {
      const concerns = ({ choices }: Job) => choices.some((choice) => sequences.includes(choice));
      events.push(...this.#jobs.fail(concerns, reportError(error)));
    }
  }
}

function sequencesOf(step: Step): Sequence[] {
  return step.map(({ sequence }) => sequence);
}

/** Without the entries that are undefined, which would hide the defaults. */
function defined<T extends object>(values: T): Partial<T> {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as Partial<T>;
}
