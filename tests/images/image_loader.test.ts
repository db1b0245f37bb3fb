import { afterAll, expect, setDefaultTimeout, test } from "bun:test";
import { RequestError } from "../../src/base/errors.ts";
import { ImageLoader, type ImageLoaderOptions } from "../../src/images/image_loader.ts";
import { until } from "../support/fake_runtime.ts";
import { testLimitMs } from "../support/test_limit.ts";
import { picture, startPictureServer } from "./picture_server.ts";

setDefaultTimeout(testLimitMs);

const server = startPictureServer();
afterAll(() => server[Symbol.dispose]());

const local = server.address;
const open: ImageLoaderOptions = { remote: true, privateAddresses: true };

/** The refusal that a data URL gets; fails when it is loaded. */
async function refusal(url: string, options: ImageLoaderOptions): Promise<RequestError> {
  const error = await new ImageLoader(options).load(url).then(() => undefined, (error) => error);
  expect(error).toBeInstanceOf(RequestError);
  expect(error.details.code).toBe("invalid_image_url");
  return error;
}

test("ImageLoader.load() fetches a picture from a local server when private addresses are allowed", async () => {
  expect(await new ImageLoader(open).load(`http://${local}/a.png`)).toEqual(Buffer.from(picture));
});

test("ImageLoader.load() fetches eight pictures of a client at a time, and who leaves the line is not fetched", async () => {
  const loader = new ImageLoader(open);
  const leaving = new AbortController();
  const first = Array.from({ length: 8 }, () => loader.load(`http://${local}/silent`, leaving.signal));
  const waits = loader.load(`http://${local}/late`, AbortSignal.timeout(100)).catch((error) => error.name);
  await until(() => server.requests.filter((request) => request.endsWith("/silent")).length === 8);
  expect(await waits).toBe("TimeoutError");
  const ending = Promise.all(first.map((load) => load.catch((error) => error.message)));
  leaving.abort(new Error("client left"));
  const ends = await ending;
  expect(ends).toEqual(ends.map(() => "client left"));
  expect(await loader.load(`http://${local}/next`)).toHaveLength(picture.length);
  expect(server.requests.some((request) => request.endsWith("/late"))).toBe(false);
});

test("ImageLoader.load() gives the reason of a signal that is aborted", async () => {
  const controller = new AbortController();
  const loading = new ImageLoader(open).load(`http://${local}/silent`, controller.signal);
  setTimeout(() => controller.abort(new Error("client left")), 50);
  expect(loading).rejects.toThrow("client left");
  await loading.catch(() => {});
});

const base64 = Buffer.from(picture).toString("base64");

test("I14 ImageLoader.load() reads data URLs, whatever the policy and the media type say", async () => {
  for (const header of ["data:image/png;base64,", "DATA:image/Webp;name=a.webp;BASE64,"]) {
    expect(await new ImageLoader({ remote: false }).load(header + base64)).toEqual(picture);
  }
});

for (
  const [what, url] of [
    ["without a comma", "data:image/png;base64"],
    ["without base64", "data:image/png,abc"],
    ["of another media type", `data:text/html;base64,${base64}`],
    ["without a media type", `data:;base64,${base64}`],
    ["that is empty", "data:image/png;base64,"],
    ["with white space", `data:image/png;base64,${base64.slice(0, 8)}\n${base64.slice(8)}`],
    ["with other characters", "data:image/png;base64,!!!!"],
    ["in the URL alphabet", "data:image/png;base64,-_-_"],
    ["with several files", `data:image/png;base64,${base64},${base64}`],
    ["with text behind the padding", "data:image/png;base64,QQ==QQ=="],
  ]
) {
  test(`I14 ImageLoader.load() refuses a data URL ${what}`, async () => {
    await refusal(url!, { remote: true, resolve: () => Promise.reject(new Error("unused")) });
  });
}

test("I14 ImageLoader.load() refuses a data URL of more bytes than allowed, before decoding it", async () => {
  const url = `data:image/png;base64,${"A".repeat(4 * 1024 * 1024)}`;
  expect((await refusal(url, { remote: false, maxBytes: 1e6 })).message).toContain("1000000 bytes");
});
