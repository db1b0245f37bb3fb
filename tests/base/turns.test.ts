import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { type Client, Turns } from "../../src/base/turns.ts";

interface Item {
  readonly id: number;
  readonly client: Client;
}

const by = (caller: string, user = ""): Client => ({ caller, user });

function filled(...items: readonly Item[]): Turns<Item> {
  const turns = new Turns<Item>();
  for (const item of items) turns.add(item, item.client);
  return turns;
}

/** Items of one client. */
function items(client: Client, count: number): Item[] {
  return Array.from({ length: count }, (_, id) => ({ id, client }));
}

function drain(turns: Turns<Item>): Item[] {
  const taken: Item[] = [];
  for (let item = turns.takeFirst(); item; item = turns.takeFirst()) taken.push(item);
  return taken;
}

describe("Turns (O13)", () => {
  test("puts an item back before the others of its user, and tells the next one of each caller", () => {
    const turns = filled(...items(by("a"), 2), ...items(by("b"), 2));
    const first = turns.takeFirst()!;
    turns.putBack(first, first.client);
    turns.putBack({ id: 9, client: by("c") }, by("c"));
    const told = (all: Iterable<Item>) => [...all].map(({ client, id }) => `${client.caller} ${id}`);
    expect([told(turns.heads()), turns.size]).toEqual([["b 0", "a 0", "c 9"], 5]);
    expect(told(drain(turns))).toEqual(["b 0", "a 0", "c 9", "b 1", "a 1"]);
  });

  test("serves callers in turn, and each caller's own in the order of their arrival", () => {
    const order = drain(filled(...items(by("many"), 4), ...items(by("few"), 2)));
    expect(order.map(({ client, id }) => `${client.caller} ${id}`)).toEqual([
      "many 0",
      "few 0",
      "many 1",
      "few 1",
      "many 2",
      "many 3",
    ]);
  });

  test("gives a caller with a thousand users one caller's share", () => {
    const crowd = Array.from({ length: 1000 }, (_, i) => ({ id: i, client: by("crowd", `user ${i}`) }));
    const order = drain(filled(...crowd, ...items(by("alone"), 5)));
    const places = order.flatMap(({ client }, place) => client.caller === "alone" ? [place] : []);
    expect(places).toEqual([1, 3, 5, 7, 9]);
  });

  test("serves a caller's users in turn", () => {
    const order = drain(filled(
      ...items(by("office", "greedy"), 3),
      ...items(by("office", "modest"), 1),
      ...items(by("other"), 2),
    ));
    expect(order.map(({ client }) => client.user || client.caller)).toEqual(
      ["greedy", "other", "modest", "other", "greedy", "greedy"],
    );
  });

  test("moves no turn when something is taken out", () => {
    const [a, b, c] = [items(by("a"), 2), items(by("b", "x"), 1), items(by("b", "y"), 1)] as const;
    const turns = filled(...a, ...b, ...c);
    expect([turns.remove(a[0]!, by("a")), turns.remove(a[0]!, by("a"))]).toEqual([true, false]);
    expect([turns.remove(b[0]!, by("b", "x")), turns.remove(b[0]!, by("nobody"))]).toEqual([true, false]);
    expect(drain(turns)).toEqual([a[1]!, c[0]!]);
    expect([turns.size, turns.first(), turns.takeFirst()]).toEqual([0, undefined, undefined]);
  });

  test("keeps a client waiting for no more than one of each caller, times the caller's users", () => {
    const action = fc.record({
      kind: fc.constantFrom("add", "add", "take", "remove"),
      caller: fc.constantFrom("a", "b", "c"),
      user: fc.constantFrom("", "x", "y"),
      pick: fc.nat(50),
    });
    const property = fc.property(fc.array(action, { maxLength: 80 }), (actions) => {
      const turns = new Turns<Item>();
      const waiting: Item[] = [];
      // How many of others were served while a client had something waiting and got nothing.
      const passed = new Map<string, number>();
      for (const [id, { kind, caller, user, pick }] of actions.entries()) {
        if (kind === "add") {
          const item = { id, client: by(caller, user) };
          turns.add(item, item.client);
          waiting.push(item);
        } else if (kind === "remove" && waiting.length > 0) {
          const [item] = waiting.splice(pick % waiting.length, 1);
          expect(turns.remove(item!, item!.client)).toBe(true);
        } else if (kind === "take") {
          const first = turns.first();
          expect(turns.takeFirst()).toBe(first);
          if (first) count(passed, waiting, first);
        }
        expect(turns.size).toBe(waiting.length);
        const { client } = turns.first() ?? {};
        const own = waiting.filter((item) =>
          item.client.caller === client?.caller && item.client.user === client.user
        );
        expect(turns.first()).toBe(own[0]);
      }
    });
    fc.assert(property, { seed: 13, numRuns: 300 });
  });
});

/** Takes the item that was served out of those that wait, and bounds what has passed each of the others by. */
function count(passed: Map<string, number>, waiting: Item[], served: Item): void {
  waiting.splice(waiting.indexOf(served), 1);
  const nameOf = ({ client }: Item) => `${client.caller}/${client.user}`;
  passed.set(nameOf(served), 0);
  for (const name of new Set(waiting.map(nameOf))) {
    if (name === nameOf(served)) continue;
    passed.set(name, (passed.get(name) ?? 0) + 1);
    expect(passed.get(name)).toBeLessThan(9); // three callers with three users each
  }
  for (const name of passed.keys()) if (!waiting.some((item) => nameOf(item) === name)) passed.delete(name);
}
