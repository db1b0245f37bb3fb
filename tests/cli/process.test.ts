import { afterEach, expect, setDefaultTimeout, test } from "bun:test";
import process from "node:process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { until } from "../support/fake_runtime.ts";
import { testLimitMs } from "../support/test_limit.ts";

setDefaultTimeout(testLimitMs);

const program = join(import.meta.dir, "fake_program.ts");
const started: Bun.Subprocess[] = [];

afterEach(() => {
  for (const child of started.splice(0)) child.kill("SIGKILL");
});

type Fake = "endless" | "held" | "short" | "lost" | "died";

/** A process, what it has said so far, and its exit code once all that it said is there. */
function start(args: readonly string[], fake: Fake) {
  const child = Bun.spawn([process.execPath, program, ...args], {
    env: { FAKE: fake },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  started.push(child);
  const seen = { stdout: "", stderr: "" };
  const readers = (["stdout", "stderr"] as const).map(async (name) => {
    const decoder = new TextDecoder();
    for await (const bytes of child[name]) seen[name] += decoder.decode(bytes, { stream: true });
  });
  const ended = Promise.all(readers).then(() => child.exited);
  return { child, seen, ended };
}

test("SIGINT ends an answer with 130, SIGTERM with 143, and what was said stays", async () => {
  for (const [signal, code] of [["SIGINT", 130], ["SIGTERM", 143]] as const) {
    const { child, seen, ended } = start(["run", "./m", "?"], "endless");
    await until(() => seen.stdout.includes("word 3"));
    child.kill(signal);
    expect(await ended).toBe(code);
    expect(seen.stdout).toEndWith("\n");
    expect(seen.stderr).toBe("note: The built-in chat template is used\n");
  }
});

test("a reader that goes away ends the answer quietly with 141 (C05)", async () => {
  const shell = Bun.spawn([
    "sh",
    "-c",
    `{ FAKE=endless "${process.execPath}" "${program}" run ./m "?"; echo "code $?" >&2; } | head -c 100`,
  ], { stdin: "ignore", stdout: "pipe", stderr: "pipe" });
  started.push(shell);
  const [stdout, stderr] = await Promise.all([
    new Response(shell.stdout).text(),
    new Response(shell.stderr).text(),
  ]);
  expect(stdout.length).toBe(100);
  expect(stderr).toBe("note: The built-in chat template is used\ncode 141\n");
});

test("a pipe that is not read is told, unless nothing suggests that it should be", async () => {
  const run = async (question: string) => {
    const command = `printf x | FAKE=short "${process.execPath}" "${program}" run ./m ${question}`;
    const shell = Bun.spawn(["sh", "-c", command], { stdin: "ignore", stdout: "ignore", stderr: "pipe" });
    started.push(shell);
    return await new Response(shell.stderr).text();
  };
  expect(await run("'What is this?'")).toStartWith(
    "note: stdin is not read: - in the prompt stands for its text",
  );
  for (const question of ["", "'Read this:' -", "? --image -"]) {
    expect(await run(question)).not.toContain("stdin is not read");
  }
});

test("an answer, long or short, that a full disk does not take ends with 1 and the reason", async () => {
  if (process.platform !== "linux") return;
  for (const fake of ["short", "endless"] as const) {
    const child = Bun.spawn(["sh", "-c", `exec "${process.execPath}" "${program}" run ./m "?" >/dev/full`], {
      env: { FAKE: fake },
      stdin: "ignore",
      stderr: "pipe",
    });
    started.push(child);
    expect(await new Response(child.stderr).text()).toContain("error: Cannot write to stdout: ENOSPC;");
    expect(await child.exited).toBe(1);
  }
});

/** A running `serve`: its address once it is ready, and a question to it. */
async function startServing(fake: Fake, ...flags: string[]) {
  const { child, seen, ended } = start(["serve", "m", "--port", "0", ...flags], fake);
  await until(() => seen.stderr.includes("Server ready"));
  const url = /http:\/\/[\d.:]+/.exec(seen.stderr)![0];
  const ask = (more: object = {}) =>
    fetch(`${url}/v1/chat/completions`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ model: "default", messages: [{ role: "user", content: "Hi" }], ...more }),
    });
  return { child, seen, ended, ask };
}

test("serve says what it serves, in what memory, and last that it is ready, also to a file", async () => {
  const folder = mkdtempSync(join(tmpdir(), "llamav-serve-"));
  const file = join(folder, "stderr");
  const child = Bun.spawn([process.execPath, program, "serve", "m", "--port", "0"], {
    env: { FAKE: "short" },
    stdin: "ignore",
    stdout: "ignore",
    stderr: Bun.file(file),
  });
  started.push(child);
  const written = () => readFileSync(file, "utf8");
  await until(() => written().includes("quit)\n"));
  const lines = written().split("\n");
  rmSync(folder, { recursive: true });
  expect(lines).toEqual([
    "tiny on fake device, 512 tokens of context",
    "memory 57.9 MB, for 8 answers at a time: weights 28.4 MB, text cache 29.5 MB",
    "note: The built-in chat template is used",
    expect.stringMatching(/^Loaded in .+; pictures by URL: from public addresses$/),
    "Built with Llama",
    expect.stringMatching(/^Server ready on http:\/\/127\.0\.0\.1:\d+ \(Press CTRL\+C to quit\)$/),
    "",
  ]);
});

test("a runtime that fails ends its answers with an error and the server with its exit code", async () => {
  const ends = [
    ["lost", 6, "device_error", "The device was lost"],
    ["died", 1, "internal_error", "The engine stopped"],
  ] as const;
  for (const [fake, exitCode, code, message] of ends) {
    const { seen, ended, ask } = await startServing(fake);
    const text = await (await ask({ stream: true })).text();
    expect(text).toContain('"content":"half"');
    expect(text).toContain(`"code":"${code}"`);
    expect(text).not.toContain("[DONE]");
    expect(await ended).toBe(exitCode);
    expect(seen.stderr).toContain(`\nerror: ${message}; the server ends\n`);
  }
});

test("one request more than --max-num-queued-reqs is a 429 with Retry-After", async () => {
  const { ask } = await startServing("endless", "--max-num-queued-reqs", "1");
  const leaving = await ask({ stream: true });
  const staying = await ask({ stream: true });
  expect([leaving.status, staying.status]).toEqual([200, 200]);
  const refused = await ask();
  expect([refused.status, refused.headers.get("retry-after")]).toEqual([
    429,
    expect.stringMatching(/^[1-9]\d?$/),
  ]);
  const { error } = await refused.json() as { error: { code: string; type: string } };
  expect(error).toMatchObject({ code: "queue_full", type: "rate_limit_error" });
  await leaving.body!.cancel();
  let retried = await ask({ stream: true });
  for (let i = 0; i < 100 && retried.status === 429; i++) {
    await Bun.sleep(20);
    retried = await ask({ stream: true });
  }
  expect(retried.status).toBe(200);
});

test("serve --verbose says what an answer's time went into", async () => {
  const { seen, ask } = await startServing("short", "--verbose");
  expect((await ask()).status).toBe(200);
  await until(() => seen.stderr.includes("debug: req_"));
  expect(seen.stderr).toMatch(
    /^debug: req_\w+ queue 0\.0 ms, images 0\.0 ms, prompt 13 ms, answer 4\.0 ms$/m,
  );
});

test("serve answers, drains on SIGTERM and exits with 0 (O06)", async () => {
  const { child, seen, ended, ask } = await startServing("held");
  const response = await ask({ stream: true });
  child.kill("SIGTERM");
  await until(() => seen.stderr.includes("Finishing 1 answers"));
  child.kill("SIGUSR2");
  const text = await response.text();
  expect(text).toContain('"content":"held"');
  expect(text).toEndWith("data: [DONE]\n\n");
  expect(await ended).toBe(0);
  expect(seen.stdout).toBe("");
  expect(seen.stderr).toEndWith("\nServer stopped\n");
});

test("pictures by URL are fetched by default on a loopback address only, and as the flags say", async () => {
  const cases: [string[], object][] = [
    [[], { allowRemote: true, allowPrivate: false }],
    [["--host", "0.0.0.0"], { allowRemote: false, allowPrivate: false }],
    [["--no-allow-remote-images"], { allowRemote: false, allowPrivate: false }],
    [
      [
        "--host",
        "0.0.0.0",
        "--allow-remote-images",
        "--allow-private-images",
        "--allowed-media-domains",
        "a.example",
      ],
      { allowRemote: true, allowPrivate: true, allowedDomains: ["a.example"] },
    ],
  ];
  for (const [flags, policy] of cases) {
    const { ask } = await startServing("short", ...flags);
    const content = [{ type: "image_url", image_url: { url: "http://pictures.example/a.png" } }];
    const response = await ask({ messages: [{ role: "user", content }] });
    const { error } = await response.json() as { error: { message: string; param: string } };
    expect([JSON.parse(error.message), error.param]).toEqual([policy, "messages[0].content[0].image_url"]);
  }
});

test("a second signal ends a draining server at once", async () => {
  const { child, seen, ask } = await startServing("endless");
  const response = await ask({ stream: true });
  const reading = response.text().catch(() => "");
  child.kill("SIGINT");
  await until(() => seen.stderr.includes("Finishing"));
  child.kill("SIGINT");
  expect(await child.exited).toBe(130);
  await reading;
});

test("serve on a port that is taken says so and exits with 1", async () => {
  const first = start(["serve", "m", "--port", "0"], "short");
  await until(() => first.seen.stderr.includes("Server ready"));
  const port = /:(\d+) /.exec(first.seen.stderr)![1]!;
  const second = start(["serve", "m", "--port", port], "short");
  expect(await second.ended).toBe(1);
  expect(second.seen.stderr).toContain(
    `error: Cannot listen on 127.0.0.1:${port}: the port is in use\nChoose another`,
  );
});
