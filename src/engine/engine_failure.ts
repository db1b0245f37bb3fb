import { ExplainedError, type InterruptedRequestError } from "../base/errors.ts";
import { deviceFailure } from "../gpu/errors.ts";
import { interruption } from "./error_report.ts";

/**
 * Whether an engine can go on after an error. It can after a refusal; not after a command of the device that failed,
 * which leaves half a step behind, nor after a mistake of our own, which may have left anything.
 */
export function endsEngine(error: unknown): boolean {
  return !(error instanceof ExplainedError) || deviceFailure(error) !== undefined;
}

/** What those are told whose requests ran when the engine ended with `error`. */
export function interruptionBy(error: unknown): InterruptedRequestError {
  switch (deviceFailure(error)) {
    case "lost":
      return interruption("the device was lost", "device_lost", error);
    case "out of memory":
      return interruption("memory ran out", "out_of_memory", error);
    case "refused":
      return interruption("the device refused a command", "device_lost", error);
    case undefined:
      return interruption("the engine met a fault of its own", "engine_failed", error);
  }
}
