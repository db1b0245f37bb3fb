/** Row C06 of the security notes: there is no page of ours in which a model's answer could do anything. */
import { expect, test } from "bun:test";
import { answer } from "../support/fake_runtime.ts";
import { chat, json, question, testApp } from "./support.ts";

/** What a browser runs or fetches on its own. */
const active =
  `<script>alert(1)</script><img src=x onerror=alert(1)> [a](javascript:alert(1)) ![](http://evil/?q=1)`;

const inert = /^(application\/json|text\/event-stream|text\/plain)\b/;

test("no address of the server answers a browser with a page (C06)", async () => {
  const { app } = testApp();
  const at = (path: string) =>
    app.fetch(new Request(`http://localhost:8000${path}`, { headers: { accept: "text/html,*/*" } }));
  const { paths } = await json(await at("/openapi.json"));
  const known = Object.keys(paths);
  expect(known).toContain("/v1/chat/completions");
  for (const path of ["/", "/index.html", "/chat", "/ui/", `/${encodeURIComponent(active)}`, ...known]) {
    expect((await at(path)).headers.get("content-type")).toMatch(inert);
  }
});

test("an answer that holds markup is a text inside JSON, streamed or not, and so is its refusal (C06)", async () => {
  const { app } = testApp(() => answer(active));
  const whole = await app.fetch(chat(question));
  expect(whole.headers.get("content-type")).toMatch(inert);
  expect((await json(whole)).choices[0].message.content).toBe(active);
  const streamed = await app.fetch(chat({ ...question, stream: true }));
  expect(streamed.headers.get("content-type")).toMatch(inert);
  await streamed.text();
  const refused = await app.fetch(chat({ ...question, model: active }));
  expect([refused.status, refused.headers.get("content-type")]).toEqual([
    404,
    expect.stringMatching(inert),
  ]);
});
