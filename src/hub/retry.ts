import { NetworkError } from "../base/errors.ts";
import { TransientError, UnreachableError } from "./client.ts";

export interface RetryOptions {
  /** Failures in a row after which a person must hear of it. */
  readonly maxFailures: number;
  /** The same for those in a row that did not reach the hub at all; left out, only the limit of all others counts. */
  readonly maxUnreachable?: number;
  /** Waits, and throws the signal's reason if it is aborted meanwhile. */
  readonly pause: (ms: number, signal?: AbortSignal) => Promise<void>;
  readonly onRetry: (reason: string, delayMs: number) => void;
  readonly signal?: AbortSignal;
}

const firstDelayMs = 500;
const longestDelayMs = 30_000;

/**
 * Repeats what fails for a reason that may pass, with longer and longer pauses. Pauses are of random length, so that
 * many who were cut off together do not come back together.
 *
 * @param what for the message, such as `"config.json"`
 * @param work one attempt; it says with `gained` that it got further, and the count of failures begins anew
 * @throws {NetworkError} If it keeps failing.
 */
export async function withRetries<T>(
  what: string,
  work: (gained: () => void) => Promise<T>,
  { maxFailures, maxUnreachable = maxFailures, pause, onRetry, signal }: RetryOptions,
): Promise<T> {
  let failures = 0;
  /** Of these the last ones, if they did not even reach the hub. */
  let unreachable = 0;
  for (;;) {
    try {
      return await work(() => failures = unreachable = 0);
    } catch (error) {
      if (!(error instanceof TransientError)) throw error;
      failures++;
      const isUnreachable = error instanceof UnreachableError;
      unreachable = isUnreachable ? unreachable + 1 : 0;
      if (failures >= maxFailures || unreachable >= maxUnreachable) {
        throw new NetworkError(
          `Cannot fetch ${what}, ${failures} failures in a row: ${error.message}`,
          isUnreachable
            ? "Check the network, HTTPS_PROXY and HF_ENDPOINT and run it again: what has come is kept, and a model that " +
              "is complete on this machine needs no hub"
            : "Check the connection and run it again: what has come is kept",
          { cause: error },
        );
      }
      const backoff = Math.min(longestDelayMs, firstDelayMs * 2 ** (failures - 1)) * (0.5 + Math.random());
      const delayMs = Math.max(backoff, error.retryAfterMs);
      onRetry(error.message, delayMs);
      await pause(delayMs, signal);
    }
  }
}

/** Waits; throws the signal's reason if it is aborted before. */
export function pause(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(end, ms);
    signal?.addEventListener("abort", end, { once: true });
    function end() {
      clearTimeout(timer);
      signal?.removeEventListener("abort", end);
      if (signal?.aborted) reject(signal.reason);
      else resolve();
    }
    if (signal?.aborted) end();
  });
}
