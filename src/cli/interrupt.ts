import process from "node:process";
import { exitCodes, InterruptedError } from "./exit_codes.ts";

const signals = { SIGINT: exitCodes.interrupted, SIGTERM: exitCodes.terminated } as const;

/**
 * Runs work that can end early: the first SIGINT or SIGTERM aborts its signal with an `InterruptedError`, the second
 * ends the process at once. Outside of it signals end the process as usual.
 */
export async function interruptible<T>(work: (controller: AbortController) => Promise<T>): Promise<T> {
  const controller = new AbortController();
  const listeners = Object.entries(signals).map(([name, exitCode]) => {
    const listener = () => {
      if (controller.signal.aborted) process.exit(exitCode);
      controller.abort(new InterruptedError(exitCode));
    };
    process.on(name, listener);
    return [name, listener] as const;
  });
  try {
    return await work(controller);
  } finally {
    for (const [name, listener] of listeners) process.off(name, listener);
  }
}
