import { afterAll, expect, test } from "bun:test";
import { RequestError } from "../../src/base/errors.ts";
import { ImageLoader, type ImageLoaderOptions } from "../../src/images/image_loader.ts";

const picture = Uint8Array.from({ length: 1000 }, (_, i) => i);
const requests: string[] = [];

/** A picture server on this machine. `/to?URL` redirects. */
const server = Bun.serve({
  port: 0,
  hostname: "127.0.0.1",
  idleTimeout: 30,
  fetch(request) {
    const { pathname, search } = new URL(request.url);
    requests.push(`${request.headers.get("host")}${pathname}`);
    switch (pathname) {
      case "/to":
        return new Response(null, {
          status: 302,
          headers: { location: decodeURIComponent(search.slice(1)) },
        });
      case "/loop":
        return new Response(null, { status: 301, headers: { location: "/loop" } });
      case "/endless":
        return new Response(new ReadableStream({ pull: (sink) => sink.enqueue(new Uint8Array(65536)) }));
      case "/drip":
        return new Response(
          new ReadableStream({
            async pull(sink) {
              await Bun.sleep(20);
              sink.enqueue(new Uint8Array(1));
            },
          }),
        );
      case "/silent":
        return Bun.sleep(5000).then(() => new Response("late"));
      case "/gzip":
        return new Response(Bun.gzipSync(new Uint8Array(1e6)), { headers: { "content-encoding": "gzip" } });
      case "/missing":
        return new Response("secret of the other server", { status: 404 });
      default:
        return new Response(picture);
    }
  },
});
afterAll(() => server.stop(true));

const local = `127.0.0.1:${server.port}`;
const open: ImageLoaderOptions = { remote: true, privateAddresses: true };

/** The refusal that `url` gets; fails when it is loaded. */
async function refusal(
  url: string,
  options: ImageLoaderOptions,
  signal?: AbortSignal,
): Promise<RequestError> {
  const before = requests.length;
  const error = await new ImageLoader(options).load(url, signal).then(() => undefined, (error) => error);
  expect(error).toBeInstanceOf(RequestError);
  expect(error.details.code).toBe("invalid_image_url");
  if (!options.privateAddresses) expect(requests.length).toBe(before);
  return error;
}

test("ImageLoader.load() fetches a picture from a local server when private addresses are allowed", async () => {
  expect(await new ImageLoader(open).load(`http://${local}/a.png`)).toEqual(Buffer.from(picture));
});

test("ImageLoader.load() refuses http URLs when remote images are off", async () => {
  expect((await refusal(`http://${local}/a.png`, { remote: false })).details.remedy).toContain(
    "--allow-remote-images",
  );
});

for (
  const host of [
    "169.254.169.254/latest/meta-data",
    "10.0.0.1",
    "192.168.1.1",
    "172.16.0.1",
    "[::1]",
    "[fd00::1]",
    "[fe80::1]",
    "100.64.0.1",
    "0.0.0.0",
    "2130706433",
    "0x7f.1",
    "127.1",
    "0177.0.0.1",
    "①②⑦.⓪.⓪.①",
    "[::ffff:7f00:1]",
    "[::7f00:1]",
    "[::127.0.0.1]",
    "[::808:808]",
    "[64:ff9b::8.8.8.8]",
    "[::ffff:10.0.0.1]",
    "[64:ff9b::7f00:1]",
    "[2002:7f00:1::]",
    "224.0.0.1",
    "255.255.255.255",
    "localhost",
    "localhost.",
    "good.example\\@127.0.0.1",
  ]
) {
  test(`ImageLoader.load() sends no packet to http://${host}`, async () => {
    const resolve = () => Promise.resolve([{ address: "127.0.0.1", family: 4 }]);
    await refusal(`http://${host}/`, { remote: true, resolve });
  });
}

for (
  const url of [
    "file:///etc/passwd",
    "ftp://example.com/a.png",
    "s3://bucket/a.png",
    "blob:http://example.com/1",
    "javascript:alert(1)",
    "a.png",
    "/etc/passwd",
    "",
    "http://user@example.com/a.png",
    "http://user:word@example.com/a.png",
    "http://example.com:22/a.png",
  ]
) {
  test(`ImageLoader.load() refuses "${url}"`, async () => {
    const resolve = () => Promise.reject(new Error("no name should be resolved"));
    await refusal(url, { remote: true, resolve });
  });
}

test("ImageLoader.load() refuses a name of which one address is private", async () => {
  const resolve = () =>
    Promise.resolve(["93.184.216.34", "127.0.0.1"].map((address) => ({ address, family: 4 })));
  const error = await refusal("http://mixed.example/", { remote: true, resolve });
  expect(error.message).toContain("public internet");
});

test("ImageLoader.load() connects to the address that it checked, and resolves the name once", async () => {
  const answers = ["127.0.0.1", "203.0.113.1"];
  let resolved = 0;
  const resolve = () => Promise.resolve([{ address: answers[resolved++]!, family: 4 }]);
  const url = `http://pictures.example:${server.port}/pinned`;
  expect(await new ImageLoader({ ...open, resolve }).load(url)).toHaveLength(picture.length);
  expect(resolved).toBe(1);
  expect(requests.at(-1)).toBe(`pictures.example:${server.port}/pinned`);
});

test("ImageLoader.load() checks every redirect like the first URL", async () => {
  const to = (url: string) => `http://${local}/to?${encodeURIComponent(url)}`;
  expect(await new ImageLoader(open).load(to("/a.png"))).toHaveLength(picture.length);
  expect((await refusal(to("file:///etc/passwd"), open)).message).toContain("only http");
  const options = { ...open, domains: ["127.0.0.1"] };
  expect((await refusal(to("http://elsewhere.example/"), options)).message).toContain("that domain");
  expect((await refusal(`http://${local}/loop`, open)).message).toContain("more than 3 times");
});

test("ImageLoader.load() takes allowed domains by their exact names", async () => {
  const resolve = () => Promise.resolve([{ address: "127.0.0.1", family: 4 }]);
  const options = { ...open, resolve, domains: ["A.example", "bücher.example"] };
  for (const host of ["a.example", "A.EXAMPLE", "a.example.", "xn--bcher-kva.example", "BÜCHER.example"]) {
    expect(await new ImageLoader(options).load(`http://${host}:${server.port}/`)).toHaveLength(
      picture.length,
    );
  }
  for (const host of ["a.example.evil", "evila.example", "b.a.example", "xa.example"]) {
    await refusal(`http://${host}:${server.port}/`, options);
  }
});

test("ImageLoader.load() cuts off what is too long, too slow or silent", async () => {
  expect((await refusal(`http://${local}/endless`, { ...open, maxBytes: 1e6 })).message).toContain(
    "1000000 bytes",
  );
  const hurried = { ...open, timeoutMs: 150 };
  expect((await refusal(`http://${local}/drip`, hurried)).message).toContain("too long");
  expect((await refusal(`http://${local}/silent`, hurried)).message).toContain("too long");
});

test("ImageLoader.load() decompresses nothing and repeats nothing that a server says", async () => {
  expect((await refusal(`http://${local}/gzip`, open)).message).toContain("compressed");
  const error = await refusal(`http://${local}/missing`, open);
  expect(error.message).toEndWith("status 404");
});

test("ImageLoader.load() gives the reason of a signal that is aborted", async () => {
  const controller = new AbortController();
  const loading = new ImageLoader(open).load(`http://${local}/silent`, controller.signal);
  setTimeout(() => controller.abort(new Error("client left")), 50);
  expect(loading).rejects.toThrow("client left");
  await loading.catch(() => {});
});

const base64 = Buffer.from(picture).toString("base64");

test("ImageLoader.load() reads data URLs, whatever the policy and the media type say", async () => {
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
  test(`ImageLoader.load() refuses a data URL ${what}`, async () => {
    await refusal(url!, { remote: true, resolve: () => Promise.reject(new Error("unused")) });
  });
}

test("ImageLoader.load() refuses a data URL of more bytes than allowed, before decoding it", async () => {
  const url = `data:image/png;base64,${"A".repeat(4 * 1024 * 1024)}`;
  expect((await refusal(url, { remote: false, maxBytes: 1e6 })).message).toContain("1000000 bytes");
});
