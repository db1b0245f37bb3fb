import { afterEach, expect, setDefaultTimeout, test } from "bun:test";
import process from "node:process";
import { join } from "node:path";
import { until } from "../support/fake_runtime.ts";

// The machine may be busy with other tests; a test that hangs still ends.
setDefaultTimeout(30_000);

const program = join(import.meta.dir, "fake_program.ts");
const started: Bun.Subprocess[] = [];

afterEach(() => {
  for (const child of started.splice(0)) child.kill("SIGKILL");
});

function start(args: readonly string[], fake: "endless" | "short") {
  const child = Bun.spawn([process.execPath, program, ...args], {
    env: { FAKE: fake },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  started.push(child);
  const seen = { stdout: "", stderr: "" };
  for (const name of ["stdout", "stderr"] as const) {
    (async () => {
      const decoder = new TextDecoder();
      for await (const bytes of child[name]) seen[name] += decoder.decode(bytes, { stream: true });
    })();
  }
  return { child, seen };
}

test("SIGINT ends an answer with 130, SIGTERM with 143, and what was said stays", async () => {
  for (const [signal, code] of [["SIGINT", 130], ["SIGTERM", 143]] as const) {
    const { child, seen } = start(["run", "m", "?"], "endless");
    await until(() => seen.stdout.includes("word 3"));
    child.kill(signal);
    expect(await child.exited).toBe(code);
    expect(seen.stdout).toEndWith("\n");
    expect(seen.stderr).toBe("");
  }
});

test("a reader that goes away ends the answer quietly with 141 (C05)", async () => {
  const shell = Bun.spawn([
    "sh",
    "-c",
    `{ FAKE=endless "${process.execPath}" "${program}" run m "?"; echo "code $?" >&2; } | head -c 100`,
  ], { stdin: "ignore", stdout: "pipe", stderr: "pipe" });
  started.push(shell);
  const [stdout, stderr] = await Promise.all([
    new Response(shell.stdout).text(),
    new Response(shell.stderr).text(),
  ]);
  expect(stdout.length).toBe(100);
  expect(stderr).toBe("code 141\n");
});

test("serve says where it is ready, answers, drains on SIGTERM and exits with 0 (O06)", async () => {
  const { child, seen } = start(["serve", "m", "--port", "0"], "short");
  await until(() => seen.stderr.includes("Server ready"));
  const url = /^Server ready on (http:\/\/127\.0\.0\.1:\d+) \(Press CTRL\+C to quit\)$/m.exec(
    seen.stderr,
  )![1]!;
  expect(seen.stderr).toContain("tiny on fake device, 512 tokens of context");
  const pending = fetch(`${url}/v1/chat/completions`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ model: "default", messages: [{ role: "user", content: "Hi" }] }),
  });
  await Bun.sleep(100);
  child.kill("SIGTERM");
  const body = await (await pending).json() as { choices: { message: { content: string } }[] };
  expect(body.choices[0]!.message.content).toBe("slow");
  expect(await child.exited).toBe(0);
  expect(seen.stderr).toContain("Finishing 1 answers");
  expect(seen.stdout).toBe("");
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
    const { seen } = start(["serve", "--model", "m", "--port", "0", ...flags], "short");
    await until(() => seen.stderr.includes("Server ready"));
    const content = [{ type: "image_url", image_url: { url: "http://pictures.example/a.png" } }];
    const response = await fetch(`http://127.0.0.1:${/:(\d+) /.exec(seen.stderr)![1]}/v1/chat/completions`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ model: "default", messages: [{ role: "user", content }] }),
    });
    const { error } = await response.json() as { error: { message: string; param: string } };
    expect([JSON.parse(error.message), error.param]).toEqual([policy, "messages[0].content[0].image_url"]);
  }
});

test("a second signal ends a draining server at once", async () => {
  const { child, seen } = start(["serve", "m", "--port", "0"], "endless");
  await until(() => seen.stderr.includes("Server ready"));
  const url = /http:\/\/[\d.:]+/.exec(seen.stderr)![0];
  const response = await fetch(`${url}/v1/chat/completions`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ model: "default", stream: true, messages: [{ role: "user", content: "Hi" }] }),
  });
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
  expect(await second.child.exited).toBe(1);
  await until(() => second.seen.stderr.includes("\n"));
  expect(second.seen.stderr).toContain(
    `error: Cannot listen on 127.0.0.1:${port}: the port is in use\nChoose another`,
  );
});
