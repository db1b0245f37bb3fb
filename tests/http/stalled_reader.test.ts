/** Row O05 of the security notes: what the server itself keeps for a reader that does not read. */
import { afterEach, expect, setDefaultTimeout, spyOn, test } from "bun:test";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import process from "node:process";
import { Deadline } from "../../src/http/deadline.ts";
import { answer, until } from "../support/fake_runtime.ts";
import { testLimitMs } from "../support/test_limit.ts";
import { Servers } from "./servers.ts";
import { question } from "./support.ts";

setDefaultTimeout(testLimitMs);

const servers = new Servers();
afterEach(() => servers.stop());

const piece = "x".repeat(1000);
/** Far more than all buffers on the way hold. */
const most = 200_000;

/** Asks for a stream on a socket that nobody reads. */
async function askAndStop(url: string): Promise<Socket> {
  const socket = connect(Number(new URL(url).port), "127.0.0.1");
  socket.on("error", () => {}).pause();
  await once(socket, "connect");
  const body = JSON.stringify({ ...question, stream: true });
  socket.write(
    "POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n" +
      `Content-Length: ${body.length}\r\n\r\n${body}`,
  );
  return socket;
}

/** Bytes of the connection between two ports that lie in the system: not taken by the one side, not read by the other. */
function queuedBytes(clientPort: number, serverPort: number): number {
  const hex = (port: number) => port.toString(16).toUpperCase().padStart(4, "0");
  let bytes = 0;
  for (const line of readFileSync("/proc/net/tcp", "utf8").split("\n").slice(1)) {
    const [, local = "", remote = "", , queues = ""] = line.trim().split(/\s+/);
    const between = [local, remote].map((address) => address.split(":")[1]);
    const [sending, received] = queues.split(":").map((value) => parseInt(value, 16));
    if (between[0] === hex(serverPort) && between[1] === hex(clientPort)) bytes += sending!;
    if (between[0] === hex(clientPort) && between[1] === hex(serverPort)) bytes += received!;
  }
  return bytes;
}

/** Bytes of one event of that stream. */
async function eventBytes(url: string): Promise<number> {
  const response = await fetch(`${url}/v1/chat/completions`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ ...question, stream: true, max_tokens: 1 }),
  });
  const events = (await response.text()).split("\n\n").filter((event) => event.includes(piece));
  const length = Math.min(...events.map((event) => event.length + 2));
  return length + length.toString(16).length + 4; // as a chunk
}

/** Waits until a count has not grown for as long as a hundred events take, many times over. */
async function standstill(count: () => number): Promise<number> {
  for (let before = -1;; await Bun.sleep(500)) {
    if (count() === before) return before;
    before = count();
  }
}

test.skipIf(process.platform !== "linux")(
  "a reader that has stopped has 64 kB of the server's memory at most, and nothing more is made for it (O05)",
  async () => {
    const { server, runtime } = servers.start((request) =>
      answer(...new Array<string>(request.maxTokens === 1 ? 2 : most).fill(piece))
    );
    const bytesEach = await eventBytes(server.url);
    const before = runtime.produced;
    const timers = spyOn(Deadline.prototype, "set");
    const socket = await askAndStop(server.url);
    await until(() => runtime.running === 1);
    const produced = await standstill(() => runtime.produced) - before;
    const patience = timers.mock.calls.map(([ms]) => ms);
    timers.mockRestore();
    expect(patience).toContain(30_000);
    // It still runs, and it is the reader that it waits for.
    expect([runtime.running, produced < most / 2]).toEqual([1, true]);
    const queued = queuedBytes(socket.localPort!, Number(new URL(server.url).port));
    expect(queued).toBeGreaterThan(100_000);
    const held = produced * bytesEach - queued - socket.readableLength;
    expect(held).toBeLessThan(64 * 1024);
    socket.destroy();
    await until(() => runtime.running === 0);
  },
);

test("a reader that stops is given up after 30 s, or after what is said, and its answer ends (O05)", async () => {
  const { server, runtime, app, logged } = servers.start(
    () => answer(...new Array<string>(most).fill(piece)),
    { stallMs: 300 },
  );
  const socket = await askAndStop(server.url);
  await until(() => runtime.running === 1);
  await until(() => runtime.running === 0 && app.active === 0);
  expect(logged.at(-1)).toContain("client stalled");
  expect(runtime.produced).toBeLessThan(most / 2);
  socket.destroy();
});
