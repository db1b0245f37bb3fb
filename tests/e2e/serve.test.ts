import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import OpenAI from "openai";
import {
  checkpointDirectory,
  emptyDirectory,
  greedyAnswer,
  type ServedModel,
  serveModel,
  servePictures,
} from "../support/executable.ts";

const answer = greedyAnswer("tiny-mllama", "one_image");
const question = "Describe this image in two sentences. Thank you.";
let server: ServedModel;
const pictures = servePictures();

beforeAll(async () => {
  server = await serveModel(checkpointDirectory("tiny-mllama"), [
    "--allow-private-images",
    "--ctx-size",
    "256",
  ]);
});

afterAll(async () => {
  pictures[Symbol.dispose]();
  expect(await server.stop()).toBe(0);
});

/** The messages of the golden case, the picture by URL. */
function messages(): OpenAI.ChatCompletionMessageParam[] {
  return [{
    role: "user",
    content: [
      { type: "image_url", image_url: { url: `${pictures.url}/s_24x20.png` } },
      { type: "text", text: question },
    ],
  }];
}

describe("llamav serve and the official client", () => {
  const settings = { model: "default", temperature: 0, max_tokens: answer.tokenCount } as const;

  test("create() gives the reference's words and counts the tokens", async () => {
    const client = new OpenAI({ baseURL: `${server.url}/v1`, apiKey: "none" });
    const completion = await client.chat.completions.create({ ...settings, messages: messages() });
    expect(completion.choices[0]!.message.content).toBe(answer.text);
    expect(completion.choices[0]!.finish_reason).toBe("length");
    expect(completion.usage!.completion_tokens).toBe(answer.tokenCount);
  });

  test("create() with stream gives the same words piece by piece", async () => {
    const client = new OpenAI({ baseURL: `${server.url}/v1`, apiKey: "none" });
    const stream = await client.chat.completions.create({ ...settings, messages: messages(), stream: true });
    const pieces: string[] = [];
    for await (const chunk of stream) pieces.push(chunk.choices[0]?.delta.content ?? "");
    expect(pieces.join("")).toBe(answer.text);
    expect(pieces.filter((piece) => piece !== "").length).toBeGreaterThan(4);
  });

  test("models.list() names the model", async () => {
    const client = new OpenAI({ baseURL: `${server.url}/v1`, apiKey: "none" });
    const models = await client.models.list();
    expect(models.data.map((model) => model.id)).toEqual(["tiny-mllama"]);
  });
});

describe("llamav serve and the command people start with", () => {
  /** The pipeline word for word; only port, model and picture are filled in. */
  function pipeline(extra: string): string {
    const port = new URL(server.url).port;
    return `curl -N http://0.0.0.0:${port}/v1/chat/completions -H "Content-Type: application/json" -d '{"model": "tiny-mllama", "stream": true, ${extra}"messages": [{"role": "user", "content": [{"type": "text", "text": "What is in this image?"}, {"type": "image_url", "image_url": {"url": "${pictures.url}/flower_small.jpg"}}]}]}' | grep -o '"content":"[^"]*"' | sed 's/"content":"//g' | sed 's/"//g' | tr -d '\\n'`;
  }

  async function shell(command: string): Promise<{ code: number; stdout: string }> {
    using scratch = emptyDirectory();
    const child = Bun.spawn(["bash", "-o", "pipefail", "-c", command], {
      cwd: scratch.path,
      stdout: "pipe",
      stderr: "ignore",
    });
    return { stdout: await new Response(child.stdout).text(), code: await child.exited };
  }

  test("prints an answer", async () => {
    pictures.requests.length = 0;
    const { code, stdout } = await shell(pipeline(""));
    expect(code).toBe(0);
    expect(stdout.length).toBeGreaterThan(0);
    expect(pictures.requests).toEqual(["flower_small.jpg"]);
  });

  test("prints the same greedy answer twice, from deltas that the pipeline can cut", async () => {
    const greedy = pipeline('"temperature": 0, "max_tokens": 24, ');
    const [first, second] = [await shell(greedy), await shell(greedy)];
    expect(first.stdout.length).toBeGreaterThan(10);
    expect(second).toEqual(first);
  });
});

test("llamav serve refuses pictures on private addresses unless told otherwise", async () => {
  await using strict = await serveModel(checkpointDirectory("tiny-mllama"), ["--ctx-size", "256"]);
  pictures.requests.length = 0;
  const response = await fetch(`${strict.url}/v1/chat/completions`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ model: "default", messages: messages() }),
  });
  expect(response.status).toBe(400);
  expect(pictures.requests).toEqual([]);
});
