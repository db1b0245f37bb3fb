/** Row I09 of the security notes with the limits as they are when nobody sets them. */
import { afterEach, expect, setDefaultTimeout, spyOn, test } from "bun:test";
import { createServer, type Server, type Socket } from "node:net";
import { once } from "node:events";
import { RequestError } from "../../src/base/errors.ts";
import { ImageLoader } from "../../src/images/image_loader.ts";
import { pictureLoader } from "../../src/runtime/pictures.ts";
import { testLimitMs } from "../support/test_limit.ts";

setDefaultTimeout(testLimitMs);

const mostBytes = 20 * 1024 * 1024;
/** What lies in the buffers of both sockets when the reader gives up; the system lets them grow to a few megabytes. */
const buffersBytes = 16 * 2 ** 20;

const open: { server: Server; sockets: Socket[] }[] = [];
afterEach(() => {
  for (const { server, sockets } of open.splice(0)) {
    for (const socket of sockets) socket.destroy();
    server.close();
  }
});

/** A server that answers every connection with a head, and goes on as `send` says. */
async function serve(head: string, send: (socket: Socket) => void): Promise<string> {
  const sockets: Socket[] = [];
  const server = createServer((socket) => {
    sockets.push(socket);
    socket.on("error", () => {});
    socket.once("data", () => {
      socket.write(`HTTP/1.1 200 OK\r\n${head}\r\n`);
      send(socket);
    });
  });
  open.push({ server, sockets });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return `http://127.0.0.1:${(server.address() as { port: number }).port}/a.png`;
}

/** As `llamav serve --allow-remote-images --allow-private-images` makes it. */
const load = pictureLoader({ allowRemote: true, allowPrivate: true });

async function refusal(url: string): Promise<string> {
  const error = await load(url).then(() => undefined, (error: unknown) => error);
  expect(error).toBeInstanceOf(RequestError);
  return (error as RequestError).message;
}

test("ImageLoader refuses a length of 10 GB, and of one byte too many, before a byte of it is sent (I09)", async () => {
  for (const length of [10 * 1024 ** 3, mostBytes + 1]) {
    let closed = false;
    const url = await serve(
      `Content-Length: ${length}\r\n`,
      (socket) => socket.on("close", () => closed = true),
    );
    expect(await refusal(url)).toContain(`at most ${mostBytes} bytes`);
    for (const end = performance.now() + 20_000; !closed && performance.now() < end;) await Bun.sleep(5);
    expect(closed).toBe(true);
  }
});

test("ImageLoader takes 20 MiB to the byte, and ends a body without an end there (I09)", async () => {
  const piece = new Uint8Array(2 ** 16);
  const whole = await serve(`Content-Length: ${mostBytes}\r\n`, (socket) => {
    for (let at = 0; at < mostBytes; at += piece.length) socket.write(piece);
  });
  expect((await load(whole)).length).toBe(mostBytes);
  let sent = 0;
  const endless = await serve("", (socket) => {
    const write = () => {
      while (!socket.destroyed && socket.write(piece)) sent += piece.length;
    };
    socket.on("drain", () => {
      sent += piece.length;
      write();
    });
    write();
  });
  expect(await refusal(endless)).toContain(`at most ${mostBytes} bytes`);
  expect(sent).toBeWithin(mostBytes, mostBytes + buffersBytes);
});

test("ImageLoader gives a whole fetch 15 s and a connection 5 s, drips and silence included (I09)", async () => {
  for (const drips of [true, false]) {
    const clock = new AbortController();
    const asked: number[] = [];
    const timeout = spyOn(AbortSignal, "timeout").mockImplementation((ms) => {
      asked.push(ms);
      return clock.signal;
    });
    const timers = spyOn(globalThis, "setTimeout");
    let waiting: ReturnType<typeof setInterval> | undefined;
    const begun = Promise.withResolvers<void>();
    try {
      const url = await serve("", (socket) => {
        begun.resolve();
        if (drips) waiting = setInterval(() => socket.write("x"), 5);
      });
      const refused = refusal(url);
      await begun.promise;
      expect(asked).toEqual([15_000]);
      expect(timers.mock.calls.map(([, ms]) => ms)).toContain(5000);
      clock.abort(new DOMException("Time is over", "TimeoutError"));
      expect(await refused).toContain("the server took too long");
    } finally {
      clearInterval(waiting);
      timeout.mockRestore();
      timers.mockRestore();
    }
  }
});

test("ImageLoader gives up a connection that nobody answers (I09)", async () => {
  const loader = new ImageLoader({
    remote: true,
    privateAddresses: true,
    connectMs: 50,
    resolve: () => new Promise<never>(() => {}),
  });
  const error = await loader.load("http://slow.example/").catch((error: unknown) => error);
  expect((error as RequestError).message).toContain("could not be reached");
});
