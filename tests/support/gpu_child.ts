import { join } from "node:path";

export interface ChildResult {
  readonly output: string;
  readonly errors: string;
  readonly code: number;
}

/** Runs `tests/gpu/children/<name>.ts` in a process of its own. Variables in `env` are added to ours. */
export async function runGpuChild(
  name: string,
  args: readonly string[] = [],
  env: Readonly<Record<string, string>> = {},
): Promise<ChildResult> {
  const script = join(import.meta.dir, "../gpu/children", `${name}.ts`);
  const child = Bun.spawn([process.execPath, script, ...args], {
    env: { ...process.env, ...env },
    stdout: "pipe",
    stderr: "pipe",
  });
  const [output, errors] = await Promise.all(
    [child.stdout, child.stderr].map((stream) => new Response(stream).text()),
  );
  return { output: output!, errors: errors!, code: await child.exited };
}
