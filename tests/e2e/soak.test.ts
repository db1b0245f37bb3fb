import { expect, test } from "bun:test";
import { join } from "node:path";
import process from "node:process";
import type { Soak } from "../../bench/soak/report.ts";
import { executablePath } from "../support/executable.ts";
import { repositoryRoot } from "../support/repository.ts";

/**
 * The soak for seconds: what every kind of request comes to, and that nothing is held when nobody asks. Whether memory
 * and handles are flat takes half an hour, by `bun bench/soak.ts --minutes 30`; `tests/bench/soak_report.test.ts` holds
 * its judge to that.
 */
test(
  "the executable answers traffic of every kind as it must, and holds nothing in between (O11)",
  async () => {
    const child = Bun.spawn(
      [
        process.execPath,
        join(repositoryRoot, "bench/soak.ts"),
        ...["--minutes", "0.2", "--lanes", "8", "--json", "--executable", executablePath],
      ],
      { cwd: repositoryRoot, stdin: "ignore", stdout: "pipe", stderr: "ignore" },
    );
    const text = await new Response(child.stdout).text();
    await child.exited;
    const { samples, outcomes, surprises, held } = JSON.parse(text) as Soak;
    expect(surprises).toEqual([]);
    expect(Object.entries(held).filter(([, value]) => value !== 0)).toEqual([]);
    expect(samples.length).toBeGreaterThan(1);
    // Most of the kinds that there are have come by, those that hurt among them.
    expect(Object.keys(outcomes).length).toBeGreaterThan(10);
    for (const kind of ["stream that is left", "chat, streamed"]) expect(outcomes[kind]).toBeDefined();
    const [first, last] = [samples[0]!, samples.at(-1)!];
    expect(last.requests).toBeGreaterThan(first.requests);
    // Nothing like a leak of a handle or a thread for each request.
    expect(last.handles - first.handles).toBeLessThan((last.requests - first.requests) / 4);
    expect(last.threads - first.threads).toBeLessThan(16);
  },
  240_000,
);
