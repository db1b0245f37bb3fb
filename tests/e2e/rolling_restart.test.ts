/** Row O18 of the security notes: the executable, twice, behind a front that asks another one where the first fails. */
import { expect, setDefaultTimeout, test } from "bun:test";
import { type ServedModel, serveModel } from "../support/executable.ts";
import { testLimitMs } from "../support/test_limit.ts";

setDefaultTimeout(testLimitMs);

/** Askers at a time. */
const askers = 6;

/** Passes requests on as nginx does with `proxy_next_upstream error timeout http_503 non_idempotent`. */
function startFront(replicas: (ServedModel | undefined)[]) {
  let turn = 0;
  const retries = { refused: 0, unreachable: 0 };
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    idleTimeout: 60,
    async fetch(request) {
      const [body, path] = [await request.text(), new URL(request.url).pathname];
      const first = turn++;
      for (let attempt = 0; attempt < replicas.length; attempt++) {
        const replica = replicas[(first + attempt) % replicas.length];
        if (!replica) continue;
        const { method, headers } = request;
        const sent = new Headers(headers);
        sent.set("host", new URL(replica.url).host);
        const init = { method, headers: sent, body, keepalive: false };
        const response = await fetch(`${replica.url}${path}`, init).catch(() => undefined);
        // The whole of it: what breaks off half way is asked for again.
        const bytes = await response?.bytes().catch(() => undefined);
        if (!response || !bytes) retries.unreachable++;
        else if (response.status === 503) retries.refused++;
        else return new Response(bytes, { status: response.status, headers: response.headers });
      }
      return new Response("no replica", { status: 502 });
    },
  });
  return { url: `http://127.0.0.1:${server.port}`, retries, [Symbol.dispose]: () => void server.stop(true) };
}

async function ask(url: string, number: number): Promise<string> {
  const response = await fetch(`${url}/v1/chat/completions`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({
      model: "default",
      messages: [{ role: "user", content: "Say something" }],
      choice: [`Answer ${number}`],
    }),
  });
  if (response.status !== 200) return `${response.status}: ${await response.text()}`;
  const { choices } = await response.json() as { choices: { message: { content: string } }[] };
  return choices[0]!.message.content;
}

test("no request fails while one replica after the other is stopped and started again (O18)", async () => {
  const replicas: (ServedModel | undefined)[] = [await serveModel(), await serveModel()];
  using front = startFront(replicas);
  const exits: number[] = [];
  const wrong: string[] = [];
  let [asked, restarting] = [0, true];
  const asking = Promise.all(Array.from({ length: askers }, async () => {
    while (restarting) {
      const number = asked++;
      const answer = await ask(front.url, number);
      if (answer !== `Answer ${number}`) wrong.push(answer);
    }
  }));
  try {
    for (const i of replicas.keys()) {
      // Told to end while it answers; the front learns of it by what it meets.
      const before = asked;
      while (asked < before + 2 * askers) await Bun.sleep(5);
      exits.push(await replicas[i]!.stop());
      replicas[i] = undefined;
      replicas[i] = await serveModel();
    }
  } finally {
    restarting = false;
    await asking;
    for (const replica of replicas) if (replica) exits.push(await replica.stop());
  }
  expect(wrong).toEqual([]);
  expect(asked).toBeGreaterThan(6 * askers);
  // Were none met that had to go elsewhere, nothing was tried.
  expect(front.retries.refused + front.retries.unreachable).toBeGreaterThan(0);
  expect(exits).toEqual([0, 0, 0, 0]);
});
