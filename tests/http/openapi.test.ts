import { Ajv2020 } from "ajv/dist/2020.js";
import { expect, setDefaultTimeout, test } from "bun:test";
import { answer } from "../support/fake_runtime.ts";
import * as schemas from "../../src/http/response_schemas.ts";
import { testLimitMs } from "../support/test_limit.ts";
import { chat, eventsOf, json, question, testApp } from "./support.ts";

setDefaultTimeout(testLimitMs);

const get = (path: string, method = "GET") => new Request(`http://localhost:8000${path}`, { method });

// deno-lint-ignore no-explicit-any -- a document of many shapes; the assertions check it
async function document(): Promise<any> {
  return await json(await testApp().app.fetch(get("/openapi.json")));
}

test("GET /openapi.json describes exactly the routes that a 404 lists", async () => {
  const { app } = testApp();
  const { paths, info, openapi } = await document();
  expect([openapi, info.version]).toEqual(["3.1.0", "1.2.3"]);
  const described = Object.entries(paths as Record<string, object>)
    .flatMap(([path, methods]) => Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`));
  const { message } = (await json(await app.fetch(get("/nowhere")))).error;
  const listed = /there is ((GET|POST) .*)$/.exec(message)![1]!.split(", ");
  expect(described.toSorted()).toEqual(listed.toSorted());
});

test("GET /openapi.json has the limits of requests, and the short forms that clients send", async () => {
  const { paths } = await document();
  const body = paths["/v1/chat/completions"].post.requestBody.content["application/json"].schema;
  expect(body.required).toEqual(["model", "messages"]);
  expect(body.properties.temperature.anyOf).toContainEqual({ type: "number", minimum: 0, maximum: 2 });
  expect(body.properties.messages.maxItems).toBe(4096);
  const [, user] = body.properties.messages.items.oneOf;
  expect(user.properties.content.anyOf).toEqual([
    { type: "string" },
    expect.objectContaining({ type: "array" }),
  ]);
  expect(body.properties.stop.anyOf[0].anyOf[0]).toEqual({ type: "string" });
  expect(body.properties.top_k.anyOf).toEqual([{ type: "integer", minimum: 0, maximum: 1_000_000 }, {
    type: "null",
  }]);
});

test("GET /openapi.json says which routes need no key", async () => {
  const { paths } = await document();
  const open = Object.keys(paths).filter((path) => paths[path].get?.security?.length === 1);
  expect(open.toSorted()).toEqual(["/health", "/livez", "/readyz"]);
});

test("every answer, chunk and error is of the published form (D1, D2)", async () => {
  for (const options of [{}, { strictOpenai: true }]) {
    const { app } = testApp(() => answer("Hello", "!"), options);
    schemas.completionResponse.parse(await json(await app.fetch(chat(question))));
    const streamed = { ...question, stream: true, stream_options: { include_usage: true } };
    const events = eventsOf(await (await app.fetch(chat(streamed))).text());
    expect(events.length).toBeGreaterThan(3);
    for (const event of events) schemas.chunkResponse.parse(event);
    schemas.modelListResponse.parse(await json(await app.fetch(get("/v1/models"))));
    schemas.modelResponse.parse(await json(await app.fetch(get("/models/tiny"))));
    schemas.versionResponse.parse(await json(await app.fetch(get("/version"))));
    for (const probe of ["/livez", "/readyz", "/health"]) {
      schemas.stateResponse.parse(await json(await app.fetch(get(probe))));
    }
    const refusals = [
      chat("[]"),
      chat({ ...question, temperature: 3 }),
      chat({ ...question, model: "other" }),
      get("/nowhere"),
      get("/health", "DELETE"),
    ];
    for (const request of refusals) schemas.errorResponse.parse(await json(await app.fetch(request)));
  }
});

/** A request of each route that takes a body; of the others the address is all there is. */
const examples: Record<string, object> = {
  "/v1/chat/completions": question,
  "/v1/completions": { model: "tiny", prompt: ["Hi", "Ho"] },
  "/v1/responses": { model: "tiny", input: "Hi" },
  "/tokenize": { prompt: "Hi" },
  "/detokenize": { tokens: [72] },
  "/apply-template": { messages: question.messages },
};

test("what every route takes and answers is valid under the document that describes it", async () => {
  const { app } = testApp();
  const { paths } = await document();
  const ajv = new Ajv2020({ strict: false });
  const check = (schema: object, value: unknown, what: string) =>
    expect([what, ajv.validate(schema, value), ajv.errorsText()]).toEqual([what, true, "No errors"]);
  for (const [path, methods] of Object.entries<Record<string, object>>(paths)) {
    // deno-lint-ignore no-explicit-any -- as above
    const [[method, described]] = Object.entries<any>(methods) as [[string, any]];
    // Without /v1 it is the same route, and answers as well.
    const full = `/v1${path}` in paths ? `/v1${path}` : path;
    expect(methods).toEqual(paths[full]);
    const body = examples[full];
    expect([path, body !== undefined]).toEqual([path, described.requestBody !== undefined]);
    const { "application/json": whole, "text/event-stream": events } = described.responses[200].content;
    const ask = async (fields: object) => {
      const request = chat({ ...body, ...fields }, {}, {
        method: method.toUpperCase(),
        ...body ? {} : { body: null },
      });
      const response = await app.fetch(
        new Request(`http://localhost:8000${path.replace("{id}", "tiny")}`, request),
      );
      expect([path, response.status]).toEqual([path, 200]);
      return response;
    };
    if (body) check(described.requestBody.content["application/json"].schema, body, path);
    if (whole) check(whole.schema, await json(await ask({})), path);
    if (!events) continue;
    const told = (await (await ask({ stream: true })).text()).matchAll(/^data: (\{.*)$/gm).toArray();
    expect([path, told.length > 2]).toEqual([path, true]);
    for (const [, event] of told) check(events.schema, JSON.parse(event!), path);
  }
});
