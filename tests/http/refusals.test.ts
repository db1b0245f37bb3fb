import { expect, test } from "bun:test";
import { DeviceError, InterruptedRequestError, RequestError } from "../../src/base/errors.ts";
import { acceptedHosts } from "../../src/http/guard.ts";
import { chat, expectError, question, testApp } from "./support.ts";

type TestApp = ReturnType<typeof testApp>;

const at = (path: string, init: RequestInit = {}) => new Request(`http://localhost:8000${path}`, init);

/** An app whose model does this with every question. */
const thatFails = (error: Error) => testApp(() => [error]);

/** A body that never comes to its end. */
const endless = () =>
  new Request("http://localhost:8000/v1/chat/completions", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: new ReadableStream({ start: (stream) => stream.enqueue(new TextEncoder().encode("{")) }),
  });

async function drained(): Promise<TestApp> {
  const made = testApp();
  await made.app.drain(0);
  return made;
}

function lost(): TestApp {
  const made = testApp();
  made.runtime.fail(new Error("The device was lost"));
  return made;
}

const busy = (code: string) => thatFails(new RequestError("No room", { code }));
const keys = ["sk-right"];
const hosts = acceptedHosts("127.0.0.1");

/** Status, its `type`, what the case is, the app, and what it is asked. */
const refusals: [number, string, string, () => TestApp | Promise<TestApp>, () => Request][] = [
  [400, "invalid_request_error", "no JSON", () => testApp(), () => chat("{")],
  [400, "invalid_request_error", "no object", () => testApp(), () => chat("null")],
  [400, "invalid_request_error", "a wrong field", () => testApp(), () => chat({ ...question, n: -1 })],
  [
    400,
    "invalid_request_error",
    "a refusal of the model's",
    () => busy("invalid_image"),
    () => chat(question),
  ],
  [
    400,
    "invalid_request_error",
    "a malformed host",
    () => testApp(undefined, { hosts }),
    () => at("/livez", { headers: { host: "a/b" } }),
  ],
  [401, "authentication_error", "no key", () => testApp(undefined, { keys }), () => chat(question)],
  [401, "authentication_error", "no key, nowhere", () => testApp(undefined, { keys }), () => at("/nowhere")],
  [
    403,
    "permission_error",
    "a page of another site",
    () => testApp(undefined, { hosts }),
    () => chat(question, { origin: "https://evil.example" }),
  ],
  [404, "not_found_error", "an unknown model", () => testApp(), () => chat({ ...question, model: "other" })],
  [404, "not_found_error", "an unknown address", () => testApp(), () => at("/nowhere")],
  [405, "invalid_request_error", "a wrong method", () => testApp(), () => at("/livez", { method: "DELETE" })],
  [408, "timeout_error", "a body that is too slow", () => testApp(undefined, { uploadMs: 20 }), endless],
  [
    413,
    "invalid_request_error",
    "a body that is too large",
    () => testApp(),
    () => chat("{}", { "content-length": "33554433" }),
  ],
  [
    415,
    "invalid_request_error",
    "another type",
    () => testApp(),
    () => chat(question, { "content-type": "text/plain" }),
  ],
  [
    421,
    "invalid_request_error",
    "another host",
    () => testApp(undefined, { hosts }),
    () => at("/v1/models", { headers: { host: "evil.example" } }),
  ],
  [429, "rate_limit_error", "a full queue", () => busy("queue_full"), () => chat(question)],
  [429, "rate_limit_error", "a client's share", () => busy("too_many_requests"), () => chat(question)],
  [500, "api_error", "a fault", () => thatFails(new TypeError("a secret")), () => chat(question)],
  [500, "api_error", "a lost device", () => thatFails(new DeviceError("a secret")), () => chat(question)],
  [
    503,
    "api_error",
    "an interruption",
    () => thatFails(new InterruptedRequestError("Interrupted", "device_lost", "Send it again")),
    () => chat(question),
  ],
  [503, "api_error", "a server that stops", drained, () => chat(question)],
  [
    504,
    "timeout_error",
    "an answer that takes too long",
    () => testApp(() => [{ waitMs: 60_000 }], { requestSeconds: 0.02 }),
    () => chat(question),
  ],
];

for (const [status, type, name, make, request] of refusals) {
  test(`${status}: ${name} is told by the API's error (D2)`, async () => {
    const { app } = await make();
    const error = await expectError(await app.fetch(request()), status);
    expect(error.type).toBe(type);
    expect(error.message).not.toContain("secret");
  });
}

/** Probe, status and state of what a probe tells beside the error. */
const badNews: [path: string, status: number, state: string, make: () => TestApp | Promise<TestApp>][] = [
  ["/readyz", 503, "draining", drained],
  ["/health", 503, "draining", drained],
  ["/livez", 500, "failed", lost],
  ["/readyz", 503, "failed", lost],
  ["/health", 503, "failed", lost],
];

for (const [path, status, state, make] of badNews) {
  test(`GET ${path} tells that the server is ${state} twice: as a state, and as the API's error (D2)`, async () => {
    const response = await (await make()).app.fetch(at(path));
    const { status: told, ...body } = await response.json() as { status: string };
    expect(told).toBe(state);
    expect((await expectError(new Response(JSON.stringify(body), response), status)).type).toBe("api_error");
  });
}
