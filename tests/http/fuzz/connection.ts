import { expect } from "bun:test";
import { once } from "node:events";
import { connect } from "node:net";
import { isFollowed, isIncomplete } from "./completeness.ts";
import { type RawCase, rightKey } from "./grammar.ts";
import { readReplies, type Reply } from "./replies.ts";

/** Silence after which a client goes: many a broken request is one whose end the server waits for. */
const patienceMs = 60;
/** The same where the server has said nothing to a request that is whole: on a busy machine it may be slow. */
const longPatienceMs = 20_000;

/** Statuses that the server is documented to give, and those of Bun's parser for what is no HTTP. */
const declared = new Set([
  100,
  200,
  204,
  400,
  401,
  403,
  404,
  405,
  408,
  413,
  415,
  417,
  421,
  429,
  431,
  503,
  505,
]);

/**
 * Plays one case against a server that asks for `rightKey`, and holds every answer to what it must be. A request that is
 * whole, and whose client stays, must have one.
 *
 * @returns the statuses of the answers
 * @throws {Error} With the bytes of both directions.
 */
export async function play(server: URL, one: RawCase): Promise<number[]> {
  const sent = Buffer.concat(one.pieces).toString("latin1");
  const { received, closed } = await converse(server, one, isIncomplete(sent) ? patienceMs : longPatienceMs);
  try {
    if (received === "" && owesAnswer(sent, one, closed)) {
      throw new Error(`A whole request had no answer, and the connection was ${closed ? "closed" : "kept"}`);
    }
    // The answer to HEAD has the length of a body that does not come: what follows it cannot be told from one.
    const withHead = sent.includes("HEAD ");
    const replies = readReplies(received, withHead ? 1 : Infinity);
    for (const reply of replies) {
      check(withHead ? { ...reply, body: "", complete: false } : reply, sent.includes(rightKey));
    }
    return replies.map(({ status }) => status);
  } catch (cause) {
    throw new Error(JSON.stringify([sent.slice(0, 2000), received.slice(0, 2000)]), { cause });
  }
}

/**
 * A method that the runtime's parser knows, and something behind it. It closes the connection on anything else, and says
 * nothing.
 */
const asksForSomething = /^(\r\n)*(GET|HEAD|POST|PUT|DELETE|OPTIONS|PATCH|TRACE|CONNECT) [^ ]/;

/**
 * Whether silence is a fault: nothing is missing, the client has not gone, and the server does not refuse by closing. The
 * runtime closes a connection, too, on which the next request or the client's end comes while an answer is being made.
 */
function owesAnswer(sent: string, { then }: RawCase, closed: boolean): boolean {
  if (then === "reset" || isIncomplete(sent)) return false;
  return !(closed && (then === "half-close" || !asksForSomething.test(sent) || isFollowed(sent)));
}

/** Sends what the case has to say, and returns all that came back, and whether the server has closed the connection. */
async function converse(
  server: URL,
  { pieces, then }: RawCase,
  firstMs: number,
): Promise<{ received: string; closed: boolean }> {
  const socket = connect(Number(server.port), server.hostname);
  let received = "";
  let heardAt = performance.now();
  let closed = false;
  socket.on("data", (bytes) => {
    received += bytes.toString("latin1");
    heardAt = performance.now();
  });
  socket.on("error", () => {}).on("close", () => closed = true);
  await once(socket, "connect").catch(() => {});
  for (const piece of pieces) {
    if (closed) break;
    socket.write(piece);
    await new Promise(setImmediate);
  }
  if (then === "half-close") socket.end();
  heardAt = performance.now();
  const patience = () => received === "" ? firstMs : patienceMs;
  while (!closed && then !== "reset" && performance.now() - heardAt < patience()) await Bun.sleep(5);
  const byServer = closed;
  socket.destroy();
  return { received, closed: byServer };
}

function check({ status, headers, body, complete }: Reply, hasKey: boolean): void {
  expect(declared).toContain(status);
  // No stack, no path, no address, no secret.
  expect(body).not.toMatch(/\n {4}at |node_modules|\.ts\b|0x[0-9a-f]{6}|sk-fuzz/);
  if (!complete || !headers.get("content-type")?.startsWith("application/json")) return;
  const value = JSON.parse(body);
  if (status >= 400 && !("status" in value)) {
    expect(Object.keys(value.error).sort()).toEqual(["code", "message", "param", "type"]);
    expect(value.error.message.length).toBeLessThan(500);
  } else if (!hasKey) {
    // Without the key there is nothing but the probes.
    expect(Object.keys(value)).toEqual(["status"]);
  }
}
