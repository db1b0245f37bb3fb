import { afterAll, expect, test } from "bun:test";
import { join } from "node:path";
import process from "node:process";
import { parseExposition } from "../../support/exposition.ts";
import { drawsOf } from "../../support/draws.ts";
import { until } from "../../support/fake_runtime.ts";
import { play } from "./connection.ts";
import { rawCase, rightKey } from "./grammar.ts";

/**
 * Raw HTTP over loopback: whole requests, broken ones, several on one connection, in pieces, with the connection cut.
 * `LLAMAV_FUZZ=20000 bun test tests/http/fuzz` sends that many; `LLAMAV_FUZZ_URL=http://127.0.0.1:8000` sends them to a
 * server that was started with `--api-key sk-fuzz-right`, instead of one over a fake runtime.
 */
const cases = Number(process.env.LLAMAV_FUZZ ?? 500);
const seed = 7002;
/** Connections at a time. */
const lines = 16;
/** What the server may have grown by in the second half: less than 1 kB a connection at full size. */
const growthBytes = 48 * 2 ** 20 + cases * 1024;

const server = await startServer();
afterAll(() => server.child?.kill("SIGKILL"));

async function startServer(): Promise<{ url: URL; child?: Bun.Subprocess }> {
  const { LLAMAV_FUZZ_URL } = process.env;
  if (LLAMAV_FUZZ_URL) return { url: new URL(LLAMAV_FUZZ_URL) };
  const program = join(import.meta.dir, "../../cli/fake_program.ts");
  const child = Bun.spawn(
    [process.execPath, program, "serve", "m", "--port", "0", "--api-key", rightKey],
    { env: { FAKE: "quick" }, stdin: "ignore", stdout: "ignore", stderr: "pipe" },
  );
  let said = "";
  void (async () => {
    const decoder = new TextDecoder();
    // Only the beginning is kept: every request has its line.
    for await (const bytes of child.stderr) if (said.length < 4096) said += decoder.decode(bytes);
  })();
  const ready = /Server ready on (\S+)/;
  await until(() => ready.test(said));
  return { url: new URL(ready.exec(said)![1]!), child };
}

async function residentBytes(): Promise<number> {
  const response = await fetch(new URL("/metrics", server.url), {
    keepalive: false,
    headers: { authorization: `Bearer ${rightKey}` },
  });
  return parseExposition(await response.text()).get("process_resident_memory_bytes")!.samples[0]!.value;
}

async function ask(): Promise<number> {
  const response = await fetch(new URL("/v1/chat/completions", server.url), {
    method: "POST",
    // A connection that was kept is closed by the server when it has been idle for long.
    keepalive: false,
    headers: { "content-type": "application/json", "x-api-key": rightKey },
    body: JSON.stringify({ model: "default", messages: [{ role: "user", content: "Hi" }], max_tokens: 2 }),
  });
  await response.text();
  return response.status;
}

test(
  "H03 H05 H07 K04 P08 no bytes on a connection get an undeclared 5xx, another's answer, or the server down",
  async () => {
    const statuses = new Map<number, number>();
    let settledBytes = 0;
    let next = 0;
    async function work(): Promise<void> {
      while (next < cases) {
        const index = next++;
        const answers = await play(server.url, rawCase(drawsOf(seed, index))).catch((cause) => {
          throw new Error(`Case ${index} of seed ${seed}`, { cause });
        });
        for (const status of answers) statuses.set(status, (statuses.get(status) ?? 0) + 1);
        if (index % 250 === 0) expect(await ask()).toBe(200);
        if (index === Math.floor(cases / 2)) settledBytes = await residentBytes();
      }
    }
    await Promise.all(Array.from({ length: lines }, work));
    expect(await ask()).toBe(200);
    const grownBytes = await residentBytes() - settledBytes;
    const counts = [...statuses].sort(([a], [b]) => a - b).map(([status, count]) => `${count} x ${status}`);
    console.log(
      `${cases} connections: ${counts.join(", ")}; the server grew by ${
        Math.round(grownBytes / 2 ** 20)
      } MB ` +
        "in the second half",
    );
    // Were nothing answered, or everything refused, this test would say nothing.
    for (const status of [200, 400, 401, 404]) expect(statuses.get(status) ?? 0).toBeGreaterThan(cases / 250);
    expect(grownBytes).toBeLessThan(growthBytes);
  },
  3_600_000,
);
