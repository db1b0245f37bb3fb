import { assert } from "../base/assert.ts";
import { reportError } from "./error_report.ts";
import type { Job } from "./job.ts";
import type { EngineEvent, ErrorReport } from "./protocol.ts";
import { tookTooLong } from "./request_checks.ts";
import type { Scheduler } from "./scheduler.ts";
import type { EndReason, Sequence } from "./sequence.ts";

/** The requests that have not ended. However one ends, it ends here: its sequences give back what they hold. */
export class JobTable {
  readonly #jobs = new Map<number, Job>(); // insertion order = order of arrival
  readonly #scheduler: Scheduler;
  /** No deadline is before this. */
  #nextDeadline = Infinity;

  constructor(scheduler: Scheduler) {
    this.#scheduler = scheduler;
  }

  get size(): number {
    return this.#jobs.size;
  }

  get(id: number): Job | undefined {
    return this.#jobs.get(id);
  }

  /** Queues the sequences of a request. */
  add(job: Job): void {
    this.#jobs.set(job.request.id, job);
    this.#nextDeadline = Math.min(this.#nextDeadline, job.deadline);
    this.#scheduler.add(...job.choices);
  }

  /** Ends a request; what is told of it is the caller's. */
  remove(job: Job): void {
    for (const choice of job.choices) this.#scheduler.remove(choice);
    this.#jobs.delete(job.request.id);
  }

  /** Ends one choice, and with the last one the request. */
  finish(sequence: Sequence, reason: EndReason): EngineEvent {
    const { id, choice } = sequence;
    const job = this.#jobs.get(id);
    assert(job && !sequence.ended, "a choice ends once");
    this.#scheduler.remove(sequence);
    if (--job.left === 0) this.#jobs.delete(id);
    return { type: "end", id, choice, reason, at: performance.now() };
  }

  /** Ends the requests that an error is the end of. */
  fail(which: (job: Job) => boolean, error: ErrorReport): EngineEvent[] {
    const jobs = [...this.#jobs.values()].filter(which);
    for (const job of jobs) this.remove(job);
    return jobs.map(({ request: { id } }) => ({ type: "error", id, error }));
  }

  /** Ends the requests whose time is over. */
  expire(events: EngineEvent[]): void {
    const now = performance.now();
    if (now < this.#nextDeadline) return;
    this.#nextDeadline = Infinity;
    for (const job of this.#jobs.values()) {
      const { request, deadline } = job;
      if (now < deadline) {
        this.#nextDeadline = Math.min(this.#nextDeadline, deadline);
        continue;
      }
      this.remove(job);
      events.push({ type: "error", id: request.id, error: reportError(tookTooLong(request)) });
    }
  }
}
