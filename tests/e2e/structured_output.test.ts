/** The compiler of grammars inside the executable: its worker and its code are found there, and nowhere on the disk. */
import { expect, test } from "bun:test";
import { serveModel } from "../support/executable.ts";
import { testLimitMs } from "../support/test_limit.ts";

test("llamav serve holds answers to a schema, and survives a grammar that has no end", async () => {
  await using server = await serveModel();
  const ask = async (fields: object) => {
    const messages = [{ role: "user", content: "What is in the picture?" }];
    const response = await fetch(`${server.url}/v1/chat/completions`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ model: "demo", messages, max_tokens: 100, ...fields }),
    });
    return { status: response.status, body: await response.json() };
  };
  const schema = {
    type: "object",
    properties: { shape: { enum: ["circle", "square"] }, filled: { type: "boolean" } },
    required: ["shape", "filled"],
  };
  const json_schema = { name: "shape", schema };
  const held = await ask({ response_format: { type: "json_schema", json_schema } });
  expect(held.body.choices[0].finish_reason).toBe("stop");
  const { shape, filled } = JSON.parse(held.body.choices[0].message.content);
  expect(["circle", "square"]).toContain(shape);
  expect(filled).toBeBoolean();
  expect((await ask({ grammar: 'root ::= ((("a"{1,999}){1,999}){1,999})' })).status).toBe(400);
  expect((await ask({ choice: ["yes", "no"] })).body.choices[0].message.content).toMatch(/^(yes|no)$/);
}, testLimitMs);
