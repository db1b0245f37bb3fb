/**
 * The least that a server can do with an engine on a thread of its own: its main thread writes the same text to a socket
 * for every token. What a token takes here no server of Bun's can save.
 *
 *     bun bench/server/bare_server.ts MODEL CONTEXT BATCH [DEVICE]
 */
import { argv } from "node:process";
import type { PackedEvents } from "../../src/engine/packed_events.ts";
import { greedy } from "../../src/engine/sampling.ts";
import { EngineThread } from "../../src/engine/thread.ts";

interface Reader {
  readonly sink: ReadableStreamDirectController;
  readonly maxTokens: number;
  readonly close: () => void;
}

/** As long as the event of a short token. */
const event = `data: ${JSON.stringify({ id: "cmpl-0123456789abcdef", text: " word".padEnd(140) })}\n\n`;

const [model, contextLength, batch, device] = argv.slice(2);
const readers = new Map<number, Reader>();
let nextId = 1;

const thread = new EngineThread({
  onMessage(message) {
    if (message.type === "events") writeAll(message.events);
  },
  onFailed(error) {
    throw error;
  },
  onEnded(error) {
    throw error;
  },
});
await thread.open({
  model: model!,
  contextLength: Number(contextLength),
  maxSequences: Number(batch),
  ...device === undefined ? {} : { device },
});

/** Four numbers stand for a token, of which the first names the reader. */
function writeAll(events: PackedEvents): void {
  for (let i = 0; i < events.length; i++) {
    const id = events[i]!;
    if (typeof id === "number") {
      write(readers.get(id)!.sink, event);
      i += 3;
    } else if (id.type === "end") end(id.id);
    else if (id.type === "error") throw new Error(id.error.message);
  }
}

function end(id: number): void {
  const { sink, maxTokens, close } = readers.get(id)!;
  readers.delete(id);
  write(sink, `data: {"usage":{"completion_tokens":${maxTokens}}}\n\ndata: [DONE]\n\n`);
  void sink.end();
  close();
}

function write(sink: ReadableStreamDirectController, text: string): void {
  void sink.write(text);
  void sink.flush();
}

const server = Bun.serve({
  hostname: "127.0.0.1",
  port: 0,
  idleTimeout: 0,
  async fetch(request) {
    const { prompt, max_tokens: maxTokens } = await request.json() as {
      prompt: number[];
      max_tokens: number;
    };
    const id = nextId++;
    const source: Bun.DirectUnderlyingSource = {
      type: "direct",
      pull(sink) {
        const { promise, resolve } = Promise.withResolvers<void>();
        readers.set(id, { sink, maxTokens, close: resolve });
        const asked = { id, tokens: prompt, images: [], maxTokens, sampling: greedy, stopIds: [] };
        thread.send({ type: "add", request: asked });
        return promise;
      },
    };
    return new Response(
      new ReadableStream(source as unknown as UnderlyingDefaultSource, { highWaterMark: 1 }),
    );
  },
});
console.error(`Server ready on ${String(server.url).replace(/\/$/, "")}`);
