import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  AccessError,
  DeviceError,
  ModelError,
  ModelNotFoundError,
  NetworkError,
  RequestError,
} from "../../src/base/errors.ts";
import { ServerUnreachableError } from "../../src/cli/exit_codes.ts";
import { answer, FakeRuntime } from "../support/fake_runtime.ts";
import { Terminal } from "../../src/cli/terminal.ts";
import { cli, fakeServices, Sink } from "./support.ts";

const folder = mkdtempSync(join(tmpdir(), "llamav-cli-"));
const picture = join(folder, "cat.png");
writeFileSync(picture, Uint8Array.of(9, 8, 7));
afterAll(() => rmSync(folder, { recursive: true }));

const image = { type: "image" as const, bytes: Uint8Array.of(9, 8, 7) };

test("run prints the answer on stdout, and nothing else anywhere", async () => {
  const { runtime, opened, services } = fakeServices("A ", "cat");
  const run = await cli(["run", "./model", "What", "is it?", "--image", picture], { services });
  expect(run).toEqual({ code: 0, stdout: "A cat\n", stderr: "" });
  expect(opened).toEqual([{
    model: "./model",
    device: undefined,
    contextLength: undefined,
    imageTiles: undefined,
    maxSequences: 1,
    firstAnswer: { pictures: true, draws: true },
  }]);
  expect(runtime.requests[0]!.messages).toEqual([{
    role: "user",
    content: [image, { type: "text", text: "What is it?" }],
  }]);
  expect(runtime.requests[0]!.sampling).toEqual({});
  expect(runtime.closed).toBe(true);
});

test("run says beforehand what its answer needs compiled", async () => {
  const { opened, services } = fakeServices("x");
  await cli(["run", "./m", "What?", "--temp", "0"], { services });
  await cli(["run", "./m", "What?", "--temp", "1", "--image", picture], { services });
  expect(opened).toMatchObject([
    { firstAnswer: { pictures: false, draws: false } },
    { firstAnswer: { pictures: true, draws: true } },
  ]);
});

test("run and chat look at the weights first where they are asked to (F06)", async () => {
  for (const args of [["run", "./m", "?"], ["chat", "./m"]]) {
    const { opened, services } = fakeServices("x");
    await cli([...args, "--check-tensors"], { services, stdin: "" });
    expect(opened).toMatchObject([{ checkTensors: true }]);
  }
});

test("run ends an answer with one line feed", async () => {
  expect((await cli(["run", "./m", "?"], fakeServices("line\n"))).stdout).toBe("line\n");
  expect((await cli(["run", "./m", "?"], fakeServices())).stdout).toBe("");
});

test("run without a model takes the demo, and says so on one line", async () => {
  const { runtime, opened, services } = fakeServices("x");
  for (const args of [["What", "is it?"], ["", "What is it?"], ["no_such_model", "says what?"]]) {
    const { code, stdout, stderr } = await cli(["run", ...args], { services });
    expect({ code, stdout }).toEqual({ code: 0, stdout: "x\n" });
    expect(stderr).toMatch(/^note: this is the small built-in demo model; .+ as MODEL\n$/);
  }
  expect(await cli(["run", "demo", "?"], { services })).toEqual({ code: 0, stdout: "x\n", stderr: "" });
  expect(opened).toEqual(Array(4).fill(expect.objectContaining({ model: "demo" })));
  expect(runtime.requests.map(({ messages }) => messages[0]!.content[0])).toEqual(
    ["What is it?", "What is it?", "no_such_model says what?", "?"].map((text) => ({ type: "text", text })),
  );
});

test("run goes on with the conversation of --messages, with or without a new question", async () => {
  const { runtime, services } = fakeServices("x");
  const pictureLoader = () => Promise.resolve(() => Promise.reject(new Error("nothing is fetched")));
  const file = join(folder, "chat.json");
  const content = [{ type: "image_url", image_url: { url: "cat.png" } }, { type: "text", text: "What?" }];
  writeFileSync(
    file,
    JSON.stringify({ messages: [{ role: "user", content }, { role: "assistant", content: "A cat" }] }),
  );
  const ask = async (...args: string[]) => {
    const run = await cli(["run", "./m", "--messages", file, ...args], {
      services: { ...services, pictureLoader },
      stdin: "not read",
    });
    expect(run).toEqual({ code: 0, stdout: "x\n", stderr: "" });
    return runtime.requests.at(-1)!.messages;
  };
  const earlier = [
    { role: "user", content: [image, { type: "text", text: "What?" }] },
    { role: "assistant", content: [{ type: "text", text: "A cat" }] },
  ];
  expect(await ask()).toMatchObject(earlier);
  expect(await ask("And", "here?", "-i", picture, "-s", "Brief")).toMatchObject([
    { role: "system", content: [{ type: "text", text: "Brief" }] },
    ...earlier,
    { role: "user", content: [image, { type: "text", text: "And here?" }] },
  ]);
});

test("run refuses a conversation that it cannot go on with", async () => {
  const services = { pictureLoader: () => Promise.resolve(() => Promise.reject(new Error("no"))) };
  const refusal = async (content: unknown, ...args: string[]) => {
    const file = join(folder, "bad.json");
    writeFileSync(file, JSON.stringify(content));
    const { code, stderr } = await cli(["run", "./m", "--messages", file, ...args], { services });
    expect(code).toBe(2);
    return stderr;
  };
  expect(await refusal({ prompt: "Once" })).toContain("holds a prompt for a base model");
  const messages = [{ role: "system", content: "Long" }, { role: "user", content: "?" }];
  expect(await refusal({ messages }, "-s", "Brief")).toContain("Two system messages were given");
  const { stderr } = await cli(["run", "./m", "--messages", "none.json"], { services });
  expect(stderr).toBe(
    'error: Cannot read the conversation "none.json": there is no such file\nCheck the path after --messages\n',
  );
});

test("run passes every setting on", async () => {
  const { runtime, opened, services } = fakeServices("x");
  await cli([
    ..."run ./m -s Brief --temp 0.5 --top-k 40 --top-p 0.9 --min-p 0.05 --repetition-penalty 1.1".split(" "),
    ..."--presence-penalty -1 --frequency-penalty 2 --seed 7 -n 5 --device cpu -c 64 --image-tiles 4 --max-tiles 2 --stop END --stop"
      .split(
        " ",
      ),
    "\n",
    "Hi",
  ], { services });
  expect(opened).toEqual([{
    model: "./m",
    device: "cpu",
    contextLength: 64,
    imageTiles: 4,
    maxTiles: 2,
    maxSequences: 1,
    firstAnswer: { pictures: false, draws: true },
  }]);
  expect(runtime.requests[0]).toEqual({
    messages: [
      { role: "system", content: [{ type: "text", text: "Brief" }] },
      { role: "user", content: [{ type: "text", text: "Hi" }] },
    ],
    sampling: {
      temperature: 0.5,
      topK: 40,
      topP: 0.9,
      minP: 0.05,
      repetitionPenalty: 1.1,
      presencePenalty: -1,
      frequencyPenalty: 2,
      seed: 7,
    },
    maxTokens: 5,
    stop: ["END", "\n"],
  });
});

test("a flag wins over its variable, and an empty variable is none", async () => {
  const { runtime, opened, services } = fakeServices("x");
  const env = { LLAMAV_TEMP: "1", LLAMAV_TOP_K: "5", LLAMAV_DEVICE: "integrated", LLAMAV_SEED: "" };
  await cli(["run", "./m", "Hi", "--temp", "0"], { services, env });
  expect(runtime.requests[0]!.sampling).toEqual({ temperature: 0, topK: 5 });
  expect(opened).toMatchObject([{ device: "integrated" }]);
});

test("run reads the prompt from stdin when none is given, or where - stands", async () => {
  const { runtime, services } = fakeServices("x");
  await cli(["run", "./m"], { services, stdin: "From stdin\n" });
  await cli(["run", "./m", "Before", "-", "after"], { services, stdin: "piped" });
  await cli(["run", "./m", "Only this"], { services, stdin: "not read" });
  const texts = runtime.requests.map((request) => request.messages[0]!.content[0]);
  expect(texts).toEqual([
    { type: "text", text: "From stdin\n" },
    { type: "text", text: "Before piped after" },
    { type: "text", text: "Only this" },
  ]);
});

test("run reads a picture from stdin, and fetches one by URL, before it loads the model", async () => {
  const { runtime, opened, services } = fakeServices("x");
  const asked: unknown[] = [];
  const pictureLoader = (policy: unknown) =>
    Promise.resolve((url: string) => {
      asked.push(url, policy, opened.length);
      return Promise.resolve(Uint8Array.of(5));
    });
  await cli(["run", "./m", "?", "-i", "-", "-i", "https://pictures.example/a.png"], {
    services: { ...services, pictureLoader },
    stdin: Uint8Array.of(1, 2),
  });
  expect(asked).toEqual(["https://pictures.example/a.png", { allowRemote: true, allowPrivate: true }, 0]);
  expect(runtime.requests[0]!.messages[0]!.content.slice(0, 2)).toEqual([
    { type: "image", bytes: Uint8Array.of(1, 2) },
    { type: "image", bytes: Uint8Array.of(5) },
  ]);
});

test("--verbose says on stderr what takes how much memory, and what took how long", async () => {
  const { services } = fakeServices("a", "b");
  const { stdout, stderr } = await cli(["run", "./m", "?", "--verbose"], { services });
  expect(stdout).toBe("ab\n");
  expect(stderr).toStartWith(
    "memory 57.9 MB, for 8 answers at a time: weights 28.4 MB, text cache 29.5 MB\n",
  );
  expect(stderr).toMatch(/\nload +[\d.]+ ms\nprompt +13 ms, 21 tokens, 1680\.0 tokens\/s\n/);
  expect(stderr).toContain("answer  4.0 ms, 2 tokens, 500.0 tokens/s, ended by stop\n");
});

test("run says once what is to be known about the model", async () => {
  const runtime = new FakeRuntime(() => answer("x"), { notes: ["The built-in chat template\nis used"] });
  const run = await cli(["run", "./m", "?"], { services: { openRuntime: () => Promise.resolve(runtime) } });
  expect(run).toEqual({ code: 0, stdout: "x\n", stderr: "note: The built-in chat template\nis used\n" });
});

test("an answer without an end is a failure that says so", async () => {
  const runtime = new FakeRuntime(() => answer("half").slice(0, 2));
  const run = await cli(["run", "./m", "?"], { services: { openRuntime: () => Promise.resolve(runtime) } });
  expect(run).toMatchObject({ code: 1, stdout: "half\n" });
  expect(run.stderr).toStartWith(
    "error: Unexpected failure: The runtime ended the answer without an end event\n",
  );
});

test("a model cannot command the terminal, and a pipe gets its text unchanged (C03)", async () => {
  const hostile = "\x1b]52;c;aGk=\x07\x1b[2Jevil\u202etxt\x9b1m\r over\r\nok\ttab";
  const shown = await cli(["run", "./m", "?"], { ...fakeServices(hostile), terminal: true });
  expect(shown.stdout).toBe("\\x1b]52;c;aGk=\\x07\\x1b[2Jevil\\u202etxt\\x9b1m\\x0d over\nok\ttab\n");
  expect((await cli(["run", "./m", "?"], fakeServices(hostile))).stdout).toBe(`${hostile}\n`);
});

test("progress is shown on a terminal only, and is gone before the answer", async () => {
  const shown = await cli(["run", "./m", "?"], { ...fakeServices("x"), terminal: true });
  expect(shown.stderr).toBe(
    "\r\x1b[2KLoading [##########----------] weights, 50 %, 5.0 MB of 10.0 MB\r\x1b[2K",
  );
});

test("Terminal.progress() rewrites its line at most ten times a second", () => {
  const stderr = new Sink(true);
  const stdin = { isTTY: true, async *[Symbol.asyncIterator]() {} };
  let now = 0;
  const terminal = new Terminal({ stdin, stdout: new Sink(true), stderr }, () => now);
  for (; now < 250; now++) terminal.progress(`step ${now}`);
  expect(stderr.text).toBe("\r\x1b[2Kstep 0\r\x1b[2Kstep 100\r\x1b[2Kstep 200");
});

test("a picture that cannot be used is named, as far as the refusal tells", async () => {
  const refusal = () => [new RequestError("Cannot use the image: damaged", { code: "invalid_image" })];
  const asked = async (...names: string[]) => {
    const services = { openRuntime: () => Promise.resolve(new FakeRuntime(refusal)) };
    return (await cli(["run", "./m", "?", ...names.map((name) => `--image=${name}`)], { services })).stderr;
  };
  expect(await asked(picture)).toBe(`error: Picture ${picture}: Cannot use the image: damaged\n`);
  expect(await asked(picture, picture)).toBe(
    `error: One of the pictures ${picture}, ${picture}: Cannot use the image: damaged\n`,
  );
});

test("a text may begin like a bitmap", async () => {
  const { runtime, services } = fakeServices("x");
  expect((await cli(["run", "./m"], { services, stdin: "BMW or Audi?" })).code).toBe(0);
  expect(runtime.requests[0]!.messages[0]!.content).toEqual([{ type: "text", text: "BMW or Audi?" }]);
});

test("a word that only looks like a picture's name is a word", async () => {
  const { runtime, services } = fakeServices("x");
  await cli(["run", "./m", "What is in", "no_such.png"], { services });
  expect(runtime.requests[0]!.messages[0]!.content).toEqual([{
    type: "text",
    text: "What is in no_such.png",
  }]);
});

/** Arguments, stdin, and a piece of what is said; all end with exit code 2 before any model is opened. */
const misuses: [string[], string | undefined, string][] = [
  [["run"], undefined, "No prompt was given"],
  [["run", "./m"], undefined, "No prompt was given"],
  [["run", "./m", "--image", "-"], "bytes", "No prompt was given"],
  [["run", "./m", "-", "--image", "-"], "x", "stdin can be read once"],
  [["run", "./m"], "  \n", "The prompt on stdin is empty"],
  [["run", "./m"], "GIF89a\0\0", "stdin holds a picture, and it is read as text"],
  [["run", "./m", "What is this?", "-"], "BM\0\0", "Say that it is one: llamav run"],
  [
    ["run", "./m", "What?", "https://a.example/b.png?w=1"],
    undefined,
    "which is the address of a picture",
  ],
  [["run", "https://a.example/b.png", "What?"], undefined, "which is the address of a picture"],
  [["run", "https://hub.example/a/b", "What?"], undefined, "MODEL must be a model, and"],
  [["run", "./m", "?", "--json-schema", "none.json"], undefined, '"none.json": there is no such file'],
  [["run", "./m", "?", "--json-schema", folder], undefined, '": it is a folder'],
  [["run", "./m", "?", "--images", "x.png"], undefined, "--images needs --messages\nDid you mean --image?"],
  [["run", "./m", "?", "--temp", "nan"], undefined, "must be a number from 0 to 2"],
  [["run", "./m", "?", "--top-k", "1.5"], undefined, "must be a whole number"],
  [["run", "./m", "?", "--max-tokens", "0"], undefined, "must be a whole number from 1"],
  [["run", "./m", "?", "--max-tokens", ""], undefined, "must be a whole number from 1"],
  [["run", "./m", "?", "--stop", ""], undefined, "A --stop text must not be empty"],
  [["run", "./m", "?", ...Array(5).fill("--stop=x")], undefined, "At most 4 --stop texts"],
  [["run", "./m", "?", ...Array(9).fill(`--image=${picture}`)], undefined, "At most 8 pictures"],
  [["run", "./m", "?", "--image", join(folder, "no.png")], undefined, "there is no such file"],
  [["run", "./m", "?", "--image", folder], undefined, "it is no regular file"],
  [["run", "./m", "?", "--image", "/dev/zero"], undefined, "it is no regular file"],
  [["run", "./m", "?", "--image", picture, picture], undefined, "Write --image before each picture"],
  [["run", "./m", "?", "--nonsense"], undefined, "unknown option '--nonsense'"],
  [["walk"], undefined, "unknown command 'walk'"],
];

for (const [args, stdin, piece] of misuses) {
  test(`llamav ${args.join(" ").replaceAll(folder, "…").slice(0, 60)} is wrong usage: ${piece}`, async () => {
    const run = await cli(args, { stdin });
    expect(run).toEqual({ code: 2, stdout: "", stderr: expect.stringContaining(piece) });
  });
}

test.each([
  [["run", "./m", "?", "--temp", "2.1"], '--temp must be a number from 0 to 2, not "2.1"', "run"],
  [["run", "./m", "?", "--temperature=x"], '--temperature must be a number from 0 to 2, not "x"', "run"],
  [["serve", "--log-format", "xml"], '--log-format must be text or json, not "xml"', "serve"],
  [
    ["bench", "serve", "x", "--seed", "y"],
    '--seed must be a whole number from 0 to 9007199254740991, not "y"',
    "bench serve",
  ],
])("%j is refused in one sentence", async (args, sentence, command) => {
  const stderr = `error: ${sentence}\nTry llamav ${command} --help\n`;
  expect(await cli(args)).toEqual({ code: 2, stdout: "", stderr });
});

test("a variable that cannot be is named", async () => {
  const run = await cli(["run", "./m", "?"], { env: { LLAMAV_TEMP: "hot" } });
  expect(run.code).toBe(2);
  expect(run.stderr).toBe('error: LLAMAV_TEMP must be a number from 0 to 2, not "hot"\n');
});

test("a port that Kubernetes has set for a service is told to be one", async () => {
  const run = await cli(["serve", "./m"], { env: { LLAMAV_PORT: "tcp://10.0.0.7:80" } });
  expect(run).toEqual({
    code: 2,
    stdout: "",
    stderr: 'error: LLAMAV_PORT must be a whole number from 0 to 65535, not "tcp://10.0.0.7:80"\n' +
      "Kubernetes sets it for a service of that name: give the pod enableServiceLinks: false\n",
  });
});

test("every kind of error has its exit code, one sentence what and one what to do", async () => {
  const cases: [Error, number, string][] = [
    [
      new ModelNotFoundError("There is no model at x", "Check the path"),
      3,
      "error: There is no model at x\nCheck the path\n",
    ],
    [new AccessError("It is gated", "Ask for access"), 4, "error: It is gated\nAsk for access\n"],
    [new NetworkError("No hub"), 5, "error: No hub\n"],
    [new ServerUnreachableError("No server"), 8, "error: No server\n"],
    [new DeviceError("No device", "Install a driver"), 6, "error: No device\nInstall a driver\n"],
    [new ModelError("Bad file"), 7, "error: Bad file\n"],
    [new RequestError("Too long", { remedy: "Shorten it." }), 2, "error: Too long\nShorten it\n"],
    [
      new TypeError("x is\n\x1bundefined"),
      1,
      "error: Unexpected failure: x is\\n\\x1bundefined\nRun it again with --debug to see where it happened\n",
    ],
  ];
  for (const [error, code, stderr] of cases) {
    const run = await cli(["run", "./m", "?"], { services: { openRuntime: () => Promise.reject(error) } });
    expect(run).toEqual({ code, stdout: "", stderr });
  }
});

test("--debug and LLAMAV_DEBUG say where an error came from", async () => {
  const services = { openRuntime: () => Promise.reject(new TypeError("boom")) };
  expect((await cli(["run", "./m", "?"], { services })).stderr).not.toContain("run.test.ts");
  expect((await cli(["run", "--debug", "./m", "?"], { services })).stderr).toContain("run.test.ts");
  expect((await cli(["run", "./m", "?"], { services, env: { LLAMAV_DEBUG: "1" } })).stderr).toContain(
    "run.test.ts",
  );
});

test("a failure during the answer keeps what was said and closes the model", async () => {
  const runtime = new FakeRuntime(() => [...answer("half").slice(0, 2), new DeviceError("Device lost")]);
  const run = await cli(["run", "./m", "?"], { services: { openRuntime: () => Promise.resolve(runtime) } });
  expect(run).toEqual({ code: 6, stdout: "half\n", stderr: "error: Device lost\n" });
  expect(runtime.closed).toBe(true);
});
