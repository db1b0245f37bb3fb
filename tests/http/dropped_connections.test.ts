/** Row O01 of the security notes: clients that cut their connections anywhere in an answer, over real sockets. */
import { afterAll, expect, setDefaultTimeout, test } from "bun:test";
import { readFileSync } from "node:fs";
import { connect } from "node:net";
import process from "node:process";
import { createLog } from "../../src/base/log.ts";
import { createApp } from "../../src/http/app.ts";
import { startServer } from "../../src/http/server.ts";
import { pictureLoader } from "../../src/runtime/pictures.ts";
import { openRuntime } from "../../src/runtime/runtime.ts";
import { buildShaders } from "../../tools/build_shaders.ts";
import { type Draw, drawsOf } from "../support/draws.ts";
import { checkpointDirectory } from "../support/executable.ts";
import { until } from "../support/fake_runtime.ts";
import { goldenImagePath } from "../support/goldens.ts";
import { bmp } from "../images/files.ts";
import { ask, type SimulatedServer, startSimulated } from "./simulated.ts";

buildShaders();
// The machine may be busy with other tests; a test that hangs still ends.
setDefaultTimeout(240_000);

const seed = 901;
/** Were clients that have gone not noticed, a round would take longer than is waited for. */
const maxTokens = 400;
/** As many as the simulated engine has. */
const imageTiles = 8;
/** What the process may have grown by in rounds that are like those before them. */
const growthBytes = 64 * 2 ** 20;
const pictures = ["one_pixel.png", "gray.png", "s_24x20.png"].map((name) =>
  `data:image/png;base64,${readFileSync(goldenImagePath(name)).toString("base64")}`
);

type Served = Pick<SimulatedServer, "url" | "app" | "runtime">;

/** A chat request as bytes; every third has a picture. Its answer is far longer than anybody stays. */
function requestBytes(draw: Draw, stream: boolean): string {
  const text = { type: "text", text: `Question ${draw(50)} `.repeat(1 + draw(3)) };
  const picture = { type: "image_url", image_url: { url: pictures[draw(pictures.length)] } };
  const body = JSON.stringify({
    model: "default",
    messages: [{ role: "user", content: draw(3) ? [text] : [picture, text] }],
    max_tokens: maxTokens,
    ignore_eos: true,
    stream,
    user: `user ${draw(5)}`,
  });
  return "POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n" +
    `Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;
}

/** Where a client left: in its question, behind it, or in the answer. */
type Place = "asking" | "waiting" | "reading";

/** Asks on a connection of its own and cuts it at a byte; where the answer comes in one piece, at a time. */
function drop(url: string, draw: Draw): Promise<Place> {
  const stream = draw(4) > 0;
  const bytes = requestBytes(draw, stream);
  const asked = draw(8) ? bytes : bytes.slice(0, 1 + draw(bytes.length - 1));
  const [after, resets] = [draw(6000), draw(2) === 0];
  const socket = connect(Number(new URL(url).port), "127.0.0.1");
  const { promise, resolve } = Promise.withResolvers<Place>();
  const leave = (place: Place) => {
    resets ? socket.resetAndDestroy() : socket.destroy();
    resolve(place);
  };
  let received = 0;
  socket.on("error", () => {}).on("close", () => leave("reading"));
  socket.on("connect", () =>
    socket.write(asked, () => {
      if (asked !== bytes) leave("asking");
      else if (!stream) setTimeout(() => leave("waiting"), draw(20));
    }));
  socket.on("data", (chunk) => {
    received += chunk.length;
    if (received >= after) leave("reading");
  });
  return promise;
}

/** Nothing runs, waits or is held, on either side of the engine's border. */
function isSettled({ app, runtime }: Served): boolean {
  const { running, waiting, waitingTokens, heldBlocks } = runtime.stats;
  return app.active === 0 && [running, waiting, waitingTokens, heldBlocks].every((count) => count === 0);
}

/** A question with a picture for every tile of the image cache: there is no room for it beside one that is held. */
function askWithAllPictures(url: string): Promise<Response> {
  const content = Array.from({ length: imageTiles }, (_, i) => {
    const picture = bmp({ width: 1, height: 1, bits: 24, rows: [[i, i, i]] });
    return { type: "image_url", image_url: { url: `data:image/bmp;base64,${picture.toString("base64")}` } };
  });
  return ask(url, { messages: [{ role: "user", content: [...content, { type: "text", text: "?" }] }] });
}

/** Rounds of clients that leave; after each all that was held is given back, and the next question is answered. */
async function rounds(served: Served, count: number, streams: number): Promise<number[]> {
  const bytes: number[] = [];
  let index = 0;
  for (let round = 0; round < count; round++) {
    let next = 0;
    const places = { asking: 0, waiting: 0, reading: 0 };
    const lane = async () => {
      while (next++ < streams) places[await drop(served.url, drawsOf(seed, index++))]++;
    };
    await Promise.all(Array.from({ length: Math.min(streams, 100) }, lane));
    await until(() => isSettled(served));
    expect((await askWithAllPictures(served.url)).status).toBe(200);
    await until(() => isSettled(served));
    // Most were left in an answer: were they refused or broken, this would say nothing.
    expect(places.reading).toBeGreaterThan(streams / 2);
    Bun.gc(true);
    bytes.push(process.memoryUsage.rss());
  }
  return bytes;
}

test("500 connections cut at random bytes, ten times, leave nothing running, held or growing (O01)", async () => {
  await using simulated = await startSimulated({}, { maxQueued: 500 });
  const bytes = await rounds(simulated, 10, 500);
  expect(simulated.runtime.stats.requests).toBeGreaterThan(2500);
  expect(simulated.runtime.stats.imageMisses).toBeGreaterThan(0);
  expect(bytes.at(-1)! - bytes[3]!).toBeLessThan(growthBytes);
});

const closing: (() => Promise<void>)[] = [];
afterAll(async () => {
  for (const close of closing) await close();
});

test("eighty connections to an engine on a device, three times, leave nothing running or held (O01)", async () => {
  const runtime = await openRuntime({
    model: checkpointDirectory("micro-mllama-f16"),
    device: process.env.LLAMAV_DEVICE,
    pipelineCache: undefined,
    contextLength: 512,
    imageTiles,
    maxSequences: 2,
    maxQueued: 80,
  });
  const app = createApp({
    version: "1.2.3",
    log: createLog(() => {}),
    loadPicture: pictureLoader({ allowRemote: false, allowPrivate: false }),
  });
  app.serve(runtime);
  const server = startServer(app, "127.0.0.1", 0);
  closing.push(() => server.stop(0), () => runtime.close());
  await rounds({ url: server.url, app, runtime }, 3, 80);
  expect(runtime.stats.requests).toBeGreaterThan(120);
});
