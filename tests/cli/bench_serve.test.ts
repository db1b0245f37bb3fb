import { afterEach, expect, setDefaultTimeout, test } from "bun:test";
import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { describeReport } from "../../src/cli/load/describe.ts";
import type { LoadReport } from "../../src/cli/load/report.ts";
import { repositoryRoot } from "../support/repository.ts";
import { testLimitMs } from "../support/test_limit.ts";
import { cli } from "./support.ts";

setDefaultTimeout(testLimitMs);

interface Asked {
  readonly model: string;
  readonly messages: readonly [{ readonly content: unknown }];
  readonly max_tokens: number;
  readonly stream?: boolean;
  readonly stream_options?: unknown;
}

type Answer = (asked: Asked, index: number, request: Request) => Response | Promise<Response>;

let servers: { stop(now: boolean): unknown }[] = [];

afterEach(async () => {
  for (const server of servers) await server.stop(true);
  servers = [];
});

/**
 * A server that is none of ours: one model or several, or the status by which it refuses to list them, and answers as a
 * test wants them.
 */
function standIn(answer: Answer, models: readonly string[] | number = ["other/model"]) {
  const asked: Asked[] = [];
  const server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    idleTimeout: 0,
    async fetch(request) {
      const { pathname } = new URL(request.url);
      if (pathname === "/v1/models") {
        if (typeof models === "number") return new Response("", { status: models });
        return Response.json({ data: models.map((id) => ({ id })) });
      }
      if (pathname !== "/v1/chat/completions") return new Response("Not found", { status: 404 });
      const body = await request.json() as Asked;
      asked.push(body);
      return await answer(body, asked.length - 1, request);
    },
  });
  servers.push(server);
  return { url: `127.0.0.1:${server.port}`, asked };
}

function chunk(content: string, finish: string | null = null): string {
  return `data: ${JSON.stringify({ choices: [{ delta: { content }, finish_reason: finish }] })}\n\n`;
}

const usage = `data: ${
  JSON.stringify({ choices: [], usage: { prompt_tokens: 7, completion_tokens: 5 } })
}\n\n`;

/** A stream in pieces of so many bytes, wherever these cut it. */
function stream(text: string, bytesEach = Infinity): Response {
  const bytes = new TextEncoder().encode(text);
  async function* pieces() {
    for (let at = 0; at < bytes.length; at += bytesEach) {
      yield bytes.subarray(at, Math.min(bytes.length, at + bytesEach));
      await Bun.sleep(0);
    }
  }
  return new Response(ReadableStream.from(pieces()), { headers: { "content-type": "text/event-stream" } });
}

const whole = `${chunk("Grüße")}${chunk(" an")}${chunk(" alle", "stop")}`;

const few = ["--requests", "6", "--concurrency", "2", "-n", "5"];

async function report(url: string, ...args: string[]) {
  const { code, stdout, stderr } = await cli(["bench", "serve", url, ...few, ...args, "--json"]);
  expect(stdout).not.toBe("");
  return {
    code,
    stderr,
    ...JSON.parse(stdout) as LoadReport & { stopped: boolean; model: string; url: string },
  };
}

test("bench serve asks the model of the server, and counts tokens as the server does", async () => {
  const { url, asked } = standIn(() => stream(`${whole}${usage}data: [DONE]\n\n`));
  const found = await report(url);
  expect(found).toMatchObject({
    code: 0,
    url: `http://${url}/v1/`,
    model: "other/model",
    answered: 6,
    failed: 0,
    tokensBy: "server",
    promptTokens: 42,
    promptTokensMean: 7,
    outputTokens: 30,
    failures: [],
    stopped: false,
  });
  for (const spread of [found.ttftMs, found.tpotMs, found.itlMs, found.e2eMs]) {
    expect(spread!.p50).toBeGreaterThanOrEqual(0);
    expect(spread!.p50).toBeLessThanOrEqual(spread!.p99);
  }
  expect(found.ttftMs!.mean).toBeLessThanOrEqual(found.e2eMs!.mean);
  expect(asked).toHaveLength(7); // one to warm up
  expect(asked[3]).toMatchObject({ model: "other/model", max_tokens: 5, stream: true });
});

test("bench serve tells a prompt's words, and how many tokens the server made of them", async () => {
  const { url, asked } = standIn(() => stream(`${whole}${usage}data: [DONE]\n\n`));
  const { stdout } = await cli(["bench", "serve", url, ...few, "--prompt-words", "20"]);
  expect(stdout).toContain("prompts of 20 words,");
  expect(stdout).toMatch(/^prompts +42 tokens: 7 each$/m);
  expect((asked[0]!.messages[0].content as string).split(" ")).toHaveLength(20);
  // Beside the tokens that the server counted.
  expect(await report(url, "--prompt-words", "20")).toMatchObject({
    settings: { promptWords: 20 },
    promptTokens: 42,
  });
});

test("bench serve asks what no run before has asked, unless a seed says otherwise", async () => {
  const { url, asked } = standIn(() => stream(`${whole}${usage}`));
  const questions = async (...args: string[]) => {
    asked.length = 0;
    const { stdout } = await cli(["bench", "serve", url, ...few, ...args]);
    return { seed: /seed (\d+)$/m.exec(stdout)![1]!, first: asked[0]!.messages[0].content };
  };
  const [one, other] = [await questions(), await questions()];
  expect(one.first).not.toEqual(other.first);
  expect(await questions("--seed", one.seed)).toEqual(one);
});

test("the flags of keys say what they do for who asks a server", async () => {
  for (const command of [["bench", "serve"], ["ps"]]) {
    const help = (await cli([...command, "--help"])).stdout.replace(/\s+/g, " ");
    expect(help).toContain("--api-key <key> key to send to the server");
    expect(help).not.toContain("ask callers");
  }
});

test("bench serve reads streams that are cut anywhere, with other line ends and without an end mark", async () => {
  const odd = `: ping\r\n\r\nevent: x\r\n${(whole + usage).replaceAll("\n", "\r\n").trimEnd()}`;
  const { url } = standIn(() => stream(odd, 3));
  expect(await report(url)).toMatchObject({ answered: 6, failed: 0, outputTokens: 30 });
});

test("bench serve does without stream_options where a server refuses them, counts pieces and says so", async () => {
  const { url, asked } = standIn((body) =>
    body.stream_options === undefined
      ? stream(whole)
      : Response.json({ error: { message: "Unknown field" } }, { status: 400 })
  );
  const { code, stdout } = await cli(["bench", "serve", `http://${url}/`, ...few]);
  expect(code).toBe(0);
  expect(stdout).toMatch(/^answers +18 tokens: [\d.]+ tokens\/s$/m);
  expect(stdout).toMatch(/^tokens +the server does not count them: these are pieces/m);
  expect(stdout).toMatch(/^prompts +tokens unknown/m);
  expect(asked.filter((body) => body.stream_options !== undefined)).toHaveLength(1);
});

test("bench serve counts an empty list of calls for no piece, and a list with one for a piece", async () => {
  const calling = (calls: unknown[]) =>
    `data: ${JSON.stringify({ choices: [{ delta: { content: "", tool_calls: calls } }] })}\n\n`;
  const { url } = standIn(() => stream(`${calling([])}${calling([{ index: 0 }])}${calling([])}${whole}`));
  expect(await report(url)).toMatchObject({ answered: 6, tokensBy: "pieces", outputTokens: 6 * 4 });
});

test("bench serve stays with its server where a path begins with two slashes", async () => {
  const { url, asked } = standIn(() => stream(whole));
  for (const path of ["//v1", "//v1//"]) {
    expect(await report(`http://${url}${path}`)).toMatchObject({ code: 0, url: `http://${url}//v1/` });
  }
  expect(asked).toHaveLength(14);
});

test("bench serve counts errors by kind, with what was said of one of them", async () => {
  const { url } = standIn((_, index) => {
    if (index === 1) return Response.json({ error: { message: "Out of luck" } }, { status: 500 });
    if (index === 2) return stream(`${chunk("a")}data: {"error": {"message": "Lost\\nthe device"}}\n\n`);
    if (index === 3) return stream(chunk("a"));
    if (index === 4) return stream("data: {nothing\n\n");
    if (index === 5) return Response.json({ choices: [{}] });
    return stream(whole);
  });
  const found = await report(url);
  expect(found).toMatchObject({ code: 0, answered: 1, failed: 5 });
  expect(found.failures.toSorted((a, b) => a.reason < b.reason ? -1 : 1)).toEqual([
    { reason: "500 Internal Server Error", count: 1, example: "Out of luck" },
    { reason: "error in the stream", count: 1, example: "Lost\nthe device" },
    { reason: "malformed answer", count: 1, example: "no JSON object: {nothing" },
    { reason: "no event stream", count: 1, example: expect.stringContaining("application/json") },
    { reason: "stream cut short", count: 1, example: "it ended after 1 pieces, without a finish_reason" },
  ]);
  // Of a server's words none begins a line of the report.
  expect(describeReport(found)).toContain("  1 × error in the stream: Lost\\nthe device\n");
});

test("bench serve has an end for an answer that has none", async () => {
  // The first one warms up, and has to come in time on a busy machine, too.
  const { url } = standIn((_, index) => index === 0 ? stream(whole) : new Promise(() => {}));
  const { code, stdout, stderr } = await cli([
    ...["bench", "serve", url, "--requests", "2", "--timeout", "5"],
  ]);
  expect(code).toBe(1);
  expect(stdout).toContain("  2 × timeout: no complete answer within 5 s\n");
  expect(stderr).toContain("error: None of 2 requests was answered, most for: timeout\n");
});

test("bench serve tells a connection that breaks from one that was never there", async () => {
  let connections = 0;
  const server = createServer((socket) => {
    const body = connections++ === 0 ? whole : chunk("a");
    const length = connections === 1 ? Buffer.byteLength(body) : 1000;
    socket.once("data", () => {
      socket.end(
        `HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\nContent-Length: ${length}\r\n\r\n${body}`,
        // Nobody is there any more after the first of these.
        () => connections === 2 && server.close(),
      );
    });
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  const { port } = server.address() as AddressInfo;
  const { code, failures } = await report(`127.0.0.1:${port}`, "m", "--concurrency", "1", "--requests", "3");
  expect(code).toBe(1);
  expect(failures.map(({ reason, count }) => [reason, count])).toEqual([
    ["no connection", 2],
    ["connection lost", 1],
  ]);
});

test("bench serve comes back as late as Retry-After says", async () => {
  const times: number[] = [];
  const { url } = standIn((_, index) => {
    times.push(performance.now());
    return index === 1 ? Response.json({}, { status: 429, headers: { "retry-after": "1" } }) : stream(whole);
  });
  const found = await report(url, "--concurrency", "1", "--requests", "2");
  expect(found).toMatchObject({ code: 0, answered: 1, failures: [{ reason: "429 Too Many Requests" }] });
  expect(times[2]! - times[1]!).toBeGreaterThan(990);
});

test("bench serve --no-stream measures whole answers", async () => {
  const { url, asked } = standIn(() =>
    Response.json({
      choices: [{ message: { content: "x" } }],
      usage: { prompt_tokens: 1, completion_tokens: 4 },
    })
  );
  const found = await report(url, "--no-stream");
  expect(found).toMatchObject({ answered: 6, outputTokens: 24, tokensBy: "server" });
  expect([found.ttftMs, found.e2eMs]).toEqual([undefined, expect.anything()]);
  expect(asked.every((body) => body.stream === undefined && body.stream_options === undefined)).toBe(true);
});

test("bench serve sends its key, and says which model, key or address is wrong", async () => {
  const guarded = standIn((_, __, { headers }) =>
    headers.get("authorization") === "Bearer k-right" ? stream(whole) : new Response("", { status: 401 })
  );
  const env = { LLAMAV_API_KEY: "k-right", LLAMAV_MODEL: "of-another-command" };
  expect((await cli(["bench", "serve", guarded.url, ...few], { env })).code).toBe(0);
  expect(guarded.asked[0]!.model).toBe("other/model");
  const many = standIn(() => Response.json({ message: "No such model" }, { status: 404 }), ["a", "b"]);
  const busy = standIn(() => Response.json({ error: { message: "Loading" } }, { status: 503 }));
  const silent = standIn(() => Response.json({}));
  const secretive = standIn(() => stream(whole), 500);
  expect((await cli(["bench", "serve", secretive.url, "m", ...few])).code).toBe(0);
  const cases: [string[], number, string][] = [
    [[secretive.url], 8, "it answers 500 to /v1/models\nName the model after the URL"],
    [[guarded.url], 4, "asks for a key\nGive it with --api-key-file"],
    [[guarded.url, "--api-key", "k-wrong"], 4, "does not take this key"],
    [["http://127.0.0.1:9"], 8, "No server answers at http://127.0.0.1:9: nobody listens there"],
    [["http://127.0.0.1:9", "m"], 8, "No server answers at http://127.0.0.1:9"],
    [[`${guarded.url}/v2`], 2, "it answers 404 to /v2/models"],
    [[many.url], 2, "The server has 2 models: a, b\nName the model after the URL"],
    [[many.url, "c"], 2, "404 Not Found: No such model\nLook whether"],
    [[busy.url], 1, "503 Service Unavailable: Loading\nLook at what the server says"],
    [
      [silent.url],
      1,
      "the answer is application/json;charset=utf-8, not text/event-stream\nMeasure whole answers",
    ],
    [[`${silent.url}?x=1`], 2, "URL must have nothing but the server and a path"],
    [["8000"], 2, 'URL must be an http(s) address or HOST:PORT, not "8000"'],
    [[many.url, "--rate", "0"], 2, "must be a number from 0.001 to 10000"],
  ];
  for (const [args, code, text] of cases) {
    const run = await cli(["bench", "serve", ...args]);
    expect(run.stderr).toContain(text);
    expect([run.code, run.stdout]).toEqual([code, ""]);
  }
});

test("bench serve takes its flags behind its name only", async () => {
  const { code, stderr } = await cli(["bench", "--json", "serve", "127.0.0.1:9"]);
  expect([code, stderr]).toEqual([2, expect.stringContaining('--json must stand behind "serve"')]);
  expect((await cli(["bench", "serve", "127.0.0.1:9", "--batch", "2"])).code).toBe(2);
});

test("bench serve prints what there is when it is interrupted, and ends with 130", async () => {
  const enough = Promise.withResolvers<void>();
  const { url } = standIn((_, index) => {
    if (index < 4) return stream(whole);
    enough.resolve();
    return new Promise(() => {});
  });
  const child = Bun.spawn(
    [process.execPath, "main.ts", "bench", "serve", url, ...few, "--concurrency", "1"],
    {
      cwd: repositoryRoot,
      env: {},
      stdout: "pipe",
      stderr: "pipe",
    },
  );
  await enough.promise;
  child.kill("SIGINT");
  const [stdout, stderr, code] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ]);
  expect([code, stderr]).toEqual([130, ""]);
  expect(stdout).toMatch(/^answered +3 requests in /m);
  expect(stdout).toMatch(/^not answered +1 open when it was stopped$/m);
});
