import { expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { checkpointDirectory, picturePath, serveModel } from "../support/executable.ts";

/** What 100 prompts may add: far below one picture or one set of logits that each of them left behind. */
const allowedGrowthBytes = 12 * 2 ** 20;

function residentBytes(pid: number): number {
  return Number(readFileSync(`/proc/${pid}/status`, "utf8").match(/VmRSS:\s+(\d+) kB/)![1]) * 1024;
}

test.if(existsSync("/proc/self/status"))(
  "llamav serve does not grow over 200 prompts with and without pictures",
  async () => {
    await using server = await serveModel(checkpointDirectory("tiny-mllama"), ["--ctx-size", "256"]);
    const pictures = [
      "s_24x20.png",
      "s_50x44.png",
      "s_56x28.png",
      "m_100x90.png",
      "m_200x210.png",
      "m_224x100.png",
    ].map((name) => `data:image/png;base64,${readFileSync(picturePath(name)).toString("base64")}`);

    async function ask(index: number): Promise<void> {
      const picture = { type: "image_url", image_url: { url: pictures[index % pictures.length]! } };
      const text = { type: "text", text: `Question ${index}: what is this?` };
      const response = await fetch(`${server.url}/v1/chat/completions`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({
          model: "default",
          max_tokens: 4,
          seed: index,
          messages: [{ role: "user", content: index % 2 ? [picture, text] : [text] }],
        }),
      });
      expect(response.status).toBe(200);
      expect((await response.json() as { usage: { completion_tokens: number } }).usage.completion_tokens)
        .toBeGreaterThan(0);
    }

    let index = 0;
    /** Asks 50 times; the least memory seen meanwhile, which the collector's rhythm does not blur. */
    async function leastResidentBytes(): Promise<number> {
      let least = Infinity;
      for (const end = index + 50; index < end; index++) {
        await ask(index);
        least = Math.min(least, residentBytes(server.pid));
      }
      return least;
    }

    await leastResidentBytes(); // kernels are compiled, caches fill
    const before = await leastResidentBytes();
    await leastResidentBytes();
    const growth = await leastResidentBytes() - before;
    expect(growth).toBeLessThan(allowedGrowthBytes);
  },
  240_000,
);
