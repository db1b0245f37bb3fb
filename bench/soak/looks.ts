/** Looks at the server from outside: what Linux says of the process, and what it says of itself. */
import { readdirSync, readFileSync } from "node:fs";

/** What Linux says of a process. */
export function processState(pid: number): { rssBytes: number; handles: number; threads: number } {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  const value = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+)`, "m").exec(status)?.[1]);
  return {
    rssBytes: value("VmRSS") * 1024,
    handles: readdirSync(`/proc/${pid}/fd`).length,
    threads: value("Threads"),
  };
}

/** What requests hold of the server; all of it is 0 when there are none. */
export async function whatIsHeld(url: string): Promise<Record<string, number>> {
  const metrics = await readMetrics(url);
  const names = ["llamav_requests_waiting", "llamav_sequences_running", 'llamav_kv_blocks{use="held"}'];
  return Object.fromEntries(names.map((name) => [name, valueOf(metrics, name)]));
}

/** The name of the model, and of what it runs on. */
export async function modelAndDevice(url: string): Promise<{ model: string; device: string }> {
  const metrics = await readMetrics(url);
  const label = (name: string) =>
    new RegExp(`^llamav_build_info\\{.*\\b${name}="([^"]*)"`, "m").exec(metrics)?.[1];
  return { model: label("model") ?? "unknown", device: label("device") ?? "unknown" };
}

async function readMetrics(url: string): Promise<string> {
  return await (await fetch(`${url}/metrics`, { keepalive: false })).text();
}

function valueOf(metrics: string, name: string): number {
  const line = metrics.split("\n").find((line) => line.startsWith(`${name} `));
  if (line === undefined) throw new Error(`The server has no metric ${name}`);
  return Number(line.slice(name.length + 1));
}
