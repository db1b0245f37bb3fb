/** Reads streams to their ends, in a process of its own: `bun bench/server/reader.ts URL STREAMS TOKENS`. */
import { argv, exit } from "node:process";

const [url, streams, tokens] = argv.slice(2);

async function read(): Promise<boolean> {
  const response = await fetch(`${url}/v1/chat/completions`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({
      model: "default",
      messages: [{ role: "user", content: "Go" }],
      max_tokens: Number(tokens),
      stream: true,
    }),
  });
  let [rest, words] = ["", 0];
  const decoder = new TextDecoder();
  for await (const bytes of response.body!) {
    const events = (rest + decoder.decode(bytes, { stream: true })).split("\n\n");
    rest = events.pop()!;
    for (const event of events) {
      if (event === "data: [DONE]") return words === Number(tokens);
      if (event.includes('" word"')) words++;
    }
  }
  return false;
}

const complete = await Promise.all(Array.from({ length: Number(streams) }, read));
exit(complete.every(Boolean) ? 0 : 1);
