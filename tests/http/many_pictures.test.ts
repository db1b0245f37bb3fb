/** Row I17 of the security notes: many of the largest pictures at once, beside a stream that goes on. */
import { expect, setDefaultTimeout, test } from "bun:test";
import process from "node:process";
import { bmp, plainPng } from "../images/files.ts";
import { until } from "../support/fake_runtime.ts";
import { ask, startSimulated } from "./simulated.ts";
import { json } from "./support.ts";

// The machine may be busy with other tests; a test that hangs still ends.
setDefaultTimeout(240_000);

const clients = 16;
/** Clients whose pictures threads of the runtime decode; the others' are BMP, which has one thread. */
const threaded = 5;
/** 40 million pixels, which is the most: one bit each, 20 kB as PNG and 5 MB as BMP. */
const [width, height] = [8000, 5000];
/**
 * Most that the process may grow by. One picture at a time takes 1.5 GB; without a collection behind each it was 2.6 to
 * 3.5, five PNGs at a time took more than 4, and all sixteen would take 13.
 */
const mostBytes = 2.2e9;

/** A picture like no other: equal ones would be one in the cache. */
function picture(client: number): string {
  if (client < threaded) {
    return `data:image/png;base64,${plainPng(width, height, 1, client + 1).toString("base64")}`;
  }
  const row = Array<number>(width / 8).fill(client);
  const palette = [0, 0, 0, 0, 255, 255, 255, 0];
  const bytes = bmp({ width, height, bits: 1, palette, rows: Array<number[]>(height).fill(row) });
  return `data:image/bmp;base64,${bytes.toString("base64")}`;
}

test("sixteen clients with 40 megapixels each: all are answered, in bounded memory, while a stream goes on (I17)", async () => {
  await using simulated = await startSimulated({}, { maxQueued: 2 * clients });
  const { url, runtime } = simulated;
  expect((await ask(url)).status).toBe(200);
  const bodies = Array.from({ length: clients }, (_, i) => {
    const content = [{ type: "image_url", image_url: { url: picture(i) } }, { type: "text", text: "?" }];
    return { messages: [{ role: "user", content }], max_tokens: 4 };
  });
  Bun.gc(true);
  const before = process.memoryUsage.rss();
  let peak = before;
  const looking = setInterval(() => peak = Math.max(peak, process.memoryUsage.rss()), 5);
  let decoding = true;
  /** Events of streams that came while pictures were decoded. */
  let meanwhile = 0;
  const streaming = (async () => {
    while (decoding) {
      const response = await ask(url, { stream: true, max_tokens: 200 });
      for await (const _ of response.body!) if (decoding) meanwhile++;
    }
  })();
  const answers = await Promise.all(bodies.map(async (body) => {
    const response = await ask(url, body);
    const { usage, error } = await json(response);
    return [response.status, error?.code, usage?.llamav?.image_tiles > 0];
  }));
  decoding = false;
  await streaming;
  clearInterval(looking);
  expect(answers).toEqual(Array(clients).fill([200, undefined, true]));
  expect(peak - before).toBeLessThan(mostBytes);
  // The stream has not stood still.
  expect(meanwhile).toBeGreaterThan(clients * 5);
  expect(runtime.counts.imageDecodeMs.counts.reduce((sum, count) => sum + count, 0)).toBe(clients);
  await until(() => simulated.app.active === 0);
});
