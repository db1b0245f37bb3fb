import { assert } from "../base/assert.ts";
import type { Step } from "./batch.ts";
import type { BlockPool } from "./block_pool.ts";
import { Holdings } from "./holdings.ts";
import type { ImageCache } from "./image_cache.ts";
import { callerOf, Places } from "./places.ts";
import { PrefillBudget } from "./prefill_budget.ts";
import type { PrefixCache } from "./prefix_cache.ts";
import { fitsBeside } from "./room.ts";
import type { Sequence } from "./sequence.ts";
import { StepDraft } from "./step_draft.ts";
import { takeOut, WaitingQueue } from "./waiting_queue.ts";

export interface SchedulerLimits {
  readonly maxSequences: number;
  /** Most rows of a step. */
  readonly chunkSize: number;
}

/**
 * Decides which sequences run and what each step computes.
 *
 * A sequence is admitted when there are a slot, tiles for its images and blocks for the tokens that it has; blocks
 * for those that it generates are taken as it grows. When they run out, the sequence that was first admitted last
 * among those of the caller that has most gives its blocks back and stands first in the queue: the oldest one always
 * gets on, so all come to their end. What a preempted sequence had computed stays in the prefix cache until its memory
 * is needed; the rest is computed again.
 *
 * Who has fewer sequences running than another caller comes before it, and where there is no place, the other gives one
 * up (`places.ts`): long answers of one caller do not keep the others waiting for their end.
 *
 * The choices of one request share the full blocks of its prompt: the first choice computes them, the others are
 * admitted when they can find them. The rows behind the last full block each choice computes for itself: that is less
 * than a block of rows, and less trouble than to copy a block of every layer.
 */
export class Scheduler {
  readonly budget: PrefillBudget;
  readonly #waiting = new WaitingQueue();
  /** Further choices of requests whose first one was added. */
  readonly #followers: Sequence[] = [];
  /** In the order of first admission. */
  readonly #running: Sequence[] = [];
  /** Ended sequences with rows in a step in flight: they hold what they have until it is done. */
  readonly #draining: Sequence[] = [];
  readonly #holdings: Holdings;
  /** Used again in every step. */
  readonly #prefills: Sequence[] = [];
  // Two steps may be in flight while the next one is made.
  readonly #drafts = [new StepDraft(), new StepDraft(), new StepDraft()] as const;
  #launches = 0;
  /** How often a sequence that ran was made to wait. */
  preemptions = 0;

  constructor(
    readonly prefixes: PrefixCache,
    readonly images: ImageCache,
    readonly limits: SchedulerLimits,
  ) {
    this.budget = new PrefillBudget(limits.chunkSize);
    this.#holdings = new Holdings(prefixes, images, limits.maxSequences);
  }

  get blocks(): BlockPool {
    return this.prefixes.pool;
  }

  /** Requests that were not admitted yet, and preempted sequences. */
  get waiting(): WaitingQueue {
    return this.#waiting;
  }

  get running(): readonly Sequence[] {
    return this.#running;
  }

  get draining(): readonly Sequence[] {
    return this.#draining;
  }

  /** Queues the choices of one request; the first one computes what they share. */
  add(leader: Sequence, ...followers: readonly Sequence[]): void {
    this.#waiting.add(leader);
    this.#followers.push(...followers);
  }

  /**
   * Takes a sequence out, wherever it is, and frees what it holds, at the latest when the steps in flight are done.
   * One that is not there any more is left alone.
   */
  remove(sequence: Sequence): void {
    sequence.ended = true;
    if (this.#waiting.remove(sequence) || takeOut(this.#followers, sequence)) return;
    if (!takeOut(this.#running, sequence)) return;
    if (sequence.inFlight > 0) this.#draining.push(sequence);
    else this.#free(sequence);
  }

  /**
   * Admits what can be admitted. Callers with fewer sequences running come first; of those with as many, who was
   * preempted, then further choices, then who waits longest in its turn. Where there is no room for the next one, others
   * may have to give way. Where only memory lacks for it, other callers pass it: one that has something running as often
   * as they like, another so often as there are slots.
   */
  admit(): void {
    this.#letGo();
    const passed: Sequence[] = [];
    while (this.#waiting.count + this.#followers.length > 0) {
      const places = new Places(this.#running);
      if (passed.some((one) => places.of(one) === 0 && one.passedBy >= this.limits.maxSequences)) return;
      const next = this.#next(places, passed);
      if (next === undefined) return;
      if (this.#start(next)) {
        if (!takeOut(this.#followers, next)) this.#waiting.take(next);
        for (const sequence of passed) sequence.passedBy++;
        continue;
      }
      if (this.#running.some(({ givesWay }) => givesWay)) return;
      const rich = this.#givingWayTo(next, places);
      if (rich) {
        rich.givesWay = true;
        this.#letGo();
      } else if (!this.#holdings.hasSlot) return;
      else passed.push(next);
    }
  }

  /** The image to encode next, as the sequence that needs it and its index there. */
  wantedImage(): { readonly sequence: Sequence; readonly index: number } | undefined {
    for (const sequence of this.#running) {
      if (sequence.isReady) continue;
      return { sequence, index: sequence.cachedImages.findIndex((image) => !image.encoded) };
    }
    return undefined;
  }

  /**
   * The next step: a row for every sequence that decodes, then prefill rows of the others, of callers that have less
   * running first. Sequences whose images are
   * not encoded, or whose mask is not there, sit out. Empty when there is nothing to do, or when a sequence would have
   * to be preempted while steps are in flight, which `mayPreempt` denies.
   *
   * @returns good until the third step after it is launched
   */
  schedule(mayPreempt = true): Step {
    const draft = this.#drafts[this.#launches % this.#drafts.length]!;
    draft.clear();
    const { chunkSize } = this.limits;
    let sitOut = 0; // streams that wait for a mask, and for this step to end
    for (let i = 0; i < this.#running.length && draft.rows < chunkSize; i++) {
      const sequence = this.#running[i]!;
      if (sequence.givesWay) continue;
      if (!sequence.prefilling && sequence.waitsForMask) sitOut++;
      if (!sequence.decodes) continue;
      if (this.#reserve(i, mayPreempt)) draft.add(sequence, sequence.length, true);
      else if (!mayPreempt) {
        draft.clear();
        return draft.step;
      }
    }
    let left = this.budget.rows(draft.rows, sitOut);
    for (const sequence of this.#prefilling()) {
      if (left <= 0) break;
      const last = sequence.waitsForMask ? sequence.length - 1 : sequence.length;
      // A step of its own for the last few rows would take its client longer than they take the others.
      const most = Math.min(left + Math.floor(left * endSlack), chunkSize - draft.rows);
      const end = last <= sequence.computed + most ? last : sequence.computed + left;
      if (end === sequence.computed) continue;
      left -= end - sequence.computed;
      draft.add(sequence, end, end === sequence.length);
    }
    return draft.step;
  }

  /** To be called when a step has been submitted. */
  launched(step: Step): void {
    this.#launches++;
    for (const { sequence, end, output } of step) {
      sequence.inFlight++;
      sequence.computed = end;
      if (!output) continue;
      sequence.pendingTokens++;
      sequence.mask = undefined;
    }
  }

  /**
   * To be called when a launched step is done. What it computed can be shared if it did not fail, nor a step before it
   * that ended the sequence: then rows may be wrong, and tokens of theirs were dropped.
   */
  landed(step: Step, failed: boolean): void {
    for (const { sequence, end, output } of step) {
      sequence.inFlight--;
      if (output) sequence.pendingTokens--;
      if (!failed && !sequence.ended) this.prefixes.publish(sequence, end);
      if (sequence.inFlight === 0 && takeOut(this.#draining, sequence)) this.#free(sequence);
    }
  }

  /** Whose prompts can be computed, those of callers with fewer sequences first. Good until the next call. */
  #prefilling(): readonly Sequence[] {
    const found = this.#prefills;
    found.length = 0;
    for (const sequence of this.#running) {
      if (sequence.length - sequence.computed <= 1 || sequence.givesWay || !sequence.isReady) continue;
      found.push(sequence);
    }
    if (found.length < 2) return found;
    const places = new Places(this.#running);
    return found.sort((a, b) => places.of(a) - places.of(b));
  }

  /** Who comes next, without the callers of those that are passed. */
  #next(places: Places, passed: readonly Sequence[]): Sequence | undefined {
    const may = (sequence: Sequence) => !passed.some((one) => callerOf(one) === callerOf(sequence));
    const groups = [this.#waiting.preempted, this.#readyFollowers(), this.#waiting.heads()];
    return places.poorest(groups.flatMap((group) => places.poorest([...group].filter(may)) ?? []));
  }

  /** The first of as few as make room for `next` if they give way; nobody where that would be in vain. */
  #givingWayTo(next: Sequence, places: Places): Sequence | undefined {
    const room = { sequences: this.limits.maxSequences, blocks: this.blocks, tiles: this.images.tileSlots };
    const others = [...this.#running, ...this.#draining];
    let first: Sequence | undefined;
    for (const rich of places.givingWayTo(next)) {
      first ??= rich;
      takeOut(others, rich);
      if (fitsBeside(next, others, room)) return first;
    }
    return undefined;
  }

  /** Frees those that give way, as far as no step in flight has rows of them. */
  #letGo(): void {
    for (let i = this.#running.length - 1; i >= 0; i--) {
      const sequence = this.#running[i]!;
      if (!sequence.givesWay || sequence.inFlight > 0) continue;
      this.#running.splice(i, 1);
      this.#free(sequence);
      this.#waiting.giveWay(sequence);
      this.preemptions++;
    }
  }

  /** Further choices whose first one has computed what they share, or will not. */
  *#readyFollowers(): Generator<Sequence> {
    for (const follower of this.#followers) {
      const { leader, promptLength } = follower;
      assert(leader, "a further choice follows the first");
      if (leader.order < 0 && !leader.ended) continue; // it is not the request's turn
      if (leader.slot < 0 || leader.sharedBlocks >= this.prefixes.shareable(promptLength)) yield follower;
    }
  }

  #start(sequence: Sequence): boolean {
    // One block for each that runs: without them the newcomer would be the next to be preempted.
    if (!this.#holdings.give(sequence, this.#running.length)) return false;
    const place = this.#running.findLastIndex(({ order }) => order < sequence.order) + 1;
    this.#running.splice(place, 0, sequence);
    return true;
  }

  /**
   * Makes room for the next row of the sequence that runs at this index. Preempts those behind it, and in the end itself;
   * says whether it has the room.
   */
  #reserve(index: number, mayPreempt: boolean): boolean {
    const sequence = this.#running[index]!;
    if (sequence.blocks.length >= this.blocks.blocksFor(sequence.length)) return true;
    while (this.blocks.availableCount === 0) {
      if (!mayPreempt) return false;
      const victim = new Places(this.#running).newestOfRichest(index);
      assert(victim, "nobody gives way while no step is in flight");
      this.#preempt(victim);
      if (victim === sequence) return false;
    }
    this.#holdings.grow(sequence);
    return true;
  }

  #preempt(sequence: Sequence): void {
    assert(this.#running.length > 1, "the cache holds one sequence of any length");
    takeOut(this.#running, sequence);
    this.#free(sequence);
    this.#waiting.putBack(sequence);
    this.preemptions++;
  }

  #free(sequence: Sequence): void {
    this.#holdings.takeBack(sequence);
    sequence.givesWay = false;
  }
}

/** By so much of its prefill rows a step may have more where a prompt comes to its end with them. */
const endSlack = 0.25;
