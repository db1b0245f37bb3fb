import { expect, test } from "bun:test";
import fc from "fast-check";
import { StopMatcher } from "../../src/runtime/stop.ts";

/** Feeds the pieces one by one; what a reader of the stream would have seen. */
function run(stops: readonly string[], pieces: readonly string[]): { text: string; stopped: boolean } {
  const matcher = new StopMatcher(stops);
  let text = "";
  for (const piece of pieces) {
    const { emit, stopped } = matcher.push(piece);
    text += emit;
    if (stopped) return { text, stopped };
  }
  return { text: text + matcher.flush(), stopped: false };
}

/** The slow, obvious truth: grow the text by one code unit until a stop text ends it; the longest one counts. */
function reference(stops: readonly string[], whole: string): { text: string; stopped: boolean } {
  for (let end = 1; end <= whole.length; end++) {
    const seen = whole.slice(0, end);
    const lengths = stops.filter((stop) => seen.endsWith(stop)).map((stop) => stop.length);
    if (lengths.length > 0) return { text: seen.slice(0, end - Math.max(...lengths)), stopped: true };
  }
  return { text: whole, stopped: false };
}

test("StopMatcher.push() cuts before a stop text that arrives in one piece", () => {
  expect(run(["END"], ["one two END three"])).toEqual({ text: "one two ", stopped: true });
});

test("StopMatcher.push() holds back the beginning of a stop text until the next piece decides", () => {
  const matcher = new StopMatcher(["<stop>"]);
  expect(matcher.push("a<st")).toEqual({ emit: "a", stopped: false });
  expect(matcher.push("o")).toEqual({ emit: "", stopped: false });
  expect(matcher.push("ne")).toEqual({ emit: "<stone", stopped: false });
  expect(matcher.push("<stop")).toEqual({ emit: "", stopped: false });
  expect(matcher.push(">!")).toEqual({ emit: "", stopped: true });
});

test("StopMatcher.push() drops everything after the stop", () => {
  const matcher = new StopMatcher(["."]);
  expect(matcher.push("a.b")).toEqual({ emit: "a", stopped: true });
  expect(matcher.push("c")).toEqual({ emit: "", stopped: true });
  expect(matcher.flush()).toBe("");
});

test("StopMatcher.flush() releases what looked like a stop text and was none", () => {
  const matcher = new StopMatcher(["\n\n"]);
  expect(matcher.push("line\n")).toEqual({ emit: "line", stopped: false });
  expect(matcher.flush()).toBe("\n");
});

test("StopMatcher.push() finds a stop text that begins inside a false start of itself", () => {
  expect(run(["aab"], ["a", "a", "a", "b"])).toEqual({ text: "a", stopped: true });
});

test("StopMatcher takes the stop text that ends first, and the longer of two that end together", () => {
  expect(run(["abcd", "bc"], ["abcd"])).toEqual({ text: "a", stopped: true });
  expect(run(["c", "abc"], ["xabc"])).toEqual({ text: "x", stopped: true });
});

test("StopMatcher holds nothing back when there are no stop texts", () => {
  expect(new StopMatcher([]).push("abc")).toEqual({ emit: "abc", stopped: false });
});

test("StopMatcher refuses an empty stop text", () => {
  expect(() => new StopMatcher(["x", ""])).toThrow(RangeError);
});

test("StopMatcher gives the same answer however the text was cut, and never a part of the stop text", () => {
  const letters = fc.string({ unit: fc.constantFrom("a", "b", "c"), maxLength: 40 });
  const stop = fc.string({ unit: fc.constantFrom("a", "b", "c"), minLength: 1, maxLength: 5 });
  fc.assert(
    fc.property(fc.array(stop, { maxLength: 4 }), fc.array(letters, { maxLength: 12 }), (stops, pieces) => {
      expect(run(stops, pieces)).toEqual(reference(stops, pieces.join("")));
    }),
    { seed: 20, numRuns: 2000 },
  );
});
