/** Rows G01 to G07 of the security notes: schemas, patterns and tools that want to hang, fill or mislead the server. */
import { describe, expect, setDefaultTimeout, spyOn, test } from "bun:test";
import { GrammarPool } from "../../src/grammar/grammar_pool.ts";
import { MatcherThread } from "../../src/grammar/matcher_thread.ts";
import { until } from "../support/fake_runtime.ts";
import { testLimitMs } from "../support/test_limit.ts";
import { openDemoApp } from "./demo_app.ts";
import { chat, eventsOf, json } from "./support.ts";

setDefaultTimeout(testLimitMs);

const { app, runtime } = await openDemoApp();

const question = { model: "demo", messages: [{ role: "user", content: "Hi" }], max_tokens: 24, seed: 3 };

/** Requests that the engine has answered. */
let answered = 0;

async function ask(body: object) {
  const response = await app.fetch(chat({ ...question, ...body }));
  const { choices, usage, error } = await json(response);
  if (response.status === 200) answered++;
  return { status: response.status, choice: choices?.[0], usage, error };
}

const schema = (schema: unknown) => ({
  response_format: { type: "json_schema", json_schema: { name: "x", schema, strict: true } },
});

/** A 400 that costs no token, or an answer; then the next request is answered. */
async function expectHarmless(body: object, refused: boolean): Promise<void> {
  const { status, error } = await ask(body);
  if (refused) {
    expect([status, error.type]).toEqual([400, "invalid_request_error"]);
    expect(error.message).not.toMatch(/\.cc:|0x[0-9a-f]{6}|\n {4}at /);
  } else {
    expect(status).toBe(200);
  }
  expect((await ask({ max_tokens: 2 })).status).toBe(200);
  // The engine's counters come a little later than its answers; what was refused is not among them.
  await until(() => runtime.stats.requests >= answered);
  expect(runtime.stats.requests).toBe(answered);
}

function nested(depth: number, wrap: (inner: unknown) => unknown): unknown {
  let value: unknown = { type: "null" };
  for (let i = 0; i < depth; i++) value = wrap(value);
  return value;
}

describe("G01 a schema that is odd", () => {
  const refused: Record<string, unknown> = {
    "false, which nothing is valid under": false,
    "of an unknown type": { type: "foo" },
    "with a keyword of another type": { type: "object", properties: [] },
    "with bounds that leave nothing": { type: "integer", minimum: 5, maximum: 3 },
  };
  for (const [name, value] of Object.entries(refused)) {
    test(`is refused: ${name}`, () => expectHarmless(schema(value), true));
  }
  test("is taken, where it is only empty", () => expectHarmless(schema({}), false));
});

describe("G02 a schema that leads nowhere, or too far, is refused:", () => {
  const cases: Record<string, unknown> = {
    "5,000 levels": nested(5000, (items) => ({ type: "array", items })),
    "60 levels": nested(60, (inner) => ({ type: "object", properties: { a: inner } })),
    "a reference to itself": { $ref: "#" },
    "two that refer to each other": {
      $ref: "#/$defs/a",
      $defs: { a: { $ref: "#/$defs/b" }, b: { $ref: "#/$defs/a" } },
    },
  };
  for (const [name, value] of Object.entries(cases)) test(name, () => expectHarmless(schema(value), true));

  test("a reference to a URL, which nobody fetches", async () => {
    const asked: string[] = [];
    using server = Bun.serve({
      hostname: "127.0.0.1",
      port: 0,
      fetch(request) {
        asked.push(request.url);
        return Response.json({ type: "null" });
      },
    });
    await expectHarmless(schema({ $ref: `http://127.0.0.1:${server.port}/x.json` }), true);
    expect(asked).toEqual([]);
  });
});

/** What `work` comes to, and what it made the compiler's threads do: a text that no thread compiled proves little. */
async function compiling<T>(work: () => Promise<T>): Promise<{ result: T; compiled: number; ms: number }> {
  const call = spyOn(MatcherThread.prototype, "call");
  const begin = performance.now();
  try {
    const result = await work();
    const ms = performance.now() - begin;
    return { result, compiled: call.mock.calls.filter(([{ type }]) => type === "compile").length, ms };
  } finally {
    call.mockRestore();
  }
}

/** Four times the deadline of one grammar: a busy machine is slower, and what hangs takes for ever. */
const soonMs = 10_000;

describe("G02 alternatives within alternatives reach the compiler, which is soon done with them:", () => {
  /** Each name twice in the one before: a tree of 2^18 leaves in a body of 2 kB. */
  const doubling = Object.fromEntries(
    Array.from({ length: 18 }, (_, i) => {
      const next = i < 17 ? { $ref: `#/$defs/d${i + 1}` } : { type: "null" };
      return [`d${i}`, {
        anyOf: [{ type: "array", items: next, maxItems: 1 }, { anyOf: [next, { type: "boolean" }] }],
      }];
    }),
  );
  const cases: Record<string, unknown> = {
    "eighteen by reference": { $defs: doubling, $ref: "#/$defs/d0" },
    "nine written out": nested(9, (inner) => ({ anyOf: [inner, { type: "array", items: inner }] })),
    "thirty levels of objects": nested(30, (a) => ({ type: "object", properties: { a } })),
  };
  for (const [name, value] of Object.entries(cases)) {
    test(name, async () => {
      const { result, compiled, ms } = await compiling(() => ask(schema(value)));
      expect([result.status, compiled]).toEqual([200, 1]);
      expect(ms).toBeLessThan(soonMs);
    });
  }
});

test("G02 G03 what the compiler is not done with in 2 s is a 400, and another thread takes the next", async () => {
  expect(new GrammarPool(() => ({ spellings: "", size: 0, endId: 0 })).deadlineMs).toBe(2000);
  const grammar = 'root ::= ((("a"{1,999}){1,999}){1,999})';
  const { result, compiled, ms } = await compiling(() => ask({ grammar, max_tokens: 4 }));
  expect([result.status, compiled]).toEqual([400, 1]);
  expect(result.error).toMatchObject({ code: "invalid_grammar", param: "grammar" });
  expect(result.error.message).toContain("must be compiled within 2 s, and it was not");
  expect([ms > 1900, ms < soonMs]).toEqual([true, true]);
  const next = await ask({ choice: ["yes"], max_tokens: 24 });
  expect([next.status, next.choice.message.content]).toEqual([200, "yes"]);
});

describe("G03 a pattern that hangs others is answered, or refused for what it says:", () => {
  const leap =
    "^(?:(?:1[6-9]|[2-9]\\d)?(?:0[48]|[2468][048]|[13579][26])|(?:16|[2468][048]|[3579][26])00)-02-29$";
  const cases: [pattern: string, refusal: RegExp | undefined][] = [
    ["(a+)+$", undefined],
    ["((a{1,1000}){1,1000})", undefined],
    ["(a|a|aa|a?)*b", undefined],
    [leap, undefined],
    ["a(?=b)", /must not look around, at character 4/],
    ["(a)\\1", /must not have "\\1", at character 6/],
    ["(".repeat(5000), /at most 1024 characters, not 5000/],
  ];
  for (const [pattern, refusal] of cases) {
    test(pattern.slice(0, 40), async () => {
      for (const body of [{ regex: pattern }, schema({ type: "string", pattern })]) {
        const { result, compiled, ms } = await compiling(() => ask({ ...body, max_tokens: 4 }));
        expect([result.status, compiled]).toEqual([refusal ? 400 : 200, 1]);
        if (refusal) expect(result.error.message).toMatch(refusal);
        expect(ms).toBeLessThan(soonMs);
      }
      expect((await ask({ max_tokens: 2 })).status).toBe(200);
    });
  }
});

test("G05 a schema that asks for a million items ends where max_tokens says", async () => {
  const value = { type: "array", items: { type: "integer" }, minItems: 1_000_000, maxItems: 1_000_000 };
  const { status, choice, usage } = await ask({ ...schema(value), max_tokens: 10 });
  expect([status, choice.finish_reason, usage.completion_tokens]).toEqual([200, "length", 10]);
  expect(choice.message.content).toMatch(/^\[/);
});

describe("G06 a grammar without an end, or without a way, ends all the same:", () => {
  const cases: Record<string, RegExp | undefined> = {
    'root ::= "a" root': undefined,
    'root ::= "" root': /matches no text/,
    "root ::= root": /matches no text/,
    'root ::= "a" missing': /Rule "missing" is not defined/,
  };
  for (const [grammar, refusal] of Object.entries(cases)) {
    test(grammar, async () => {
      const { status, choice, usage, error } = await ask({ grammar, max_tokens: 6 });
      if (refusal) expect([status, error.message]).toEqual([400, expect.stringMatching(refusal)]);
      else expect([status, choice.finish_reason, usage.completion_tokens]).toEqual([200, "length", 6]);
      expect((await ask({ max_tokens: 2 })).status).toBe(200);
    });
  }

  test("a dead end behind the first token of a stream is its last event, and the stream is not done", async () => {
    const grammar = 'root ::= "a" rest\nrest ::= rest "b"';
    const response = await app.fetch(chat({ ...question, grammar, stream: true }));
    expect(response.status).toBe(200);
    const text = await response.text();
    const events = eventsOf(text);
    expect(events.at(-1).error).toMatchObject({
      type: "invalid_request_error",
      code: "invalid_mask",
    });
    expect(events.at(-1).error.message).toContain("allows no token after 1 others");
    expect(events.flatMap(({ choices }) => choices?.[0]?.finish_reason ?? [])).toEqual([]);
    expect(text).not.toContain("[DONE]");
    expect((await ask({ max_tokens: 2 })).status).toBe(200);
  });
});

test("G07 tools that are missing, too many or there twice are refused by name", async () => {
  const tool = (name: string) => ({ type: "function", function: { name, parameters: { type: "object" } } });
  const cases: [object, string][] = [
    [{ tools: [tool("a")], tool_choice: { type: "function", function: { name: "b" } } }, "tool_choice"],
    [{ tool_choice: "required" }, "tool_choice"],
    [{ tools: Array.from({ length: 500 }, (_, i) => tool(`f${i}`)) }, "tools"],
    [{ tools: [tool("a"), tool("a")] }, "tools[1].function.name"],
  ];
  for (const [body, param] of cases) {
    const { status, error } = await ask(body);
    expect([status, error.param]).toEqual([400, expect.stringContaining(param)]);
  }
});
