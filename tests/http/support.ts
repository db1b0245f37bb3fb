import { expect } from "bun:test";
import { createLog } from "../../src/base/log.ts";
import { type App, type AppOptions, createApp } from "../../src/http/app.ts";
import type { ModelInfo } from "../../src/runtime/request.ts";
import { answer, FakeRuntime } from "../support/fake_runtime.ts";
import { type ErrorBody, errorOf } from "../support/openai_api.ts";

/** The bytes that the picture loader of these tests brings, whatever is asked for. */
export const pictureBytes = Uint8Array.of(1, 2, 3);

export interface TestApp {
  readonly app: App;
  readonly runtime: FakeRuntime;
  readonly logged: string[];
  readonly loaded: string[];
}

/** An app over a runtime that answers "Hello, world" unless told otherwise. */
export function testApp(
  script: ConstructorParameters<typeof FakeRuntime>[0] = () => answer("Hello", ", ", "world"),
  options: Partial<AppOptions> = {},
  model: Partial<ModelInfo> = {},
): TestApp {
  const runtime = new FakeRuntime(script, model);
  const logged: string[] = [];
  const loaded: string[] = [];
  const app = createApp({
    version: "1.2.3",
    log: createLog((line) => logged.push(line)),
    loadPicture(url) {
      loaded.push(url);
      return Promise.resolve(pictureBytes);
    },
    ...options,
  });
  app.serve(runtime);
  return { app, runtime, logged, loaded };
}

export const question = { model: "tiny", messages: [{ role: "user", content: "Hi" }] };

/** A chat request; strings and bytes are sent as they are, everything else as JSON. */
export function chat(body: unknown, headers: Record<string, string> = {}, init: RequestInit = {}): Request {
  return new Request("http://localhost:8000/v1/chat/completions", {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: typeof body === "string" || body instanceof Uint8Array ? body as BodyInit : JSON.stringify(body),
    ...init,
  });
}

// deno-lint-ignore no-explicit-any -- answers are JSON of many shapes; the assertions check them
export async function json(response: Response): Promise<any> {
  return await response.json();
}

/** The JSON events of a stream, without `[DONE]`; comments are left out. */
// deno-lint-ignore no-explicit-any -- as above
export function eventsOf(text: string): any[] {
  return text.split("\n\n").filter((event) => event.startsWith("data: ") && event !== "data: [DONE]")
    .map((event) => JSON.parse(event.slice("data: ".length)));
}

/** What every refusal must look like: JSON with the API's error of all four keys, and a request id (D2). */
export async function expectError(response: Response, status: number): Promise<ErrorBody["error"]> {
  const body = await json(response);
  expect([response.status, body.error?.message]).toEqual([status, expect.any(String)]);
  expect(response.headers.get("content-type")).toStartWith("application/json");
  expect(response.headers.get("x-request-id")).toBeTruthy();
  return errorOf(body).error;
}
