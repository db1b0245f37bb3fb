/** The executable as a server, for measurements from outside. */
import { existsSync, readFileSync } from "node:fs";
import process from "node:process";
import { announced } from "./demo/announced.ts";

export interface ServedModel extends AsyncDisposable {
  readonly url: string;
  readonly pid: number;
}

/**
 * Starts `serve` on a free port and waits until it is ready.
 *
 * @param model a directory; undefined leaves it out, so that the program takes its own
 * @throws {Error} If the executable is missing or ends early.
 */
export async function serveModel(
  executable: string,
  model?: string,
  flags: readonly string[] = [],
): Promise<ServedModel> {
  if (!existsSync(executable)) {
    throw new Error(`Cannot measure: need ${executable}, have none; run bun run build first`);
  }
  const given = model === undefined ? [] : [model];
  return await started(Bun.spawn([executable, "serve", ...given, "--port", "0", ...flags], pipes));
}

/** Starts a server that does the least, `server/bare_server.ts`, with the same model. */
export async function serveBare(
  model: string,
  contextLength: number,
  batch: number,
  device: string | undefined,
): Promise<ServedModel> {
  const program = `${import.meta.dir}/server/bare_server.ts`;
  const args = [model, String(contextLength), String(batch), ...device === undefined ? [] : [device]];
  return await started(Bun.spawn([process.execPath, program, ...args], pipes));
}

const pipes = { stdin: "ignore", stdout: "ignore", stderr: "pipe" } as const;

async function started(child: Bun.Subprocess<"ignore", "ignore", "pipe">): Promise<ServedModel> {
  const url = await announced(child, /Server ready on (http:\/\/\S+)/, "The server");
  return {
    url,
    pid: child.pid,
    [Symbol.asyncDispose]: async () => {
      child.kill("SIGTERM");
      await child.exited;
    },
  };
}

/** Microseconds that a process's main thread has run, as Linux counts them. */
export function mainThreadMicroseconds(pid: number): number {
  const text = readFileSync(`/proc/${pid}/task/${pid}/schedstat`, "utf8");
  return Number(text.split(" ")[0]) / 1000;
}
