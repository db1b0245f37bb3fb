import { expect, test } from "bun:test";
import { NetworkError } from "../../src/base/errors.ts";
import { TransientError, UnreachableError } from "../../src/hub/client.ts";
import { withRetries } from "../../src/hub/retry.ts";

const kinds = {
  busy: () => new TransientError("the hub answered 503", 0),
  away: () => new UnreachableError("no connection to http://hub", 0),
};

type Step = keyof typeof kinds | "gain";

/** Fails in these ways one after the other, then succeeds. */
async function attempt(steps: readonly Step[], maxUnreachable?: number): Promise<unknown> {
  const left = [...steps];
  const work = (gained: () => void) => {
    if (left[0] === "gain") {
      left.shift();
      gained();
    }
    const kind = left.shift();
    if (kind === undefined) return Promise.resolve("fetched");
    return Promise.reject(kinds[kind as keyof typeof kinds]());
  };
  const pause = () => Promise.resolve();
  return await withRetries("x.json", work, { maxFailures: 5, maxUnreachable, pause, onRetry: () => {} })
    .catch((error: unknown) => error);
}

test.each<[Step[], number | undefined]>([
  [["busy", "busy", "away"], 3],
  [["busy", "busy", "away", "away"], 3],
  [["away", "away", "busy", "away"], 3],
  [["away", "away", "gain", "away", "away"], 3],
  [["busy", "busy", "busy", "busy", "gain", "busy"], 3],
  [["away", "away", "away", "away"], undefined],
])("withRetries() gets over %j, with %p as the limit of a hub that is away", async (steps, limit) => {
  expect(await attempt(steps, limit)).toBe("fetched");
});

test.each<[Step[], number | undefined, string, string]>([
  [["away", "away", "away"], 3, "3 failures in a row: no connection to http://hub", "Check the network,"],
  [["busy", "away", "away", "away"], 3, "4 failures in a row: no connection", "Check the network,"],
  [["away", "busy", "away", "away", "busy"], 3, "5 failures in a row: the hub answered 503", "run it again"],
  [["busy", "busy", "busy", "away", "away"], 3, "5 failures in a row: no connection", "Check the network,"],
  [["away", "away", "away", "away", "away"], undefined, "5 failures in a row: no conn", "Check the network,"],
])("withRetries() gives up after %j, with %p as that limit", async (steps, limit, message, remedy) => {
  const error = await attempt([...steps, ...steps], limit);
  expect(error).toBeInstanceOf(NetworkError);
  const { message: said, remedy: advice } = error as NetworkError;
  expect(said).toContain(`Cannot fetch x.json, ${message}`);
  expect(advice).toContain(remedy);
  expect(advice).toContain("run it again: what has come is kept");
});
