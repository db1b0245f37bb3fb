/** The built executable as a stranger meets it: in a folder that is not the repository's, with no environment. */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { repositoryRoot } from "./repository.ts";

export const executablePath = join(
  repositoryRoot,
  "dist",
  process.platform === "win32" ? "llamav.exe" : "llamav",
);

/** The repository's own vectors; `LLAMAV_GOLDENS` does not change what these tests ask. */
const goldens = join(repositoryRoot, "tests/goldens");

export function checkpointDirectory(name: string): string {
  return join(goldens, "checkpoints", name);
}

export function picturePath(name: string): string {
  return join(goldens, "images", name);
}

/** What a golden case asks, and the greedy answer up to its first stop token. */
export function greedyAnswer(family: string, name: string): { text: string; tokenCount: number } {
  const { greedy } = JSON.parse(readFileSync(join(goldens, "cases", family, name, "case.json"), "utf8"));
  if (greedy.first_stop !== null) {
    throw new Error(`${family}/${name} stops early, its text is not the answer`);
  }
  return { text: greedy.text, tokenCount: greedy.ids.length };
}

/** A new folder that is removed when it goes out of scope (`using`). */
export function emptyDirectory(): { readonly path: string } & Disposable {
  const path = mkdtempSync(join(tmpdir(), "llamav-"));
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) };
}

export interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs the executable to its end, in a folder of its own unless one is given. */
export async function runExecutable(
  args: readonly string[],
  options: { cwd?: string; env?: Record<string, string>; stdin?: string } = {},
): Promise<Ended> {
  using scratch = emptyDirectory();
  const child = Bun.spawn([executablePath, ...args], {
    cwd: options.cwd ?? scratch.path,
    env: options.env ?? {},
    stdin: options.stdin === undefined ? "ignore" : new Blob([options.stdin]),
    stdout: "pipe",
    stderr: "pipe",
  });
  const [stdout, stderr] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
  ]);
  return { code: await child.exited, stdout, stderr };
}

export interface ServedModel extends AsyncDisposable {
  readonly url: string;
  readonly pid: number;
  /** Sends SIGTERM and waits for the end. */
  stop(): Promise<number>;
}

/** Starts `llamav serve` on a free port and waits until it says that it is ready; without a model, with its own. */
export async function serveModel(
  model?: string,
  args: readonly string[] = [],
  env: Record<string, string> = {},
): Promise<ServedModel> {
  const scratch = emptyDirectory();
  const child = Bun.spawn([
    executablePath,
    "serve",
    ...model === undefined ? [] : [model],
    "--port",
    "0",
    ...args,
  ], {
    cwd: scratch.path,
    env,
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  const stop = async () => {
    child.kill("SIGTERM");
    const code = await child.exited;
    scratch[Symbol.dispose]();
    return code;
  };
  const output = { text: "" };
  const url = await Promise.race([
    readUrl(child.stdout, output),
    readUrl(child.stderr, output),
    child.exited.then((code) => {
      throw new Error(`llamav serve ended with ${code} before it was ready, and said: ${output.text}`);
    }),
  ]);
  return { url, pid: child.pid, stop, [Symbol.asyncDispose]: async () => void await stop() };
}

/** The address in the line that announces the server; goes on reading, so that the pipe never fills. */
function readUrl(stream: ReadableStream<Uint8Array>, output: { text: string }): Promise<string> {
  const { promise, resolve } = Promise.withResolvers<string>();
  void (async () => {
    const decoder = new TextDecoder();
    for await (const bytes of stream) {
      output.text = (output.text + decoder.decode(bytes, { stream: true })).slice(-4096);
      const url = output.text.match(/Server ready on (http:\/\/\S+) \(Press CTRL\+C to quit\)/)?.[1];
      if (url) resolve(url);
    }
  })();
  return promise;
}

/** A server of pictures on this machine, which counts what it was asked for. */
export function servePictures(): { readonly url: string; readonly requests: string[] } & Disposable {
  const requests: string[] = [];
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    fetch(request) {
      const name = new URL(request.url).pathname.slice(1);
      requests.push(name);
      return new Response(Bun.file(picturePath(name)));
    },
  });
  return { url: `http://127.0.0.1:${server.port}`, requests, [Symbol.dispose]: () => void server.stop(true) };
}
