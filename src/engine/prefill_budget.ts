import { bucketRows, wholeBucketRows } from "./row_buckets.ts";

/** How much longer than without prefill a step may take while other sequences decode. Under 2, so that most steps are. */
const stretch = 1.7;
/** Weight of the newest measurement. */
const weight = 0.2;
/** Of the rows of a step, the share that prefill has before anything was measured. */
const firstShare = 8;
/**
 * Rows that a prompt gets in any step. Where the mere company of prefill takes longer than allowed, fewer rows would
 * not make the step shorter, they would only make more steps long.
 */
const leastRows = 4;

/**
 * How many prefill rows a step may have while others wait for their next token. Measures what a step of n decoding
 * rows takes and what one prefill row adds, and allows what stretches the step to 1.7 times its length at most, but a
 * few rows in any case; so a long prompt costs the streams beside it less than every second token, and comes to its
 * end. Only the speed depends on it: tokens do not depend on how a prompt is cut.
 */
export class PrefillBudget {
  /** Milliseconds of steps that only decode, by the bit length of their rows; 0 where none was measured. */
  readonly #decodeMs = new Float64Array(32);
  #rowMs = 0;

  /** @param chunkSize most rows of a step */
  constructor(readonly chunkSize: number) {}

  /** Tells of a step that has been computed. */
  observe(decodeRows: number, prefillRows: number, ms: number): void {
    const size = bitLength(decodeRows);
    if (prefillRows === 0) this.#decodeMs[size] = blend(this.#decodeMs[size]!, ms);
    else if (decodeRows > 0) {
      const alone = this.#alone(decodeRows);
      if (alone > 0) this.#rowMs = blend(this.#rowMs, Math.max(ms - alone, ms / 1000) / prefillRows);
    }
  }

  /**
   * Prefill rows beside `decodeRows` rows that decode: at least 4 if there is room, all where nobody waits.
   *
   * @param sitOut sequences without a row in this step whose next row waits for its end
   */
  rows(decodeRows: number, sitOut = 0): number {
    const free = this.chunkSize - decodeRows;
    const streams = decodeRows + sitOut;
    if (streams === 0) return free;
    const alone = this.#alone(streams);
    const wanted = alone > 0 && this.#rowMs > 0
      ? (stretch - 1) * alone / this.#rowMs
      : this.chunkSize / firstShare;
    // Whole buckets: rows that only fill one cost as much as others, and one row more takes the next bucket.
    const least = bucketRows(decodeRows + leastRows);
    const most = wholeBucketRows(decodeRows + Math.floor(wanted));
    return Math.min(free, Math.max(least, most) - decodeRows);
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

function bitLength(value: number): number {
  return 32 - Math.clz32(value);
}

/** The moving average; one outlier, such as a step that had to be recorded first, counts no more than double. */
function blend(average: number, value: number): number {
  if (average === 0) return value;
  return average + weight * (Math.min(value, 2 * average) - average);
}
