/**
 * Reads streams to their ends, in a process of its own, and prints how many pieces of text have come:
 * `bun bench/server/reader.ts URL STREAMS TOKENS`.
 */
import { argv, exit } from "node:process";

const [url, streams, tokens] = argv.slice(2);

async function read(): Promise<number> {
  const response = await fetch(`${url}/v1/chat/completions`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({
      model: "default",
      messages: [{ role: "user", content: "Go" }],
      max_tokens: Number(tokens),
      ignore_eos: true,
      stream: true,
      stream_options: { include_usage: true },
    }),
  });
  // Looked at as a whole and at the end: reading must not take the time of what it measures.
  const text = await response.text();
  const complete = text.includes(`"completion_tokens":${tokens},`) && text.endsWith("data: [DONE]\n\n");
  if (!complete) throw new Error(`Wanted ${tokens} tokens, have ${text.slice(-500)}`);
  return text.split(`"delta":{"content"`).length - 1;
}

const pieces = await Promise.all(Array.from({ length: Number(streams) }, read));
console.log(pieces.reduce((sum, count) => sum + count, 0));
exit(0);
