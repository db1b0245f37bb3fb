import { afterEach, describe, expect, setDefaultTimeout, spyOn, test } from "bun:test";
import { RequestError } from "../../src/base/errors.ts";
import type { Constraint } from "../../src/grammar/constraint.ts";
import { GrammarPool, type PoolLimits } from "../../src/grammar/grammar_pool.ts";
import type { GrammarSession } from "../../src/grammar/grammar_session.ts";
import { MatcherThread } from "../../src/grammar/matcher_thread.ts";
import { testLimitMs } from "../support/test_limit.ts";
import { smallVocabulary, tokensOf } from "./random_answers.ts";

setDefaultTimeout(testLimitMs);

const { endId } = smallVocabulary;
const end = { stopIds: [endId], minTokens: 0 };
const grammar = (text: string): Constraint => ({ type: "grammar", text });
/** Takes longer to compile than anybody waits. */
const endless = grammar('root ::= ((("a"{1,999}){1,999}){1,999})');

let pool: GrammarPool;
afterEach(() => pool.close());

function openPool(limits: Partial<PoolLimits> = {}): GrammarPool {
  pool = new GrammarPool(() => smallVocabulary, limits);
  return pool;
}

function endThreadOf(constraint: Constraint): void {
  const seat = pool.take(JSON.stringify(constraint));
  seat.thread.end("a test");
  pool.leave(seat);
}

function push(session: GrammarSession, text: string, choice = 0): void {
  for (const token of tokensOf(text)) session.push(choice, token);
}

/** The single bytes that may follow, as a text, with `$` where the answer may end. */
async function following(session: GrammarSession, choice = 0): Promise<string> {
  const mask = await session.mask(choice);
  const has = (id: number) => (mask[id >>> 5]! >>> (id & 31) & 1) === 1;
  const bytes = Array.from({ length: 128 }, (_, byte) => byte).filter(has);
  return String.fromCharCode(...bytes) + (has(endId) ? "$" : "");
}

describe("a session", () => {
  test("follows each choice on its own, up to the end", async () => {
    const session = await openPool().open({ type: "choice", choices: ["ab", "ac", "b"] }, end, 2);
    expect(await following(session)).toBe("ab");
    push(session, "a", 0);
    push(session, "b", 1);
    expect(await following(session, 0)).toBe("bc");
    expect(await following(session, 1)).toBe("$");
    push(session, "c", 0);
    expect(await following(session, 0)).toBe("$");
    session.close();
  });

  test("allows no end before the least number of tokens, unless there is nothing else", async () => {
    const session = await openPool().open(grammar('root ::= "a"{0,3}'), { ...end, minTokens: 2 }, 1);
    expect(await following(session)).toBe("a");
    push(session, "a");
    expect(await following(session)).toBe("a");
    push(session, "a");
    expect(await following(session)).toBe("a$");
    const short = await pool.open({ type: "choice", choices: ["a"] }, { ...end, minTokens: 9 }, 1);
    push(short, "a");
    expect(await following(short)).toBe("$");
  });

  test("takes a token of the text for an end only where the grammar may end", async () => {
    const [a] = tokensOf("a");
    const session = await openPool().open(
      grammar("root ::= [ab]{2}"),
      { stopIds: [a!, endId], minTokens: 0 },
      1,
    );
    expect(await following(session)).toBe("b");
    push(session, "bb");
    expect(await following(session)).toBe("a$");
  });

  test("says what may follow again, as often as it is asked", async () => {
    const session = await openPool().open({ type: "regex", pattern: "x\\d" }, end, 1);
    push(session, "x");
    expect(await following(session)).toBe("0123456789");
    expect(await following(session)).toBe("0123456789");
  });

  test("goes on with what it has where its thread has ended", async () => {
    const session = await openPool().open({ type: "regex", pattern: "x(ab|cd)y" }, end, 2);
    push(session, "xa");
    push(session, "x", 1);
    expect(await following(session)).toBe("b");
    endThreadOf({ type: "regex", pattern: "x(ab|cd)y" });
    expect(await Promise.all([following(session), following(session, 1)])).toEqual(["b", "ac"]);
    push(session, "b");
    expect(await following(session)).toBe("y");
  });

  test("has one place on the next thread, however many of its choices move there", async () => {
    openPool({ matching: 1, trying: 1 });
    const session = await pool.open({ type: "choice", choices: ["ab"] }, end, 2);
    expect(await following(session)).toBe("a");
    endThreadOf({ type: "choice", choices: ["ab"] });
    expect(await Promise.all([following(session), following(session, 1)])).toEqual(["a", "a"]);
    const seat = pool.take(JSON.stringify({ type: "choice", choices: ["ab"] }));
    expect(seat.users).toBe(2);
    session.close();
    session.close();
    expect(seat.users).toBe(1);
  });

  test("has time to compile again where the thread of the trial has ended", async () => {
    openPool({ deadlineMs: 5000 });
    const constraint: Constraint = { type: "choice", choices: ["ab"] };
    const session = await pool.open(constraint, end, 1);
    endThreadOf(constraint);
    const call = spyOn(MatcherThread.prototype, "call");
    expect(await following(session)).toBe("a");
    const deadlines = call.mock.calls.map(([{ type }, deadlineMs]) => [type, deadlineMs]);
    call.mockRestore();
    expect(deadlines).toEqual([["vocabulary", 30_000], ["open", 15_000], ["mask", 5000]]);
  });

  test("catches up after a move with a few tokens a call", async () => {
    const constraint = grammar('root ::= "ab"*');
    const session = await openPool().open(constraint, end, 1);
    expect(await following(session)).toBe("a$");
    push(session, "ab".repeat(4500) + "a");
    endThreadOf(constraint);
    const call = spyOn(MatcherThread.prototype, "call");
    expect(await following(session)).toBe("b");
    push(session, "b");
    expect(await following(session)).toBe("a$");
    const tokens = call.mock.calls.flatMap(([message]) =>
      "tokens" in message ? [[message.type, message.tokens.length]] : []
    );
    call.mockRestore();
    expect(tokens).toEqual([["follow", 4096], ["follow", 4096], ["mask", 809], ["mask", 1]]);
  });

  test("that is closed while it is asked holds nothing, and fails", async () => {
    const session = await openPool().open({ type: "choice", choices: ["ab"] }, end, 1);
    const asked = session.mask(0);
    const seat = pool.take(JSON.stringify({ type: "choice", choices: ["ab"] }));
    expect(seat.users).toBe(2);
    session.close();
    expect(seat.users).toBe(1);
    await asked;
    await expect(session.mask(0)).rejects.toThrow("closed");
  });
});

describe("a constraint that does harm", () => {
  test("is refused in time; what runs on other threads does not notice", async () => {
    openPool({ deadlineMs: 3000 });
    const session = await pool.open({ type: "choice", choices: ["ab"] }, end, 1);
    const refused = pool.open(endless, end, 1).catch((error) => error);
    expect(await following(session)).toBe("a");
    expect(await refused).toMatchObject({
      name: "RequestError",
      message: "The constraint must be compiled within 3 s, and it was not",
    });
    push(session, "a");
    expect(await following(session)).toBe("b");
  });

  test("takes no room from those that follow", async () => {
    openPool({ deadlineMs: 3000, matching: 1, trying: 1 });
    for (let i = 0; i < 2; i++) await expect(pool.open(endless, end, 1)).rejects.toThrow("within 3 s");
    const session = await pool.open({ type: "choice", choices: ["x"] }, end, 1);
    expect(await following(session)).toBe("x");
  });

  test("does not keep others from being answered while it is only read", async () => {
    // Sets of characters cost their share long before anything is compiled.
    const pattern = "[^\\u0000-\\uffff]|[\\s\\S]|".repeat(36) + "a";
    const properties = Object.fromEntries(
      Array.from({ length: 60 }, (_, i) => [`p${i}`, { type: "string", pattern: pattern + i }]),
    );
    openPool({ deadlineMs: 3000 });
    const opened = pool.open({ type: "json_schema", schema: { type: "object", properties } }, end, 1)
      .then((session) => session.close(), (error) => error);
    let turns = 0;
    const timer = setInterval(() => turns++, 1);
    await opened;
    clearInterval(timer);
    expect(turns).toBeGreaterThan(5);
  });

  test("that is wrong in itself is refused, and its thread goes on", async () => {
    openPool({ matching: 1, trying: 1 });
    for (let i = 0; i < 3; i++) {
      await expect(pool.open({ type: "regex", pattern: "(" }, end, 1)).rejects.toMatchObject({
        name: "RequestError",
        details: { code: "invalid_grammar" },
      });
    }
    expect(await following(await pool.open({ type: "choice", choices: ["x"] }, end, 1))).toBe("x");
  });

  test.each([
    ['root ::= "a', /EBNF/i],
    ["root ::= foo", /Rule "foo" is not defined/],
    ["root ::= root", /matches no text/],
    ['other ::= "a"', /rule.*root|root.*rule/i],
    ["", /./],
  ])("is refused with the reason: %p", async (text, says) => {
    const error = await openPool().open(grammar(text), end, 1).catch((error) => error);
    expect(error.details.code).toBe("invalid_grammar");
    expect(error.message).toMatch(says);
    expect(error.message).not.toContain(".cc");
    expect(await following(await pool.open({ type: "choice", choices: ["x"] }, end, 1))).toBe("x");
  });
});

describe("threads", () => {
  const choice = (text: string): Constraint => ({ type: "choice", choices: [text] });

  test("one grammar is compiled once for all that use it at the same time", async () => {
    openPool({ matching: 1, trying: 1 });
    const sessions = await Promise.all([1, 2, 3].map(() => pool.open(choice("q"), end, 1)));
    expect(await Promise.all(sessions.map((session) => following(session)))).toEqual(["q", "q", "q"]);
  });

  test("more grammars than threads share them: none waits for an answer that is held to another", async () => {
    openPool({ matching: 2, trying: 1 });
    // More than a thread keeps compiled, too.
    const names = Array.from({ length: 20 }, (_, i) => String.fromCharCode(97 + i));
    const sessions: GrammarSession[] = [];
    for (const name of names) sessions.push(await pool.open(choice(`${name}!`), end, 1));
    const first = await Promise.all(sessions.map((session) => following(session)));
    expect(first).toEqual(names);
    sessions.forEach((session, i) => push(session, names[i]!));
    expect(await Promise.all(sessions.map((session) => following(session)))).toEqual(names.map(() => "!"));
    const seats = new Set(names.map((name) => pool.take(JSON.stringify(choice(`${name}!`)))));
    expect(seats.size).toBe(2);
  });

  test("one that ends takes no answer of another grammar with it", async () => {
    openPool({ matching: 1, trying: 1 });
    const sessions = [await pool.open(choice("ab"), end, 1), await pool.open(choice("cd"), end, 1)];
    for (const [i, text] of ["a", "c"].entries()) push(sessions[i]!, text);
    expect(await Promise.all(sessions.map((session) => following(session)))).toEqual(["b", "d"]);
    endThreadOf(choice("ab"));
    expect(await Promise.all(sessions.map((session) => following(session)))).toEqual(["b", "d"]);
  });

  test("a request that only waits holds none", async () => {
    openPool({ matching: 1, trying: 1 });
    const sessions = await Promise.all(["a", "b", "c"].map((name) => pool.open(choice(name), end, 1)));
    const seat = pool.take(JSON.stringify(choice("a")));
    expect(seat.users).toBe(1);
    for (const session of sessions) session.close();
    expect(seat.users).toBe(1);
  });

  test("new grammars are tried in turn, and too many are refused", async () => {
    openPool({ deadlineMs: 3000, matching: 1, trying: 1, waiting: 1 });
    const opened: string[] = [];
    const open = (name: string, constraint: Constraint) =>
      pool.open(constraint, end, 1).then(() => opened.push(name), (error) => opened.push(error.details.code));
    const first = open("first", endless);
    const second = open("b", choice("b"));
    const same = open("b, too", choice("b"));
    await open("c", choice("c"));
    expect(opened).toEqual(["queue_full"]);
    await Promise.all([first, second, same]);
    expect(opened).toEqual(["queue_full", "invalid_grammar", "b", "b, too"]);
  });

  test("who leaves while waiting for a turn makes room for another, and takes nobody along", async () => {
    openPool({ deadlineMs: 3000, matching: 1, trying: 1, waiting: 1 });
    const slow = pool.open(endless, end, 1).catch((error) => error);
    const controller = new AbortController();
    const left = pool.open(choice("b"), end, 1, { signal: controller.signal });
    controller.abort(new Error("The client has gone"));
    await expect(left).rejects.toThrow("The client has gone");
    const leaving = new AbortController();
    const together = [
      pool.open(choice("c"), end, 1, { signal: leaving.signal }),
      pool.open(choice("c"), end, 1),
    ];
    leaving.abort(new Error("gone, too"));
    await expect(together[0]!).rejects.toThrow("gone, too");
    expect(await following(await together[1]!)).toBe("c");
    expect((await slow).details.code).toBe("invalid_grammar");
  });

  test("none is there after the end of the pool, and that is nobody's fault", async () => {
    openPool({ deadlineMs: 30_000, matching: 1, trying: 1 });
    const session = await pool.open(choice("a"), end, 1);
    const constraints = [endless, choice("b"), choice("c")];
    const errors = constraints.map((constraint) => pool.open(constraint, end, 1).catch((error) => error));
    await new Promise((resolve) => setImmediate(resolve)); // on a thread that has started: it is being compiled
    const asked = session.mask(0).catch((error) => error);
    pool.close();
    for (const error of [await asked, ...await Promise.all(errors)]) {
      expect(error).not.toBeInstanceOf(RequestError);
      expect(error.message).toBe("The model was closed");
    }
    expect(() => pool.take("{}")).toThrow("The model was closed");
    await expect(pool.open(choice("d"), end, 1)).rejects.toThrow("The model was closed");
  });

  test("one that does not start is not the fault of who waits for it", async () => {
    pool = new GrammarPool(() => ({ ...smallVocabulary, spellings: undefined as unknown as string }));
    const error = await pool.open(choice("a"), end, 1).catch((error) => error);
    expect(error).toBeInstanceOf(Error);
    expect(error.message).toBe("Threads for grammars end as soon as they are started");
  });

  test("many different grammars, one after the other", async () => {
    openPool({ matching: 1, trying: 1 });
    // More than one thread compiles in its life.
    for (let i = 0; i < 300; i++) {
      const session = await pool.open(choice(`${i % 10}${i}`), end, 1);
      if (i % 10 === 0) expect(await following(session)).toBe("0");
      session.close();
    }
  });
});
