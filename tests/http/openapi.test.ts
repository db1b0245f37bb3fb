import { expect, test } from "bun:test";
import { answer } from "../support/fake_runtime.ts";
import * as schemas from "../../src/http/response_schemas.ts";
import { chat, eventsOf, json, question, testApp } from "./support.ts";

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
  expect(body.properties.stop.anyOf[0]).toEqual({ type: "string" });
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
