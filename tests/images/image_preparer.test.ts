import { afterAll, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import process from "node:process";
import { RequestError } from "../../src/base/errors.ts";
import { decodeImage } from "../../src/images/decode.ts";
import { type FromImageWorker, ImagePreparer, type ToImageWorker } from "../../src/images/image_preparer.ts";
import { prepareImage } from "../../src/images/tiles.ts";
import { goldenImagePath } from "../support/goldens.ts";

const preparer = new ImagePreparer();
afterAll(() => preparer.close());
const golden = (name: string): Uint8Array => readFileSync(goldenImagePath(name));
const size = { tileSize: 28, maxTiles: 4 };

test("ImagePreparer.prepare() gives what prepareImage() gives, for many pictures at once", async () => {
  const names = ["s_24x20.png", "exif_6.jpg", "animated.webp", "still.gif", "palette.bmp", "china.jpg"];
  const files = [...names, ...names].map(golden);
  const images = await Promise.all(files.map((bytes) => preparer.prepare(bytes, size)));
  for (const [i, image] of images.entries()) {
    expect(image).toEqual(prepareImage(await decodeImage(files[i]!), size));
    expect(files[i]!.length).toBeGreaterThan(0);
  }
});

/** `expect(promise).rejects` would wait without letting the worker's messages in. */
function errorOf(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(() => undefined, (error) => error);
}

test("ImagePreparer.prepare() refuses like decodeImage(), and goes on", async () => {
  const [bad, large, good] = await Promise.all([
    errorOf(preparer.prepare(golden("gray.png").subarray(0, 100), size)),
    errorOf(preparer.prepare(golden("gray.png"), { ...size, maxPixels: 10 })),
    preparer.prepare(golden("gray.png"), size),
  ]);
  expect(bad).toBeInstanceOf(RequestError);
  expect((bad as RequestError).details).toEqual({ code: "invalid_image", remedy: expect.any(String) });
  expect((large as RequestError).message).toContain("more pixels");
  expect(good.tileCount).toBeGreaterThan(0);
});

test("ImagePreparer.prepare() rejects when the worker fails, and the next picture starts another", async () => {
  const broken = errorOf(preparer.prepare(undefined as unknown as Uint8Array, size));
  expect((await broken as Error).message).toContain("The image worker stopped");
  expect((await preparer.prepare(golden("one_pixel.png"), size)).tileCount).toBe(1);
});

/** Time that the processor has spent on this process's first thread, in ms. */
function mainThreadMs(): number {
  return Number(readFileSync(`/proc/self/task/${process.pid}/schedstat`, "utf8").split(" ")[0]) / 1e6;
}

test.skipIf(process.platform !== "linux")(
  "ImagePreparer leaves the main thread free while a large photograph is prepared",
  async () => {
    const photograph = golden("big_1500x1100.jpg");
    await preparer.prepare(photograph, size);
    let ticks = 0;
    const timer = setInterval(() => ticks++, 1);
    const [mainBefore, allBefore] = [mainThreadMs(), process.cpuUsage()];
    const count = 8;
    await Promise.all(
      Array.from({ length: count }, () => preparer.prepare(photograph, { tileSize: 560, maxTiles: 4 })),
    );
    const main = mainThreadMs() - mainBefore;
    const { user, system } = process.cpuUsage(allBefore);
    clearInterval(timer);
    // It neither does the work nor waits for it. Of the processor's time, which other programs do not lengthen.
    expect(main).toBeLessThan((user + system) / 1000 / 3);
    expect(ticks).toBeGreaterThan(count);
  },
);

test("ImagePreparer.prepare() gives up what nobody wants any more, and goes on", async () => {
  const leaving = new AbortController();
  const { signal } = leaving;
  const abandoned = Promise.all(
    Array.from({ length: 8 }, () => errorOf(preparer.prepare(golden("china.jpg"), { ...size, signal }))),
  );
  const wanted = preparer.prepare(golden("one_pixel.png"), size);
  leaving.abort(new Error("gone"));
  for (const error of await abandoned) expect((error as Error).message).toBe("gone");
  expect((await wanted).tileCount).toBe(1);
  expect(await errorOf(preparer.prepare(golden("china.jpg"), { ...size, signal }))).toBe(signal.reason);
});

test("the image worker gives no answer for a picture that was given up before its turn", async () => {
  const worker = new Worker(new URL("../../src/images/image_worker.ts", import.meta.url));
  const answered: number[] = [];
  const { promise: last, resolve } = Promise.withResolvers<void>();
  worker.onmessage = ({ data }: MessageEvent<FromImageWorker>) => {
    answered.push(data.id);
    if (data.id === 20) resolve();
  };
  const post = (message: ToImageWorker) => worker.postMessage(message);
  for (let id = 0; id < 20; id++) {
    post({ id, bytes: golden("gray.png"), options: size });
    post({ id, abort: true });
  }
  post({ id: 20, bytes: golden("gray.png"), options: size });
  await last;
  worker.terminate();
  expect(answered).toEqual([20]);
});

test("ImagePreparer.close() gives up what is in hand, and the next picture starts again", async () => {
  const abandoned = errorOf(preparer.prepare(golden("china.jpg"), size));
  preparer.close();
  expect((await abandoned as Error).message).toContain("closed");
  expect((await preparer.prepare(golden("one_pixel.png"), size)).tileCount).toBe(1);
});

test("a process ends by itself although it has prepared a picture", async () => {
  const source = new URL("../../src/images/image_preparer.ts", import.meta.url).pathname;
  const program = `
    import { type FromImageWorker, ImagePreparer, type ToImageWorker } from ${JSON.stringify(source)};
    const bytes = await Bun.file(${JSON.stringify(goldenImagePath("s_24x20.png"))}).bytes();
    console.log((await new ImagePreparer().prepare(bytes, { tileSize: 28, maxTiles: 4 })).aspectRatioId);`;
  const child = Bun.spawn([process.execPath, "-e", program], {
    stdout: "pipe",
    timeout: 20_000,
  });
  expect(await new Response(child.stdout).text()).toBe("1\n");
  expect(await child.exited).toBe(0);
});
