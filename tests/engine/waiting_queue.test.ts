import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import type { Sequence } from "../../src/engine/sequence.ts";
import { WaitingQueue } from "../../src/engine/waiting_queue.ts";
import { blankSequence } from "./sequences.ts";

function from(caller: string, id: number, queueTokens = 1): Sequence {
  const sequence = blankSequence(id, 1, 1, [], { client: { caller, user: "" } });
  sequence.queueTokens = queueTokens;
  return sequence;
}

function drain(queue: WaitingQueue): number[] {
  const ids: number[] = [];
  for (let first = queue.first(); first; first = queue.first()) {
    ids.push(first.id);
    queue.takeFirst();
  }
  return ids;
}

describe("WaitingQueue", () => {
  test("gives nothing when nobody waits", () => {
    const queue = new WaitingQueue();
    queue.takeFirst();
    expect([queue.first(), queue.count, queue.remove(from("a", 1))]).toEqual([undefined, 0, false]);
  });

  test("lets a client that sends one request pass a client that sent many", () => {
    const queue = new WaitingQueue();
    for (const id of [1, 2, 3, 4]) queue.add(from("many", id));
    queue.add(from("one", 5));
    queue.takeFirst();
    queue.add(from("late", 6));
    expect(drain(queue)).toEqual([5, 2, 6, 3, 4]);
  });

  test("puts those that were preempted before all, the last one first", () => {
    const queue = new WaitingQueue();
    queue.add(from("a", 1, 10));
    queue.putBack(from("a", 3, 10));
    queue.putBack(from("b", 2, 10));
    expect([queue.count, queue.requestCount, queue.tokens]).toEqual([3, 1, 10]);
    expect(drain(queue)).toEqual([2, 3, 1]);
    expect([queue.count, queue.tokens]).toEqual([0, 0]);
  });

  test("counts what waits, and forgets what is taken out, whatever happens", () => {
    const action = fc.record({
      kind: fc.constantFrom("add", "putBack", "takeFirst", "remove"),
      client: fc.constantFrom("a", "b", "c"),
      pick: fc.nat(100),
    });
    const property = fc.property(fc.array(action, { maxLength: 60 }), (actions) => {
      const queue = new WaitingQueue();
      const added: Sequence[] = [];
      const preempted: Sequence[] = [];
      for (const [id, { kind, client, pick }] of actions.entries()) {
        const all = [...added, ...preempted];
        if (kind === "add") {
          added.push(from(client, id, pick));
          queue.add(added.at(-1)!);
        } else if (kind === "putBack") {
          preempted.unshift(from(client, id, pick));
          queue.putBack(preempted[0]!);
        } else {
          const one = kind === "remove" ? all[pick % all.length] : queue.first();
          if (kind === "remove" && one) expect(queue.remove(one)).toBe(true);
          if (kind === "takeFirst") queue.takeFirst();
          for (const list of [added, preempted]) {
            if (one && list.includes(one)) list.splice(list.indexOf(one), 1);
          }
        }
        expect([queue.count, queue.requestCount]).toEqual([added.length + preempted.length, added.length]);
        expect(queue.tokens).toBe(added.reduce((sum, { queueTokens }) => sum + queueTokens, 0));
        const first = queue.first();
        if (preempted.length > 0) expect(first).toBe(preempted[0]!);
        else if (first) {
          expect(added.find(({ request }) => request.client?.caller === first.request.client?.caller)).toBe(
            first,
          );
        } else expect(added).toEqual([]);
      }
    });
    fc.assert(property, { seed: 6, numRuns: 200 });
  });
});
