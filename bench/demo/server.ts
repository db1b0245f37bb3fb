/** The program under judgement: a process of the executable, asked over HTTP like by any client. */
import { existsSync } from "node:fs";
import { announced } from "./announced.ts";

export interface ServedModel extends AsyncDisposable {
  readonly url: string;
}

/** A message as the OpenAI API wants it. */
export type Message =
  | { readonly role: "system" | "assistant"; readonly content: string }
  | { readonly role: "user"; readonly content: readonly Part[] };
export type Part =
  | { readonly type: "text"; readonly text: string }
  | { readonly type: "image_url"; readonly image_url: { readonly url: string } };

/** More than the longest right answer, a description of eight things. */
const maxTokens = 256;

/**
 * Starts `serve` on a free port and waits until it is ready.
 *
 * @param model a directory; undefined leaves it out, so that the program takes its own
 * @throws {Error} If the executable is missing or ends early.
 */
export async function serveModel(executable: string, model: string | undefined): Promise<ServedModel> {
  if (!existsSync(executable)) {
    throw new Error(`Cannot judge: need ${executable}, have none; run bun run build first`);
  }
  const child = Bun.spawn([executable, "serve", ...model === undefined ? [] : [model], "--port", "0"], {
    stdin: "ignore",
    stdout: "ignore",
    stderr: "pipe",
  });
  const url = await announced(child, /Server ready on (http:\/\/\S+)/, "The server");
  return {
    url,
    [Symbol.asyncDispose]: async () => {
      child.kill("SIGTERM");
      await child.exited;
    },
  };
}

/** An answer and how many tokens it took, the end of the turn included. */
export interface Reply {
  readonly text: string;
  readonly tokens: number;
}

/** The most likely answer to a conversation whose last message is the user's. */
export async function ask(url: string, messages: readonly Message[]): Promise<Reply> {
  const response = await fetch(`${url}/v1/chat/completions`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ model: "default", messages, temperature: 0, max_tokens: maxTokens }),
    signal: AbortSignal.timeout(600_000),
  });
  const body = await response.json() as {
    choices?: { message: { content: string } }[];
    usage?: { completion_tokens: number };
  };
  const text = body.choices?.[0]?.message.content;
  if (!response.ok || text === undefined || !body.usage) {
    throw new Error(`The server answered ${response.status}: ${JSON.stringify(body)}`);
  }
  return { text, tokens: body.usage.completion_tokens };
}
