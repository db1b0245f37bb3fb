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

function first(queue: WaitingQueue): Sequence | undefined {
  return queue.preempted[0] ?? [...queue.heads()][0];
}

function takeFirst(queue: WaitingQueue): number | undefined {
  const next = first(queue);
  if (next) queue.take(next);
  return next?.id;
}

function drain(queue: WaitingQueue): number[] {
  const ids: number[] = [];
  for (let id = takeFirst(queue); id !== undefined; id = takeFirst(queue)) ids.push(id);
  return ids;
}

describe("WaitingQueue", () => {
  test("gives nothing when nobody waits", () => {
    const queue = new WaitingQueue();
    expect([first(queue), queue.count, queue.remove(from("a", 1))]).toEqual([undefined, 0, false]);
  });

  test("lets a client that sends one request pass a client that sent many", () => {
    const queue = new WaitingQueue();
    for (const id of [1, 2, 3, 4]) queue.add(from("many", id));
    queue.add(from("one", 5));
    takeFirst(queue);
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

  test("puts those that gave way before the others of their caller, and counts them as no requests", () => {
    const queue = new WaitingQueue();
    queue.add(from("a", 1, 10));
    queue.add(from("b", 2, 10));
    const gone = from("a", 3, 10);
    queue.giveWay(gone);
    queue.giveWay(from("c", 4, 10));
    expect([queue.count, queue.requestCount, queue.tokens]).toEqual([4, 2, 20]);
    expect([queue.remove(gone), queue.remove(gone), queue.tokens]).toEqual([true, false, 20]);
    queue.giveWay(gone);
    expect(drain(queue)).toEqual([3, 2, 4, 1]);
    expect([queue.count, queue.requestCount, queue.tokens]).toEqual([0, 0, 0]);
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
          const one = kind === "remove" ? all[pick % all.length] : first(queue);
          if (kind === "remove" && one) expect(queue.remove(one)).toBe(true);
          if (kind === "takeFirst") takeFirst(queue);
          for (const list of [added, preempted]) {
            if (one && list.includes(one)) list.splice(list.indexOf(one), 1);
          }
        }
        expect([queue.count, queue.requestCount]).toEqual([added.length + preempted.length, added.length]);
        expect(queue.tokens).toBe(added.reduce((sum, { queueTokens }) => sum + queueTokens, 0));
        const next = first(queue);
        if (preempted.length > 0) expect(next).toBe(preempted[0]!);
        else if (next) {
          expect(added.find(({ request }) => request.client?.caller === next.request.client?.caller)).toBe(
            next,
          );
        } else expect(added).toEqual([]);
      }
    });
    fc.assert(property, { seed: 6, numRuns: 200 });
  });
});
