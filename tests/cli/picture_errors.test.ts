import { expect, setDefaultTimeout, test } from "bun:test";
import { RequestError } from "../../src/base/errors.ts";
import { pictureLoader } from "../../src/runtime/pictures.ts";
import { TemporaryFolder } from "../support/temporary_folder.ts";
import { testLimitMs } from "../support/test_limit.ts";
import { cli, fakeServices } from "./support.ts";

setDefaultTimeout(testLimitMs);

const services = {
  pictureLoader: (policy: Parameters<typeof pictureLoader>[0]) => Promise.resolve(pictureLoader(policy)),
};

async function ask(picture: string) {
  return await cli(["run", "./m", "?", "--image", picture], { services });
}

test("a picture that a server does not give is told with its URL, and is a failure of the network", async () => {
  using server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    fetch: () => new Response("", { status: 404 }),
  });
  const { port } = server;
  expect(await ask(`http://127.0.0.1:${port}/a/cat.png`)).toEqual({
    code: 5,
    stdout: "",
    stderr: `error: Picture "http://127.0.0.1:${port}/a/cat.png": Cannot fetch the image: ` +
      "the server answered with status 404\nDownload it, and give the file\n",
  });
});

test("a picture's URL is told without what may be secret in it, and not at any length", async () => {
  using server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    fetch: () => new Response("", { status: 403 }),
  });
  const { port } = server;
  const signed = await ask(`http://127.0.0.1:${port}/cat.png?signature=s3cret#s3cret`);
  expect(signed.stderr).toContain(`Picture "http://127.0.0.1:${port}/cat.png?…": `);
  const named = await ask(`http://me:s3cret@127.0.0.1:${port}/cat.png`);
  expect(named).toMatchObject({ code: 2 });
  expect(named.stderr).toContain(`Picture "http://127.0.0.1:${port}/cat.png": `);
  const long = await ask(`http://127.0.0.1:${port}/${"a".repeat(5000)}.png`);
  for (const { stderr } of [signed, named, long]) {
    expect(stderr).not.toContain("s3cret");
    expect(stderr.length).toBeLessThan(400);
  }
});

test.each<{ args: string[] }>([
  ["--image", "http://bob:s3#cret@127.0.0.1:1/cat.png"],
  ["--image", "http://bob:s3/cret@127.0.0.1:1/cat.png"],
  ["--image", " http://bob:s3cret@127.0.0.1:1/cat.png"],
  ["--image", "http:\\\\bob:s3cret@127.0.0.1:1\\cat.png"],
  ["http://bob:s3cret@127.0.0.1:1/cat.png"],
].map((args) => ({ args })))("no part of a password in a URL is told: $args", async ({ args }) => {
  for (const model of [["./m", "?"], []]) {
    const { code, stderr } = await cli(["run", ...model, ...args], { services, stdin: "" });
    expect(code).not.toBe(0);
    expect(stderr).not.toMatch(/s3|cret|bob/);
  }
  const asModel = await cli(["show", args.at(-1)!], { services });
  expect(asModel.code).toBe(2);
  expect(asModel.stderr).not.toMatch(/s3|cret|bob/);
});

test("a picture by URL that is none is told without what may be secret", async () => {
  using server = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: () => new Response("no picture") });
  const { runtime } = fakeServices("hi");
  const refusal = new RequestError("Cannot decode the image", { code: "invalid_image" });
  const openRuntime = () =>
    Promise.resolve(Object.assign(runtime, {
      // deno-lint-ignore require-yield -- it is refused before the first event
      *generate() {
        throw refusal;
      },
    }));
  const name = `http://127.0.0.1:${server.port}/cat.png`;
  const run = await cli(["run", "./m", "?", "--image", `${name}?key=s3cret`], {
    services: { ...services, openRuntime },
  });
  expect(run).toMatchObject({ code: 2, stderr: `error: Picture ${name}?…: Cannot decode the image\n` });
});

test("what is no URL at all is wrong usage", async () => {
  expect(await ask("https://")).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('Picture "https://": Cannot fetch the image: it must be an absolute URL'),
  });
});

test("a conversation's picture by URL is told in the same way", async () => {
  using server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    fetch: () => new Response("", { status: 404 }),
  });
  const url = `http://127.0.0.1:${server.port}/cat.png`;
  const messages = [{ role: "user", content: [{ type: "image_url", image_url: { url } }] }];
  using folder = new TemporaryFolder({ "chat.json": JSON.stringify({ messages }) });
  const run = await cli(["run", "./m", "--messages", `${folder.path}/chat.json`], { services });
  expect(run).toMatchObject({ code: 5 });
  expect(run.stderr).toStartWith(
    `error: Cannot use "messages[0].content[0].image_url" of the conversation "${folder.path}/chat.json": ` +
      `Picture "${url}": Cannot fetch the image: `,
  );
  expect(run.stderr).toEndWith("Download it, and give the file\n");
});

test("a question where a picture belongs is told to be one", async () => {
  expect(await ask("How many stars are there?")).toEqual({
    code: 2,
    stdout: "",
    stderr: 'error: --image takes a picture, and there is no file "How many stars are there?"\n' +
      'Write a question without a flag: llamav run "What is in this picture?" --image FILE\n',
  });
});

test("chat tells of such a question, too", async () => {
  const run = await cli(["chat", "./m", "--image", "How many?"], { services, stdin: "" });
  expect(run).toMatchObject({ code: 2, stderr: expect.stringContaining('there is no file "How many?"') });
});

test("a picture whose name has a space stays a picture that is not there", async () => {
  expect((await ask("my cat.png")).stderr).toStartWith(
    'error: Cannot read the picture "my cat.png": there is no',
  );
});
