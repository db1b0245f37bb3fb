import { expect, test } from "bun:test";
import { RequestError } from "../../src/base/errors.ts";
import { Admission, type Place } from "../../src/http/admission.ts";
import { limits } from "../../src/http/limits.ts";
import { FakeRuntime } from "../support/fake_runtime.ts";

/** What `work` is refused with. */
function failureOf(work: () => unknown): RequestError {
  try {
    work();
  } catch (error) {
    if (error instanceof RequestError) return error;
    throw error;
  }
  throw new Error("Nothing was refused");
}

test("Admission forgets a client that has nothing under way, and refuses no more than it says", () => {
  const admission = new Admission(1);
  const runtime = new FakeRuntime(() => [], { maxRequests: 2 });
  const enter = (client: string) => admission.enter(client, 10, runtime);
  const [a, b] = [enter("a"), enter("b")];
  expect(() => enter("a")).toThrow("of this client");
  expect(() => enter("c")).toThrow("no more may wait");
  a.leave();
  enter("c");
  b.leave();
  enter("a");
});

test("a client that floods leaves the next places to those whom the full queue turned away (O13)", () => {
  let now = 0;
  const admission = new Admission(undefined, undefined, () => now);
  const runtime = new FakeRuntime(() => [], { maxRequests: 40 });
  const enter = (client: string) => admission.enter(client, 0, runtime);
  const isFull = (client: string) => expect(() => enter(client)).toThrow("no more may wait");
  const isKeptOut = (client: string) => expect(() => enter(client)).toThrow("are kept for clients");
  const flood = Array.from({ length: 40 }, () => enter("flood")); // who is alone may have all places
  const leave = (count: number) => flood.splice(0, count).forEach((place) => place.leave());
  isFull("flood");
  for (const calm of ["a", "b"]) isFull(calm);
  for (let i = 0; i < 2; i++) {
    leave(1);
    isKeptOut("flood");
  }
  const calm = ["a", "b"].map(enter);
  calm.forEach((place) => place.handled());
  leave(1);
  flood.push(enter("flood")); // nobody else was turned away
  // A crowd that does not come back has an eighth of the places, and for as long as it was asked to wait.
  for (let i = 0; i < 100; i++) isFull(`stranger ${i}`);
  leave(5);
  isKeptOut("flood");
  leave(1);
  flood.push(enter("flood"));
  isKeptOut("flood");
  now += 66_000;
  for (let i = 0; i < 5; i++) flood.push(enter("flood"));
  isFull("flood");
  calm.forEach((place) => place.leave());
  enter("a");
});

test.each([
  ["alone", 8, 3, []],
  // Of sixteen places two are kept. Calm has less than a third of all, and not less than a quarter.
  ["beside another that was turned away", 16, 5, ["stranger"]],
])("a place that is kept for a client is not kept from that client, %s (O13)", (_, most, few, others) => {
  const admission = new Admission(undefined, undefined, () => 0);
  const runtime = new FakeRuntime(() => [], { maxRequests: most });
  const enter = (client: string) => admission.enter(client, 0, runtime);
  const flood = Array.from({ length: most - few }, () => enter("flood"));
  for (let i = 0; i < few; i++) enter("calm").handled();
  for (const client of ["calm", ...others]) expect(() => enter(client)).toThrow("no more may wait");
  flood.pop()!.leave();
  expect(() => enter("flood")).toThrow("are kept for clients");
  enter("calm").handled();
  expect(() => enter("flood")).toThrow("no more may wait");
});

test("a place that is kept for a client is its own, however much it has by then (O13)", () => {
  const admission = new Admission(undefined, undefined, () => 0);
  const runtime = new FakeRuntime(() => [], { maxRequests: 8 });
  const enter = (client: string) => admission.enter(client, 0, runtime);
  const flood = Array.from({ length: 5 }, () => enter("flood"));
  for (let i = 0; i < 3; i++) enter("calm").handled();
  expect(() => enter("calm")).toThrow("no more may wait");
  flood.splice(0, 2).forEach((place) => place.leave());
  enter("third");
  expect(() => enter("flood")).toThrow("are kept for clients");
  enter("calm");
});

test("places are kept where the engine's queue is full of fewer requests than may run and wait (O13)", () => {
  const admission = new Admission(undefined, undefined, () => 0);
  const runtime = new FakeRuntime(() => [], { maxRequests: 24 });
  const enter = (client: string) => admission.enter(client, 0, runtime);
  const early = enter("calm");
  const flood = Array.from({ length: 17 }, () => enter("flood"));
  runtime.queueRoom = 0;
  for (const client of ["flood", "calm"]) expect(() => enter(client)).toThrow("no more may wait");
  flood.pop()!.leave();
  runtime.queueRoom = 1;
  const refusal = failureOf(() => enter("flood"));
  expect(refusal.message).toBe(
    "17 requests run and wait, and free places are kept for clients that were turned away",
  );
  expect([refusal.details.code, refusal.remedy]).toEqual(["queue_full", "Try again later"]);
  early.handled(); // it was not this that was turned away
  const calm = enter("calm");
  expect(() => enter("flood")).toThrow("are kept for clients"); // it would be the first to reach the engine
  calm.handled();
  runtime.queueRoom = 0;
  flood.pop()!.leave();
  runtime.queueRoom = 1;
  enter("flood"); // nobody else was turned away
});

test("a place is never kept in an engine that has nothing to do (O13)", () => {
  const admission = new Admission(undefined, undefined, () => 0);
  const runtime = new FakeRuntime(() => [], { maxRequests: 9 });
  runtime.queueRoom = 1;
  const places = ["flood", "flood"].map((client) => admission.enter(client, 0, runtime));
  runtime.queueRoom = 0;
  expect(() => admission.enter("calm", 0, runtime)).toThrow("no more may wait");
  places.forEach((place) => place.leave());
  runtime.queueRoom = 1;
  admission.enter("flood", 0, runtime);
});

test("who the engine refuses finds room later: others do not fill what is left (O13)", () => {
  const admission = new Admission(undefined, undefined, () => 0);
  const runtime = new FakeRuntime(() => [], { maxRequests: 24 });
  const enter = (client: string) => admission.enter(client, 0, runtime);
  const flood = Array.from({ length: 10 }, () => enter("flood"));
  flood.at(-1)!.handled(true); // it was too much itself
  enter("flood").leave();
  // By what is known at the door there is room, but not for tokens.
  const refuse = () => {
    const place = enter("calm");
    place.handled(true);
    place.leave();
  };
  for (const _ of ["one request less is not enough", "two are"]) {
    refuse();
    expect(() => enter("flood")).toThrow("are kept for clients");
    flood.pop()!.leave();
    expect(() => enter("flood")).toThrow("are kept for clients");
  }
  enter("calm").handled();
  enter("flood"); // nobody else was turned away
});

test("Admission counts bodies by what has arrived, and takes every one that is alone (H06, O02)", () => {
  const admission = new Admission();
  const runtime = new FakeRuntime(() => []);
  const enter = (bytes: number) => admission.enter("a", bytes, runtime);
  const most = limits.bodiesBytes;
  const first = enter(most + 1);
  const second = enter(most);
  expect(first.arrived(most + 1)).toBe(true);
  expect(() => enter(1)).toThrow("1 more leave too little");
  expect(second.arrived(1)).toBe(false);
  first.handled();
  expect(first.arrived(most + 2)).toBe(true); // it counts no more
  expect(second.arrived(most / 4)).toBe(true);
  const third = enter(most / 4);
  expect([third.arrived(most / 4), third.arrived(most / 4 + 1), second.arrived(1)]).toEqual([
    true,
    false,
    true,
  ]);
  expect(third.arrived(most / 2 - 1)).toBe(true);
});

test("a client's bodies leave as much memory free as they take, so that others find some (O13)", () => {
  const admission = new Admission(undefined, 1000);
  const runtime = new FakeRuntime(() => []);
  /** Bodies of 10 bytes until one is refused. */
  const fill = (client: string) => {
    const places: Place[] = [];
    for (;;) {
      const place = admission.enter(client, 0, runtime);
      if (!place.arrived(10)) return places;
      places.push(place);
    }
  };
  const flood = fill("flood");
  expect(flood.length).toBe(50);
  const calm = fill("calm");
  expect([calm.length, fill("third").length]).toEqual([25, 12]);
  expect(() => admission.enter("flood", 10, runtime)).toThrow("500 bytes of this client's");
  calm.forEach((place) => place.handled());
  expect(fill("calm").length).toBe(19);
});
