/** What the clients of a soak do: each action is one request, and says how it ended. */
import { readFileSync } from "node:fs";
import { connect } from "node:net";
import { once } from "node:events";
import { noisePicture } from "../../src/cli/load/noise_picture.ts";
import { between } from "../engine/numbers.ts";

/** A client's surroundings. */
export interface Client {
  readonly url: string;
  /** Seeded numbers in [0, 1). */
  readonly next: () => number;
}

export interface Action {
  readonly name: string;
  /** How often it is chosen beside the others. */
  readonly weight: number;
  /** Every way in which it may end. */
  readonly expected: RegExp;
  /** Does it once, and says how it ended in a few words that repeat. */
  readonly run: (client: Client) => Promise<string>;
}

const pictures = ["scene.png", "first.png", "second.png", "number.jpg"].map((name) => ({
  type: name.endsWith("png") ? "png" : "jpeg",
  bytes: readFileSync(`${import.meta.dir}/../../examples/${name}`),
}));

/** How an answer ends. The queue has an end, and who meets it is refused before anything else is looked at. */
const answered = /^(200 (stop|length|tool_calls)|429)$/;

export const actions: readonly Action[] = [
  { name: "chat", weight: 6, expected: answered, run: (client) => whole(client, chat(client)) },
  {
    name: "chat, streamed",
    weight: 8,
    expected: answered,
    run: (client) => streamed(client, chat(client)),
  },
  {
    name: "chat about a known picture",
    weight: 4,
    expected: answered,
    run: (client) => streamed(client, chat(client, knownUrl(client))),
  },
  {
    name: "chat about a new picture",
    weight: 2,
    expected: answered,
    run: (client) => whole(client, chat(client, newUrl(client))),
  },
  {
    name: "several choices with log probabilities",
    weight: 2,
    expected: answered,
    run: (client) =>
      whole(client, { ...chat(client), n: 3, logprobs: true, top_logprobs: 3, temperature: 1 }),
  },
  {
    name: "structured answer",
    weight: 2,
    expected: answered,
    run: (client) => streamed(client, { ...chat(client), temperature: 1, response_format: aboutShapes }),
  },
  {
    name: "tool call",
    weight: 2,
    expected: answered,
    run: (client) => whole(client, { ...chat(client), tools: [lookUp], tool_choice: "required" }),
  },
  {
    name: "completion",
    weight: 2,
    expected: answered,
    run: (client) => whole(client, { model: "default", prompt: text(client), max_tokens: 12 }, "completions"),
  },
  {
    name: "stream that is left",
    weight: 6,
    expected: /^(left|200|429)$/,
    run: (client) =>
      leave(client, { ...chat(client), max_tokens: 512, ignore_eos: true, stream: true }, true),
  },
  {
    name: "answer that is not waited for",
    weight: 4,
    expected: /^(left|200|429)$/,
    run: (client) => leave(client, { ...chat(client), max_tokens: 512, ignore_eos: true }, false),
  },
  {
    name: "upload that stops",
    weight: 2,
    expected: /^left$/,
    run: stopUpload,
  },
  {
    name: "broken JSON",
    weight: 2,
    expected: /^(400|429)$/,
    run: (client) => status(client, '{"model": "default",'),
  },
  {
    name: "wrong field",
    weight: 2,
    expected: /^(400|429)$/,
    run: (client) => status(client, { ...chat(client), temperature: 7 }),
  },
  {
    name: "damaged picture",
    weight: 2,
    expected: /^(200|400|429)$/,
    run: (client) => status(client, { ...chat(client, damagedUrl(client)), max_tokens: 4 }),
  },
  {
    name: "hostile schema",
    weight: 1,
    expected: /^(400|429)$/,
    run: (client) => status(client, { ...chat(client), response_format: hostile }),
  },
  {
    name: "unknown model",
    weight: 1,
    expected: /^(404|429)$/,
    run: (client) => status(client, { ...chat(client), model: "x" }),
  },
  { name: "unknown route", weight: 1, expected: /^404$/, run: (client) => get(client, "/v2/nothing") },
  { name: "metrics", weight: 1, expected: /^200$/, run: (client) => get(client, "/metrics") },
  { name: "models", weight: 1, expected: /^200$/, run: (client) => get(client, "/v1/models") },
];

const aboutShapes = {
  type: "json_schema",
  json_schema: {
    name: "shape",
    strict: true,
    schema: {
      type: "object",
      properties: {
        color: { enum: ["red", "green", "blue"] },
        count: { type: "integer", minimum: 0, maximum: 9 },
      },
      required: ["color", "count"],
      additionalProperties: false,
    },
  },
};

/** A reference that leads nowhere. */
const hostile = {
  type: "json_schema",
  json_schema: { name: "x", strict: true, schema: { $ref: "#/$defs/nothing" } },
};

const lookUp = {
  type: "function",
  function: {
    name: "look_up",
    parameters: {
      type: "object",
      properties: { color: { enum: ["red", "green", "blue"] } },
      required: ["color"],
      additionalProperties: false,
    },
  },
};

const words = [
  "What",
  "is",
  "in",
  "the",
  "picture",
  "red",
  "blue",
  "circle",
  "left",
  "number",
  "and",
  "where",
];

function text({ next }: Client): string {
  return Array.from({ length: between(next, [1, 40]) }, () => words[between(next, [0, words.length - 1])])
    .join(" ");
}

function chat(client: Client, picture?: string): Record<string, unknown> {
  const question = { type: "text", text: text(client) };
  const content = picture === undefined
    ? [question]
    : [{ type: "image_url", image_url: { url: picture } }, question];
  return {
    model: "default",
    messages: [{ role: "user", content }],
    max_tokens: between(client.next, [1, 48]),
    user: `user ${between(client.next, [0, 4])}`,
  };
}

function knownUrl({ next }: Client): string {
  const { type, bytes } = pictures[between(next, [0, pictures.length - 1])]!;
  return `data:image/${type};base64,${bytes.toString("base64")}`;
}

function newUrl({ next }: Client): string {
  return `data:image/png;base64,${noisePicture(next, between(next, [16, 64])).toString("base64")}`;
}

function damagedUrl({ next }: Client): string {
  const { type, bytes } = pictures[between(next, [0, pictures.length - 1])]!;
  const damaged = Buffer.from(bytes);
  for (let i = 0; i < 8; i++) damaged[between(next, [8, bytes.length - 1])] = between(next, [0, 255]);
  return `data:image/${type};base64,${damaged.toString("base64")}`;
}

function post(
  { url }: Client,
  body: unknown,
  route = "chat/completions",
  signal?: AbortSignal,
): Promise<Response> {
  return fetch(`${url}/v1/${route}`, {
    method: "POST",
    // A connection for each request: what stays open belongs to the server.
    keepalive: false,
    headers: { "content-type": "application/json" },
    body: typeof body === "string" ? body : JSON.stringify(body),
    signal,
  });
}

async function status(client: Client, body: unknown): Promise<string> {
  const response = await post(client, body);
  await response.text();
  return String(response.status);
}

async function get({ url }: Client, path: string): Promise<string> {
  const response = await fetch(url + path, { keepalive: false });
  await response.text();
  return String(response.status);
}

async function whole(client: Client, body: object, route?: string): Promise<string> {
  const response = await post(client, body, route);
  const answer = await response.json() as { choices?: { finish_reason: string }[] };
  if (!response.ok) return String(response.status);
  return `${response.status} ${answer.choices?.[0]?.finish_reason}`;
}

async function streamed(client: Client, body: object): Promise<string> {
  const response = await post(client, { ...body, stream: true });
  const answer = await response.text();
  if (!response.ok) return String(response.status);
  if (!answer.endsWith("data: [DONE]\n\n")) return `${response.status} without an end`;
  return `${response.status} ${/"finish_reason":"(\w+)"/.exec(answer)?.[1]}`;
}

/** Goes away: after the first bytes of a stream, or without having heard anything. */
async function leave(client: Client, body: object, listens: boolean): Promise<string> {
  const gone = new AbortController();
  const timer = setTimeout(() => gone.abort(), listens ? 30_000 : between(client.next, [1, 300]));
  try {
    const response = await post(client, body, undefined, gone.signal);
    if (!listens || !response.ok) return String(response.status);
    await response.body!.getReader().read();
    gone.abort();
    return "left";
  } catch (error) {
    if (gone.signal.aborted) return "left";
    throw error;
  } finally {
    clearTimeout(timer);
  }
}

async function stopUpload({ url }: Client): Promise<string> {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  await once(socket, "connect");
  socket.on("error", () => {});
  const head =
    `POST /v1/chat/completions HTTP/1.1\r\nHost: ${hostname}\r\nContent-Type: application/json\r\n`;
  await new Promise((resolve) => socket.write(`${head}Content-Length: 100000\r\n\r\n{"model`, resolve));
  socket.destroy();
  await once(socket, "close");
  return "left";
}
