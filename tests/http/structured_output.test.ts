import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { exampleSchemas } from "../grammar/example_schemas.ts";
import { validatorOf } from "../grammar/json_validator.ts";
import { testLimitMs } from "../support/test_limit.ts";
import { openDemoApp } from "./demo_app.ts";
import { chat, eventsOf, json } from "./support.ts";

setDefaultTimeout(testLimitMs);

// Assertions 31 and 32 of the HTTP contract, with the demo model.

const { app } = await openDemoApp();

const question = {
  model: "demo",
  messages: [{ role: "user", content: "What is in the picture?" }],
  temperature: 1,
  seed: 5,
};
const formatOf = (schema: unknown) => ({
  response_format: { type: "json_schema", json_schema: { name: "answer", schema, strict: true } },
});
const ask = (body: object) => app.fetch(chat({ ...question, ...body }));
const tokenize = (prompt: string) =>
  app.fetch(new Request("http://localhost:8000/tokenize", chat({ prompt, add_special_tokens: false })));
const complete = (body: object) =>
  app.fetch(
    new Request("http://localhost:8000/v1/completions", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ ...question, messages: undefined, prompt: "The", ...body }),
    }),
  );
const shape = {
  type: "object",
  properties: { shape: { enum: ["circle", "square"] }, count: { type: "integer", minimum: 1, maximum: 9 } },
  required: ["shape", "count"],
  additionalProperties: false,
};

interface Choice {
  readonly index: number;
  readonly message: { readonly content: string };
  readonly finish_reason: string;
}

const isValid = (schema: unknown, value: unknown) => validatorOf(schema)(value);

describe("response_format", () => {
  const schemas = Object.entries(exampleSchemas).filter(([, schema]) => typeof schema === "object");

  const mustEnd = [
    ...["enum", "enum of several types", "object of the usual", "nested"],
    ...["reference to a definition", "reference to itself", "anyOf", "oneOf told apart by a member"],
    ...["list with bounds", "list of three", "pattern", "pattern of alternatives", "text of a length"],
    ...["date", "time", "date and time", "uuid", "integers around zero"],
  ];

  test("json_schema: answers are valid under each of the examples (D31)", async () => {
    expect(schemas.length).toBeGreaterThanOrEqual(30);
    const answers = await Promise.all(schemas.map(async ([name, schema]) => {
      const response = await ask({ ...formatOf(schema), max_tokens: 100 });
      return { name, schema, status: response.status, body: await json(response) };
    }));
    let complete = 0;
    for (const { name, schema, status, body } of answers) {
      expect({ name, status }).toEqual({ name, status: 200 });
      const { message: { content }, finish_reason: reason } = body.choices[0] as Choice;
      if (reason === "stop") {
        complete++;
        expect({ name, content, valid: isValid(schema, JSON.parse(content)) }).toEqual({
          name,
          content,
          valid: true,
        });
      } else {
        expect({ name, reason, tokens: body.usage.completion_tokens }).toEqual({
          name,
          reason: "length",
          tokens: 100,
        });
      }
    }
    expect(complete).toBeGreaterThan(30);
    // Of each kind that clients write there is one that must come to its end.
    const ended = answers.filter(({ body }) => body.choices[0].finish_reason === "stop").map(({ name }) =>
      name
    );
    expect(ended).toEqual(expect.arrayContaining(mustEnd));
  }, 120_000);

  test("json_schema: each choice is followed on its own, and cut off where it is too long (D26, D31)", async () => {
    const three = await json(await ask({ ...formatOf(shape), n: 3 }));
    const choices = three.choices as Choice[];
    expect(choices.map(({ finish_reason }) => finish_reason)).toEqual(["stop", "stop", "stop"]);
    expect(choices.map(({ message }) => isValid(shape, JSON.parse(message.content)))).toEqual([
      true,
      true,
      true,
    ]);
    const cut = await json(
      await ask({ ...formatOf({ type: "array", minItems: 1_000_000 }), max_tokens: 10 }),
    );
    expect(cut.choices[0].finish_reason).toBe("length");
    expect(cut.choices[0].message.content).toStartWith("[");
    expect(cut.usage.completion_tokens).toBe(10);
  });

  test("json_object: an answer that comes to its end is an object (D31)", async () => {
    // The shortest one is likelier than all else.
    const { tokens } = await json(await tokenize("{ }"));
    const logit_bias = Object.fromEntries(tokens.map((id: number) => [id, 100]));
    const body = { response_format: { type: "json_object" }, logit_bias, max_tokens: 100 };
    const { message, finish_reason } = (await json(await ask(body))).choices[0] as Choice;
    expect([finish_reason, JSON.parse(message.content)]).toEqual(["stop", expect.any(Object)]);
  });

  test("json_object: an answer is the beginning of an object where it is cut off", async () => {
    const body = await json(await ask({ response_format: { type: "json_object" }, max_tokens: 100 }));
    const { message, finish_reason } = body.choices[0] as Choice;
    expect(message.content).toStartWith("{");
    if (finish_reason === "stop") expect(JSON.parse(message.content)).toBeObject();
  });

  test("text: an answer is as it would be", async () => {
    const [with_, without] = await Promise.all([
      ask({ response_format: { type: "text" }, max_tokens: 8 }),
      ask({ max_tokens: 8 }),
    ]);
    expect((await json(with_)).choices).toEqual((await json(without)).choices);
  });

  test("what is streamed is the same text", async () => {
    const body = { ...formatOf(shape), temperature: 0 };
    const whole = await json(await ask(body));
    const events = eventsOf(await (await ask({ ...body, stream: true })).text());
    const text = events.map((event) => event.choices[0]?.delta.content ?? "").join("");
    expect(text).toBe(whole.choices[0].message.content);
    expect(isValid(shape, JSON.parse(text))).toBe(true);
  });
});

describe("grammar, regex and choice", () => {
  const forms: [field: string, value: unknown, pattern: RegExp][] = [
    ["grammar", 'root ::= "yes" | "no, " reason\nreason ::= [a-z]{2,5}', /^(yes|no, [a-z]{2,5})$/],
    ["regex", "[A-Z]{3}-\\d{2}(é|日本)?", /^[A-Z]{3}-\d{2}(é|日本)?$/],
    ["choice", ["red", "dark green", 'dark "blue"'], /^(red|dark green|dark "blue")$/],
  ];

  test.each(forms)("%s: an answer is in its form, on both routes", async (field, value, pattern) => {
    const chatAnswer = await json(await ask({ [field]: value, max_tokens: 40, n: 2 }));
    const completion = await json(await complete({ [field]: value, max_tokens: 40 }));
    const texts = [
      ...(chatAnswer.choices as Choice[]).map(({ message }) => message.content),
      completion.choices[0].text,
    ];
    expect(texts).toHaveLength(3);
    for (const text of texts) expect(text).toMatch(pattern);
    expect(completion.choices[0].finish_reason).toBe("stop");
  });

  test("an answer ends where it can only end, whatever min_tokens and stop_token_ids say", async () => {
    const body = await json(
      await ask({ choice: ["a", "b"], min_tokens: 20, max_tokens: 40, stop_token_ids: [7] }),
    );
    expect(body.choices[0].message.content).toMatch(/^[ab]$/);
    expect(body.choices[0].finish_reason).toBe("stop");
  });

  test("min_tokens makes an answer longer where it may go on", async () => {
    const body = await json(await ask({ regex: "a*", min_tokens: 12, max_tokens: 12 }));
    expect(body.choices[0].finish_reason).toBe("length");
    expect(body.usage.completion_tokens).toBe(12);
  });
});

describe("a constraint that cannot be kept to (D32)", () => {
  const deep = (levels: number) => {
    let schema: unknown = { type: "null" };
    for (let i = 0; i < levels; i++) schema = { type: "array", items: schema };
    return schema;
  };
  const bad: [what: string, body: object, param: string, says: RegExp][] = [
    ["an unknown type", formatOf({ type: "foo" }), "response_format", /#\/type.*must be array/],
    [
      "a keyword of the wrong type",
      formatOf({ type: "object", properties: [] }),
      "response_format",
      /#\/properties.*object/,
    ],
    [
      "what nothing is valid under",
      formatOf({ type: "integer", minimum: 5, maximum: 3 }),
      "response_format",
      /No number/,
    ],
    ["not", formatOf({ not: { type: "null" } }), "response_format", /must not have \"not\"/],
    ["a reference to itself", formatOf({ $ref: "#" }), "response_format", /refers to itself/],
    [
      "a reference to a URL",
      formatOf({ $ref: "http://localhost:1/x.json" }),
      "response_format",
      /may refer to itself only/,
    ],
    ["a reference to nothing", formatOf({ $ref: "#/$defs/x" }), "response_format", /is not there/],
    ["many levels", formatOf(deep(40)), "response_format", /at most 32 levels|levels deep/],
    ["looking around", { regex: "a(?=b)" }, "regex", /must not look around/],
    ["a reference back", { regex: "(a)\\1" }, "regex", /must not have/],
    ["a rule that is missing", { grammar: "root ::= foo" }, "grammar", /Rule \\?"foo\\?" is not defined/],
    ["no first rule", { grammar: 'start ::= "a"' }, "grammar", /root/],
    ["a rule that is only itself", { grammar: "root ::= root" }, "grammar", /matches no text/],
    [
      "a rule that matches for ever",
      { grammar: 'root ::= ((("a"{1,999}){1,999}){1,999})' },
      "grammar",
      /within 2 s/,
    ],
    ["no choice", { choice: [] }, "choice", /at least 1/],
    ["two constraints", { regex: "a", choice: ["b"] }, "choice", /must be left out beside \"regex\"/],
    ["no end", { regex: "a", ignore_eos: true }, "ignore_eos", /must be false/],
  ];

  test.each(bad)("%s is refused, and the next request is answered", async (_, body, param, says) => {
    const response = await ask({ ...body, max_tokens: 8 });
    expect(response.status).toBe(400);
    const { error } = await json(response);
    expect(error).toMatchObject({ param, type: "invalid_request_error" });
    expect(error.message).toMatch(says);
    expect(error.message).not.toMatch(/\.cc|\/Users/);
    const next = await json(await ask({ choice: ["yes", "no"] }));
    expect(next.choices[0].message.content).toMatch(/^(yes|no)$/);
  });

  test("what comes to a dead end ends there (G06)", async () => {
    const response = await ask({ grammar: 'root ::= "a" rest\nrest ::= rest "b"', max_tokens: 8 });
    expect(response.status).toBe(400);
    expect((await json(response)).error.message).toContain("allows no token after 1 others");
  });

  test("those that run meanwhile are answered", async () => {
    const hostile = { grammar: 'root ::= ((("b"{1,999}){1,999}){1,999})', max_tokens: 8 };
    const [refused, held, free] = await Promise.all([
      ask(hostile),
      ask({ ...formatOf(shape), max_tokens: 100 }),
      ask({ max_tokens: 8 }),
    ]);
    expect([refused.status, held.status, free.status]).toEqual([400, 200, 200]);
  });
});
