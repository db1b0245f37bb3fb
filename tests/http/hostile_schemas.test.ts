/** Rows G01 to G07 of the security notes: schemas, patterns and tools that want to hang, fill or mislead the server. */
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import process from "node:process";
import { until } from "../support/fake_runtime.ts";
import { testLimitMs } from "../support/test_limit.ts";
import { openDemoApp } from "./demo_app.ts";
import { chat, json } from "./support.ts";

setDefaultTimeout(testLimitMs);

const { app, runtime } = await openDemoApp();

const question = { model: "demo", messages: [{ role: "user", content: "Hi" }], max_tokens: 24, seed: 3 };

/** Requests that the engine has answered. */
let answered = 0;

async function ask(body: object) {
  const response = await app.fetch(chat({ ...question, ...body }));
  const { choices, error } = await json(response);
  if (response.status === 200) answered++;
  return { status: response.status, choice: choices?.[0], error };
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

test("G02 eighteen levels of alternatives are refused, or answered", async () => {
  const value = nested(18, (inner) => ({ anyOf: [inner, { type: "array", items: inner }] }));
  const { status } = await ask(schema(value));
  expect([200, 400]).toContain(status);
  expect((await ask({ max_tokens: 2 })).status).toBe(200);
});

describe("G03 a pattern that hangs others is refused, or answered:", () => {
  const leap =
    "^(?:(?:1[6-9]|[2-9]\\d)?(?:0[48]|[2468][048]|[13579][26])|(?:16|[2468][048]|[3579][26])00)-02-29$";
  for (const pattern of ["(a+)+$", "((a{1,1000}){1,1000})", "a(?=b)", "(a)\\1", leap, "(".repeat(5000)]) {
    test(pattern.slice(0, 40), async () => {
      for (const body of [{ regex: pattern }, schema({ type: "string", pattern })]) {
        expect([200, 400]).toContain((await ask({ ...body, max_tokens: 4 })).status);
      }
      expect((await ask({ max_tokens: 2 })).status).toBe(200);
    });
  }
});

test("G04 schemas that nobody has seen before leave nothing that grows", async () => {
  const unique = (from: number, count: number) =>
    Promise.all(Array.from({ length: count }, async (_, i) => {
      const { status } = await ask({ ...schema({ enum: [`value ${from + i}`] }), max_tokens: 2 });
      expect(status).toBe(200);
    }));
  for (let from = 0; from < 24; from += 6) await unique(from, 6);
  Bun.gc(true);
  const settledBytes = process.memoryUsage.rss();
  for (let from = 24; from < 48; from += 6) await unique(from, 6);
  Bun.gc(true);
  expect(process.memoryUsage.rss() - settledBytes).toBeLessThan(64 * 2 ** 20);
});

test("G05 a schema that asks for a million items ends where max_tokens says", async () => {
  const value = { type: "array", items: { type: "integer" }, minItems: 1_000_000, maxItems: 1_000_000 };
  const { status, choice } = await ask({ ...schema(value), max_tokens: 10 });
  // It may be refused for its size; it may not run on.
  if (status === 200) expect(choice.finish_reason).toBe("length");
  else expect(status).toBe(400);
});

test("G06 a grammar without an end, or without a way, ends all the same", async () => {
  for (const grammar of ['root ::= "a" root', 'root ::= "" root', "root ::= root", 'root ::= "a" missing']) {
    const { status, choice } = await ask({ grammar, max_tokens: 6 });
    if (status === 200) expect(choice.finish_reason).toBe("length");
    else expect(status).toBe(400);
  }
  expect((await ask({ max_tokens: 2 })).status).toBe(200);
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
