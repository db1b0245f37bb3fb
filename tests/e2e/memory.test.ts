import { expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { checkpointDirectory, picturePath, serveModel } from "../support/executable.ts";

/** What 150 prompts may add: twice the most that the collector was seen to keep back (1.6 to 3.6 MB). */
const allowedGrowthBytes = 8 * 2 ** 20;

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

    for (let index = 0; index < 50; index++) await ask(index);
    const before = residentBytes(server.pid);
    for (let index = 50; index < 200; index++) await ask(index);
    const growth = residentBytes(server.pid) - before;
    expect(growth).toBeLessThan(allowedGrowthBytes);
  },
  240_000,
);
