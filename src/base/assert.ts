/** Stops the program on a mistake of our own. One condition each; other people's mistakes throw at the border. */
export function assert(condition: unknown, message?: string): asserts condition {
  if (!condition) throw new AssertionError(message ?? "Assertion failed");
}

/** A broken invariant: a bug in this program, never bad input. */
export class AssertionError extends Error {
  override readonly name = "AssertionError";
}
