/** Chat streams of the served demo model, read chunk by chunk. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { repositoryRoot } from "../support/repository.ts";

interface Chunk {
  readonly id: string;
  readonly choices: readonly {
    readonly index: number;
    readonly delta: { readonly role?: string; readonly content?: string };
    readonly finish_reason: string | null;
  }[];
  readonly usage?: { readonly completion_tokens: number } | null;
}

/** All that a stream said. */
export interface StreamedAnswer {
  readonly status: number;
  /** Seconds to wait, where it was refused. */
  readonly retryAfter: number | undefined;
  readonly text: string;
  /** Ids of its chunks, each once. */
  readonly ids: readonly string[];
  /** Tokens so far, as each chunk with text told. */
  readonly counts: readonly number[];
  readonly finishReasons: readonly string[];
  /** How often the stream said that it is done; nothing may come behind that. */
  readonly dones: number;
}

/** Asks for a stream that tells its tokens with every chunk, and reads it to its end. */
export async function readStream(
  url: string,
  body: object,
  { signal, key }: { readonly signal?: AbortSignal; readonly key?: string } = {},
): Promise<StreamedAnswer> {
  const response = await fetch(`${url}/v1/chat/completions`, {
    method: "POST",
    headers: {
      "content-type": "application/json",
      ...key === undefined ? {} : { authorization: `Bearer ${key}` },
    },
    body: JSON.stringify({
      model: "default",
      stream: true,
      stream_options: { include_usage: true, continuous_usage_stats: true },
      ...body,
    }),
    signal,
  });
  const { status, headers } = response;
  const text = await response.text();
  const retryAfter = headers.has("retry-after") ? Number(headers.get("retry-after")) : undefined;
  const events = status === 200 ? dataOf(text) : [];
  const chunks = events.filter((event) => event !== "[DONE]").map((event) => JSON.parse(event) as Chunk);
  const pieces = chunks.flatMap(({ choices, usage }) => choices.map((choice) => ({ ...choice, usage })));
  return {
    status,
    retryAfter,
    text: pieces.map(({ delta }) => delta.content ?? "").join(""),
    ids: [...new Set(chunks.map(({ id }) => id))],
    counts: pieces.filter(({ delta }) => delta.content).map(({ usage }) => usage?.completion_tokens ?? NaN),
    finishReasons: pieces.flatMap(({ finish_reason }) => finish_reason ?? []),
    dones: events.at(-1) === "[DONE]" ? events.filter((event) => event === "[DONE]").length : 0,
  };
}

function dataOf(stream: string): string[] {
  return stream.split("\n\n").flatMap((event) => event.startsWith("data: ") ? event.slice(6) : []);
}

/** A token, and the text that it is. */
export interface Word {
  readonly id: number;
  readonly text: string;
}

/** Tokens of the model that are words, no two alike: an answer that is forced to repeat one tells whose it is. */
export async function wordTokens(url: string, count: number): Promise<Word[]> {
  const words: Word[] = [];
  for (let id = 256; words.length < count; id++) {
    const response = await fetch(`${url}/detokenize`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ tokens: [id] }),
    });
    if (!response.ok) throw new Error(`The model has no ${count} words: ${await response.text()}`);
    const { prompt: text } = await response.json() as { prompt: string };
    if (/^ ?[A-Za-z]+$/.test(text)) words.push({ id, text });
  }
  return words;
}

/** A picture that is sent along with a question, or none. */
export function messagesAbout(picture: string | undefined, text: string): object[] {
  if (picture === undefined) return [{ role: "user", content: text }];
  const bytes = readFileSync(join(repositoryRoot, "examples", picture));
  const url = `data:image/${picture.endsWith("png") ? "png" : "jpeg"};base64,${bytes.toString("base64")}`;
  return [{ role: "user", content: [{ type: "image_url", image_url: { url } }, { type: "text", text }] }];
}
