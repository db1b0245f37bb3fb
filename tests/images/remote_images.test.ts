/** Rows I01 to I10 of the security notes: what a stranger can make this server fetch. */
import { afterAll, beforeEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import process from "node:process";
import { RequestError } from "../../src/base/errors.ts";
import { ImageLoader, type ImageLoaderOptions, type Resolve } from "../../src/images/image_loader.ts";
import { testLimitMs } from "../support/test_limit.ts";
import { picture, startPictureServer } from "./picture_server.ts";

setDefaultTimeout(testLimitMs);

const server = startPictureServer();
afterAll(() => server[Symbol.dispose]());
beforeEach(() => {
  server.requests.length = 0;
  server.onRequest = () => {};
});

const open: ImageLoaderOptions = { remote: true, privateAddresses: true };
const addresses = (...all: string[]): Resolve => () =>
  Promise.resolve(all.map((address) => ({ address, family: address.includes(":") ? 6 : 4 })));
const unused: Resolve = () => Promise.reject(new Error("No name should be resolved"));

/** The refusal that `url` gets; fails when it is loaded. */
async function refusal(url: string, options: ImageLoaderOptions): Promise<RequestError> {
  const error = await new ImageLoader(options).load(url).then(() => undefined, (error) => error);
  expect(error).toBeInstanceOf(RequestError);
  return error;
}

/** The same, where the policy refuses, and nothing is sent. */
async function notAllowed(url: string, options: ImageLoaderOptions): Promise<string> {
  const before = server.requests.length;
  const { details, message } = await refusal(url, options);
  expect([url, details.code, server.requests.length]).toEqual([url, "image_url_not_allowed", before]);
  return message;
}

describe("I01 D45 no packet is sent to an address that is not public:", () => {
  const hosts = [
    "169.254.169.254/latest/meta-data",
    "10.0.0.1",
    "192.168.1.1",
    "172.16.0.1",
    "[::1]",
    "[fd00::1]",
    "[fe80::1]",
    "100.64.0.1",
    "0.0.0.0",
    "224.0.0.1",
    "255.255.255.255",
    "192.0.2.1",
    "198.18.0.1",
    "[2001:db8::1]",
    "[ff02::1]",
    "[::]",
  ];
  for (const host of hosts) {
    test(host, async () => {
      expect(await notAllowed(`http://${host}/`, { remote: true, resolve: unused })).toContain(
        "not on the public internet",
      );
    });
  }
});

describe("I02 D45 nor to one in another spelling, or inside another address:", () => {
  const hosts = [
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
    "[64:ff9b::7f00:1]",
    "[::ffff:10.0.0.1]",
    "[::5efe:7f00:1]",
    "[1::1]",
    "[4000::1]",
    "[100:0:0:1::1]",
    "[2002:7f00:1::]",
    "localhost",
    "localhost.",
  ];
  for (const host of hosts) {
    test(host, async () => {
      await notAllowed(`http://${host}/`, { remote: true, resolve: addresses("127.0.0.1") });
    });
  }
});

describe("I03 I07 a URL that is not plainly http or https is refused, and no name of it is resolved:", () => {
  const urls = [
    "file:///etc/passwd",
    "ftp://example.com/a.png",
    "s3://bucket/a.png",
    "blob:http://example.com/1",
    "javascript:alert(1)",
    "http://user@example.com/a.png",
    "http://user:word@example.com/a.png",
    "http://127.0.0.1#@good.example/",
    "http://127.0.0.1?@good.example/",
    "http://127.0.0.1/@good.example/",
    "http://good.example:80@127.0.0.1/",
    "http://example.com:22/a.png",
    "https://example.com:8443/a.png",
  ];
  for (const url of urls) {
    test(url, async () => void await notAllowed(url, { remote: true, resolve: unused }));
  }
  for (const url of ["a.png", "/etc/passwd", "//example.com/a.png", "", "http://", "http://a b/"]) {
    test(`"${url}", which is no URL`, async () => {
      expect((await refusal(url, { remote: true, resolve: unused })).details.code).toBe("invalid_image_url");
    });
  }
});

test("I07 a backslash is a slash to the one parser: what stands before it is the host", async () => {
  const resolved: string[] = [];
  const resolve: Resolve = (name) => {
    resolved.push(name);
    return addresses("127.0.0.1")(name);
  };
  await notAllowed("http://good.example\\@127.0.0.1/", { remote: true, resolve });
  expect(resolved).toEqual(["good.example"]);
});

test("http URLs are refused where remote images are off", async () => {
  const error = await refusal(`http://${server.address}/a.png`, { remote: false });
  expect([error.details.code, error.details.remedy]).toEqual([
    "image_url_not_allowed",
    expect.stringContaining("--allow-remote-images"),
  ]);
});

describe("I04 D45 a name that leads elsewhere when it is asked again", () => {
  test("is asked once for a connection, which goes to the address that was checked", async () => {
    const answers = ["127.0.0.1", "203.0.113.1"];
    let asked = 0;
    const resolve: Resolve = (name) => addresses(answers[asked++]!)(name);
    const url = `http://pictures.example:${server.port}/pinned`;
    expect(await new ImageLoader({ ...open, resolve }).load(url)).toEqual(Buffer.from(picture));
    expect([asked, server.requests]).toEqual([1, [`pictures.example:${server.port}/pinned`]]);
  });

  test("and is public at first leads to no private one", async () => {
    // Of a block that nobody has been given: it is public, and nothing is there.
    const answers = ["2d00::1", "127.0.0.1"];
    let asked = 0;
    const resolve: Resolve = (name) => addresses(answers[Math.min(asked++, 1)]!)(name);
    const error = await refusal("http://rebind.example/", { remote: true, resolve, timeoutMs: 500 });
    expect([error.details.code, asked, server.requests]).toEqual(["invalid_image_url", 1, []]);
  });

  test("is asked and checked again after a redirect to itself", async () => {
    const answers = ["127.0.0.1", "10.0.0.1"];
    const policy = { remote: true, privateAddresses: true };
    // What counts as public changes in mid-fetch, as what a name leads to does.
    server.onRequest = () => policy.privateAddresses = false;
    let asked = 0;
    const resolve: Resolve = (name) => addresses(answers[asked++]!)(name);
    const loader = new ImageLoader(Object.assign(policy, { resolve }));
    const to = `http://rebind.example/to?${encodeURIComponent("http://rebind.example/secret")}`;
    const error = await loader.load(to.replace(".example/", `.example:${server.port}/`)).then(
      () => undefined,
      (error) => error,
    );
    expect([error.details.code, asked]).toEqual(["image_url_not_allowed", 2]);
    expect(server.requests.map((request) => request.replace(/^.*\//, "/"))).toEqual(["/to"]);
  });
});

test("I05 a name of which one address is private is refused, whichever comes first", async () => {
  for (const both of [["93.184.216.34", "127.0.0.1"], ["::1", "93.184.216.34"]]) {
    await notAllowed("http://mixed.example/", { remote: true, resolve: addresses(...both) });
  }
});

describe("I06 D45 a redirect is checked like the first URL:", () => {
  const to = (url: string) => `http://${server.address}/to?${encodeURIComponent(url)}`;

  test("to a picture it is followed, three times at most", async () => {
    expect(await new ImageLoader(open).load(to("/a.png"))).toHaveLength(picture.length);
    expect(await new ImageLoader(open).load(`http://${server.address}/hops?3`)).toHaveLength(picture.length);
    server.requests.length = 0;
    for (const path of ["/hops?4", "/hops?30", "/loop"]) {
      expect((await refusal(`http://${server.address}${path}`, open)).message).toContain("more than 3 times");
    }
    expect(server.requests.length).toBe(3 * 4);
  });

  test("to a private address it is refused", async () => {
    for (
      const target of ["http://127.0.0.1/", "http://169.254.169.254/", "http://[::1]/", "http://localhost/"]
    ) {
      const policy = { remote: true, privateAddresses: true };
      server.onRequest = () => policy.privateAddresses = false;
      const error = await refusal(to(target), policy);
      expect([target, error.details.code]).toEqual([target, "image_url_not_allowed"]);
    }
    expect(server.requests.length).toBe(4);
  });

  test("to another scheme, a foreign domain or nonsense it is refused", async () => {
    expect((await refusal(to("file:///etc/passwd"), open)).message).toContain("only http");
    expect((await refusal(to("data:image/png;base64,AAAA"), open)).message).toContain("only http");
    const options = { ...open, domains: ["127.0.0.1"] };
    expect((await refusal(to("http://elsewhere.example/"), options)).message).toContain("that domain");
    expect((await refusal(to("http://"), open)).message).toContain("no URL");
  });
});

test("I08 allowed domains are taken by their exact names", async () => {
  const options = { ...open, resolve: addresses("127.0.0.1"), domains: ["A.example", "bücher.example"] };
  for (const host of ["a.example", "A.EXAMPLE", "a.example.", "xn--bcher-kva.example", "BÜCHER.example"]) {
    expect(await new ImageLoader(options).load(`http://${host}:${server.port}/`)).toHaveLength(
      picture.length,
    );
  }
  for (const host of ["a.example.evil", "evila.example", "b.a.example", "xa.example", "bucher.example"]) {
    await notAllowed(`http://${host}:${server.port}/`, options);
  }
});

test("I09 what is too long, too slow, silent or out of reach is cut off", async () => {
  const url = (path: string) => `http://${server.address}${path}`;
  expect((await refusal(url("/endless"), { ...open, maxBytes: 1e6 })).message).toContain("1000000 bytes");
  const hurried = { ...open, timeoutMs: 150 };
  expect((await refusal(url("/drip"), hurried)).message).toContain("too long");
  expect((await refusal(url("/silent"), hurried)).message).toContain("too long");
  const nowhere = { ...open, connectMs: 100, resolve: () => new Promise<never>(() => {}) };
  expect((await refusal("http://slow.example/", nowhere)).message).toContain("could not be reached");
});

test("I10 nothing is decompressed, and nothing that another server says is repeated", async () => {
  expect((await refusal(`http://${server.address}/gzip`, open)).message).toContain("compressed");
  expect((await refusal(`http://${server.address}/missing`, open)).message).toEndWith("status 404");
});

/** Loads a URL in a process of its own. */
async function loadElsewhere(url: string, env: Record<string, string>): Promise<string> {
  const child = Bun.spawn([process.execPath, join(import.meta.dir, "fetching_child.ts"), url], {
    env,
    stdin: "ignore",
    stdout: "pipe",
    stderr: "inherit",
  });
  return (await new Response(child.stdout).text()).trim();
}

test("a proxy of the environment is not used", async () => {
  const proxied: string[] = [];
  using proxy = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    fetch(request) {
      proxied.push(request.url);
      return new Response("proxied");
    },
  });
  const address = `http://127.0.0.1:${proxy.port}`;
  const names = ["http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"];
  const env = Object.fromEntries(names.map((name) => [name, address]));
  const url = `http://pictures.example:${server.port}/a.png`;
  expect([await loadElsewhere(url, env), proxied]).toEqual(["1000 bytes", []]);
});

test("an https server must show a certificate of its name, by an authority that is trusted", async () => {
  const file = (name: string) => join(import.meta.dir, "../support/tls", name);
  using secure = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    tls: { cert: await Bun.file(file("cert.pem")).text(), key: await Bun.file(file("key.pem")).text() },
    fetch: () => new Response(picture),
  });
  const trusting = { NODE_EXTRA_CA_CERTS: file("cert.pem") };
  const from = (name: string) => `https://${name}:${secure.port}/a.png`;
  expect(await loadElsewhere(from("localhost"), trusting)).toBe("1000 bytes");
  const refused = "Cannot fetch the image: the server could not be reached";
  expect(await loadElsewhere(from("pictures.example"), trusting)).toBe(refused);
  expect(await loadElsewhere(from("localhost"), {})).toBe(refused);
});
