/** Row G04 of the security notes. `LLAMAV_SCHEMAS=10000 bun test tests/grammar/many_schemas.test.ts` tries that many. */
import { expect, spyOn, test } from "bun:test";
import { mkdtempSync, readdirSync, readlinkSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { GrammarPool } from "../../src/grammar/grammar_pool.ts";
import { MatcherThread } from "../../src/grammar/matcher_thread.ts";
import { smallVocabulary, tokensOf } from "./random_answers.ts";

/** More than two threads compile in their lives. */
const schemaCount = Number(process.env.LLAMAV_SCHEMAS ?? 700);
/** What a thread compiles before it is replaced, as `grammar_pool.ts` has it. */
const mostCompiled = 256;
/** Compiled grammars of one thread that is about to be replaced, and as much again for what is not collected yet. */
const growthBytes = 128 * 2 ** 20;
/** Big enough to cost something: forty names, each of its own. */
const valuesEach = 40;

/** Files outside the system's own folders that this process has open, where the system tells. */
function openFiles(): string[] {
  if (process.platform !== "linux") return [];
  return readdirSync("/proc/self/fd").flatMap((fd) => {
    try {
      return [readlinkSync(`/proc/self/fd/${fd}`)];
    } catch {
      return []; // the handle that has listed them
    }
  }).filter((path) => path.startsWith("/") && !/^\/(dev|proc|sys)\b/.test(path)).sort();
}

test(
  "GrammarPool keeps memory and disk as they were, whatever the number of schemas that nobody has seen before (G04)",
  async () => {
    const folder = mkdtempSync(join(tmpdir(), "llamav-"));
    const before = process.env.TMPDIR;
    process.env.TMPDIR = folder;
    const call = spyOn(MatcherThread.prototype, "call");
    const ended = spyOn(MatcherThread.prototype, "end");
    const pool = new GrammarPool(() => smallVocabulary, { matching: 2, trying: 1 });
    const end = { stopIds: [smallVocabulary.endId], minTokens: 0 };
    let peakBytes = 0;
    let settledBytes = 0;
    let threads = 0;
    const filesBefore = openFiles();
    try {
      for (let i = 0; i < schemaCount; i++) {
        const values = Array.from({ length: valuesEach }, (_, j) => `value ${i} ${j}`);
        const session = await pool.open({ type: "json_schema", schema: { enum: values } }, end, 1);
        if (i % 50 === 0) {
          const mask = await session.mask(0);
          const [quote] = tokensOf('"');
          expect(mask[quote! >>> 5]! >>> (quote! & 31) & 1).toBe(1);
        }
        session.close();
        const bytes = process.memoryUsage.rss();
        // The first two threads have been there, and have been replaced.
        if (i === 2 * mostCompiled) settledBytes = bytes;
        if (i > 2 * mostCompiled) peakBytes = Math.max(peakBytes, bytes);
      }
      threads = call.mock.calls.filter(([{ type }]) => type === "vocabulary").length;
      const worn = ended.mock.calls.filter(([reason]) => reason === "it is worn out").length;
      expect(worn).toBe(Math.floor(schemaCount / mostCompiled));
      expect(threads).toBeGreaterThanOrEqual(worn);
      expect(call.mock.calls.filter(([{ type }]) => type === "compile")).toHaveLength(schemaCount);
      expect(peakBytes - settledBytes).toBeLessThan(growthBytes);
      expect(readdirSync(folder)).toEqual([]);
      expect(openFiles()).toEqual(filesBefore);
    } finally {
      pool.close();
      call.mockRestore();
      ended.mockRestore();
      if (before === undefined) delete process.env.TMPDIR;
      else process.env.TMPDIR = before;
      rmSync(folder, { recursive: true });
    }
  },
  600_000,
);
