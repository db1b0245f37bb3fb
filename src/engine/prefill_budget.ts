import { bucketRows, wholeBucketRows } from "./row_buckets.ts";

/** How much longer than without prefill a step may take while other sequences decode. Under 2, so that most steps are. */
const stretch = 1.7;
/** Weight of the newest measurement. */
const weight = 0.2;
/** Of the rows of a step, the share that prefill has before anything was measured, and the rows that it has at least. */
const [firstShare, firstRows] = [8, 4];
/**
 * By so much of its length a step may grow through rows where the mere company of prefill takes longer than allowed:
 * then fewer rows would not make the steps much shorter, they would only make more of them long.
 */
const slack = 0.1;
/** Rows that a prompt gets in any step: neighbours share the loads of their keys, so one alone costs as much as two. */
const leastRows = 2;
/** A row takes about as long as attending to so many keys, without its own attention. Only a guess to begin with. */
const rowKeys = 512;
/** Rows at the start of a prompt that make one unit of work. Less than that counts as company rather than as work. */
const unitRows = 4;

/**
 * How many prefill rows a step may have while others wait for their next token. Learns what a step of n decoding rows
 * takes, what prefill adds whatever its size, and what it adds for its work, which grows with the position of its rows:
 *
 *     ms = decodeMs[n] + companyMs + workMs * work,   work = (rows + keys / 512) / 4
 *
 * It allows what stretches the step to 1.7 times its length, and a row or two in any case; so a long prompt costs the
 * streams beside it less than every second token, and comes to its end. Only the speed depends on it: tokens do not
 * depend on how a prompt is cut.
 */
export class PrefillBudget {
  /** Where the next prefill rows are expected: behind the last ones that were submitted. */
  position = 0;
  /** Milliseconds of steps that only decode, by the bit length of their rows; 0 where none was measured. */
  readonly #decodeMs = new Float64Array(32);
  #companyMs = 0;
  /** Milliseconds of one unit; 0 if no prefill was measured beside others. */
  #workMs = 0;

  /** @param chunkSize most rows of a step */
  constructor(readonly chunkSize: number) {}

  /**
   * Tells of a step that has been computed.
   *
   * @param keys that its prefill rows attend to, all rows together
   */
  observe(decodeRows: number, prefillRows: number, keys: number, ms: number): void {
    const size = bitLength(decodeRows);
    if (prefillRows === 0) this.#decodeMs[size] = blend(this.#decodeMs[size]!, ms);
    else if (decodeRows > 0) {
      const alone = this.#alone(decodeRows);
      if (alone > 0) this.#learn(workOf(prefillRows, keys), alone, ms);
    }
  }

  /**
   * Prefill rows beside `decodeRows` rows that decode: at least one if there is room, all where nobody waits.
   *
   * @param sitOut sequences without a row in this step whose next row waits for its end
   */
  rows(decodeRows: number, sitOut = 0): number {
    const free = this.chunkSize - decodeRows;
    const streams = decodeRows + sitOut;
    if (streams === 0) return free;
    const wanted = this.#wanted(this.#alone(streams));
    // Whole buckets: rows that only fill one cost about as much as others, and one row more takes the next bucket.
    const whole = wholeBucketRows(decodeRows + wanted) - decodeRows;
    const least = Math.min(leastRows, bucketRows(decodeRows + 1) - decodeRows);
    return Math.min(free, whole > 0 ? whole : Math.max(wanted, least));
  }

  #wanted(alone: number): number {
    if (alone === 0 || this.#workMs === 0) {
      return Math.max(firstRows, Math.floor(this.chunkSize / firstShare));
    }
    const company = this.#companyMs;
    const ms = Math.max((stretch - 1) * alone - company, slack * (alone + company));
    return Math.floor(Math.min(this.chunkSize, ms / this.#workMs / workOf(1, this.position)));
  }

  /**
   * Corrects both terms by what was missed, each by its part in it: a step that is all company changes the company.
   * Source: Nagumo and Noda 1967, "A learning method for system identification" (normalised least mean squares).
   */
  #learn(work: number, alone: number, ms: number): void {
    const expected = this.#companyMs + this.#workMs * work;
    const first = this.#workMs === 0;
    // An outlier, such as a step that had to be recorded first, counts no more than double.
    const missed = (first ? ms : Math.min(ms, 2 * (alone + expected))) - alone - expected;
    const step = (first ? 1 : weight) * missed / (1 + work * work);
    const company = this.#companyMs + step;
    this.#companyMs = Math.max(0, company);
    // What the company cannot give, for there is none, the work gives.
    this.#workMs = Math.max(ms / 1e4 / work, this.#workMs + step * work + Math.min(0, company) / work);
  }

  /** What a step of so many decoding rows takes, from the nearest size that was measured; 0 if none was. */
  #alone(decodeRows: number): number {
    const size = bitLength(decodeRows);
    for (let distance = 0; distance < this.#decodeMs.length; distance++) {
      // The smaller neighbour first: what is too short keeps the streams smooth.
      const ms = this.#decodeMs[size - distance] || this.#decodeMs[size + distance];
      if (ms) return ms;
    }
    return 0;
  }
}

/** @param keys that all the rows together attend to */
function workOf(rows: number, keys: number): number {
  return (rows + keys / rowKeys) / unitRows;
}

function bitLength(value: number): number {
  return 32 - Math.clz32(value);
}

/** The moving average; one outlier counts no more than double. */
function blend(average: number, value: number): number {
  if (average === 0) return value;
  return average + weight * (Math.min(value, 2 * average) - average);
}
