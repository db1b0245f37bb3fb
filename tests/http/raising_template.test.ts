import { afterAll, expect, test } from "bun:test";
import { readdirSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { createLog } from "../../src/base/log.ts";
import { type App, createApp } from "../../src/http/app.ts";
import { buildPrompt, type Frontend, openFrontend } from "../../src/runtime/prompt.ts";
import type { GenerateEvent, GenerateRequest } from "../../src/runtime/request.ts";
import { ModelTexts } from "../../src/runtime/texts.ts";
import { answer, FakeRuntime } from "../support/fake_runtime.ts";
import { goldensRoot } from "../support/goldens.ts";
import { TemporaryFolder } from "../support/temporary_folder.ts";
import { chat, json } from "./support.ts";

const folder = new TemporaryFolder();
const frontends: Frontend[] = [];
afterAll(() => {
  for (const { pictures } of frontends) pictures.close();
  folder[Symbol.dispose]();
});

/** Lays conversations out as a checkpoint's own template has it, and answers by a script. */
class TemplatedRuntime extends FakeRuntime {
  override readonly texts: ModelTexts;

  constructor(private readonly frontend: Frontend) {
    super(() => answer("Hello"));
    this.texts = new ModelTexts(frontend);
  }

  override async *generate(request: GenerateRequest, signal?: AbortSignal): AsyncGenerator<GenerateEvent> {
    await buildPrompt(this.frontend, request, this.model.contextLength, signal);
    yield* super.generate(request, signal);
  }
}

/** A checkpoint like the smallest one, but for its template. */
function withTemplate(name: string, template: string): { app: App; logged: string[] } {
  const original = join(goldensRoot, "checkpoints/tiny-mllama");
  folder.write(`${name}/chat_template.jinja`, template);
  for (const file of readdirSync(original)) {
    if (file !== "chat_template.json") symlinkSync(join(original, file), join(folder.path, name, file));
  }
  const frontend = openFrontend(join(folder.path, name));
  frontends.push(frontend);
  const logged: string[] = [];
  const app = createApp({
    version: "1.2.3",
    log: createLog((line) => logged.push(line)),
    loadPicture: () => Promise.reject(new Error("None")),
  });
  app.serve(new TemplatedRuntime(frontend));
  return { app, logged };
}

const question = { model: "tiny", messages: [{ role: "user", content: "Hi" }] };
const withSystem = { ...question, messages: [{ role: "system", content: "Be brief" }, ...question.messages] };
const raising = "{% if messages[0].role == 'system' %}" +
  "{{ raise_exception('Prompting with images is incompatible with system messages.') }}" +
  "{% endif %}{{ bos_token }}{% for m in messages %}{{ m.content }}{% endfor %}";

test("a conversation that the checkpoint's own template raises for is a 400 with the template's words (T10)", async () => {
  const { app } = withTemplate("raising", raising);
  for (const stream of [false, true]) {
    const response = await app.fetch(chat({ ...withSystem, stream }));
    expect([response.status, (await json(response)).error]).toEqual([400, {
      message: "The model's chat template refuses the conversation: " +
        "Prompting with images is incompatible with system messages.",
      type: "invalid_request_error",
      param: "messages",
      code: "template_refused",
    }]);
    expect((await app.fetch(chat({ ...question, stream }))).status).toBe(200);
  }
});

test("what a template raises is not the server's error, and no line of the log is made of it (T10)", async () => {
  const { app, logged } = withTemplate(
    "shouting",
    "{{ raise_exception('a\\nb \\x1b[2J' ~ messages[0].content) }}",
  );
  const response = await app.fetch(chat(question));
  const { error } = await json(response);
  expect([response.status, error.code]).toEqual([400, "template_refused"]);
  expect(logged).toHaveLength(1);
  // deno-lint-ignore no-control-regex -- the terminal would obey these
  expect(logged[0]!.slice(0, -1)).not.toMatch(/[\x00-\x1f]/);
});

test("a template that uses what it does not have is a 400 that says whose mistake it is (T10)", async () => {
  const { app } = withTemplate("broken", "{{ messages[0].content.missing.more() }}");
  const response = await app.fetch(chat(question));
  const { error } = await json(response);
  expect([response.status, error.code]).toEqual([400, "template_failed"]);
  expect(error.message).toStartWith("The model's chat template cannot lay out the conversation: ");
  expect(error.message).not.toMatch(/\n {4}at |\.ts\b/);
});

test("the longest conversation that is taken is laid out within a rendering's steps (T07)", () => {
  const frontend = openFrontend(join(goldensRoot, "checkpoints/tiny-mllama"));
  frontends.push(frontend);
  const messages = Array.from({ length: 4096 }, (_, i) => ({
    role: i % 2 ? "assistant" as const : "user" as const,
    content: [{ type: "text" as const, text: `Message ${i}` }],
  }));
  const tools = Array.from({ length: 128 }, (_, i) => ({
    type: "function",
    function: {
      name: `tool_${i}`,
      description: "Looks something up",
      parameters: { type: "object", properties: { what: { type: "string" }, where: { type: "string" } } },
    },
  }));
  expect(new ModelTexts(frontend).applyTemplate({ messages, tools })).toContain("Message 4095");
});
