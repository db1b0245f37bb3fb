import { expect, setDefaultTimeout, test } from "bun:test";
import { packEvents, unpackEvents } from "../../src/engine/packed_events.ts";
import type { EngineEvent } from "../../src/engine/protocol.ts";
import { testLimitMs } from "../support/test_limit.ts";

setDefaultTimeout(testLimitMs);

test("packed events are the same events in the same order when they are unpacked, tokens of four numbers among them", () => {
  const token = (
    id: number,
    choice: number,
    token: number,
  ) => ({ type: "token", id, choice, token, at: id + 0.5 } as const);
  const events: EngineEvent[] = [
    { type: "accepted", id: 1 },
    token(1, 0, 0),
    token(2, 3, 128_255),
    { ...token(1, 1, 5), logprob: { logprob: -0.25, top: [{ token: 7, logprob: -1 }] } },
    token(1, 1, 6),
    { type: "end", id: 2, choice: 3, reason: "length", at: 4 },
    { type: "mask_wanted", id: 1, choice: 0, after: 2 },
    { type: "error", id: 1, error: { name: "RequestError", message: "no" } },
    token(4, 0, 9),
  ];
  const packed = packEvents(events);
  expect(packed.filter((value) => typeof value === "number")).toEqual(
    [[1, 0, 0, 1.5], [2, 3, 128_255, 2.5], [1, 1, 6, 1.5], [4, 0, 9, 4.5]].flat(),
  );
  expect(unpackEvents(structuredClone(packed) as typeof packed)).toEqual(events);
  expect(unpackEvents(packEvents([]))).toEqual([]);
});
