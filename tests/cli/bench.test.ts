import { expect, setDefaultTimeout, test } from "bun:test";
import process from "node:process";
import manifest from "../../package.json" with { type: "json" };
import { services } from "../../src/cli/services.ts";
import type { BenchOptions, BenchReport } from "../../src/runtime/bench_report.ts";
import { buildShaders } from "../../tools/build_shaders.ts";
import { checkpointDirectory } from "../support/executable.ts";
import { testLimitMs } from "../support/test_limit.ts";
import { cli } from "./support.ts";

// Compiles pipelines and reads much memory; the machine may be busy with other tests.
setDefaultTimeout(testLimitMs);

const model = checkpointDirectory("micro-mllama-f32");
const tiny = ["--prompt", "5,20", "--batch", "3", "-n", "4", "--repeat", "1"];
const device = process.env.LLAMAV_DEVICE ? ["--device", process.env.LLAMAV_DEVICE] : [];

/** Runs the real thing. */
async function bench(...args: string[]) {
  for (const { shader, output } of buildShaders()) throw new Error(`${shader}: ${output}`);
  return await cli(["bench", model, ...tiny, ...device, ...args], { services });
}

const rowNames = [
  "stream",
  "load weights",
  "image 1 tile",
  "image 2 tiles",
  "image 3 tiles",
  "image 4 tiles",
  "prefill 5 tokens",
  "prefill 20 tokens",
  "decode batch 1, text",
  "decode batch 3, text",
  "decode batch 1, 4 tiles",
  "decode batch 3, 4 tiles",
];

function namesOf({ rows }: BenchReport): string[] {
  return rows.map(({ stage, shape }) => stage === "stream" ? stage : `${stage} ${shape}`);
}

test("bench --json measures every stage of a checkpoint, tokenizer or not", async () => {
  const { code, stdout, stderr } = await bench("--json");
  expect([code, stderr]).toEqual([0, ""]);
  const report = JSON.parse(stdout) as BenchReport & { program: string };
  expect(Object.keys(report)).toEqual([
    "program",
    "model",
    "device",
    "driver",
    "machine",
    "settings",
    "rows",
  ]);
  expect(report).toMatchObject({
    program: `llamav ${manifest.version}`,
    model,
    settings: { prompts: [5, 20], batches: [1, 3], tiles: [1, 2, 3, 4], tokens: 4, repeat: 1 },
  });
  expect(namesOf(report)).toEqual(rowNames);
  const peak = report.rows[0]!.rate;
  for (const { stage, ms, rate, runs, bytes, gigabytesPerSecond, streamShare } of report.rows) {
    expect(runs).toEqual([ms]);
    expect(Math.min(ms, rate)).toBeGreaterThan(0);
    const reads = stage === "load" || stage === "decode";
    expect([bytes, gigabytesPerSecond, streamShare].map((value) => value !== undefined)).toEqual(
      Array(3).fill(reads),
    );
    if (!reads) continue;
    expect(gigabytesPerSecond!).toBeCloseTo(bytes! / ms / 1e6, 9);
    expect(streamShare!).toBeCloseTo(gigabytesPerSecond! / peak, 9);
  }
});

test.each([
  ["0", [], ["decode batch 1, text"]],
  ["0,2,1", ["image 2 tiles", "image 1 tile"], ["decode batch 1, text", "decode batch 1, 2 tiles"]],
])(
  "bench --tiles %s measures pictures of these sizes, and decodes with the largest",
  async (tiles, images, decoded) => {
    const { code, stdout } = await bench("--json", "--tiles", tiles, "--prompt", "5", "--batch", "1");
    expect(code).toBe(0);
    const report = JSON.parse(stdout) as BenchReport;
    expect(namesOf(report)).toEqual(["stream", "load weights", ...images, "prefill 5 tokens", ...decoded]);
  },
);

test("bench prints a table, and with --check the same greedy tokens each time", async () => {
  const first = await bench("--check");
  expect(first.code).toBe(0);
  const lines = first.stdout.split("\n");
  expect(lines[0]).toBe(`llamav ${manifest.version}, model ${model}`);
  expect(first.stdout).toMatch(
    /^decode +batch 3, text +[\d.]+ m?s +[\d.]+ tokens\/s +[\d.]+ GB\/s +[\d.]+ %$/m,
  );
  expect(first.stdout).toMatch(/^image +4 tiles +[\d.]+ m?s +[\d.]+ tiles\/s$/m);
  const greedy = (text: string) => /^prompt: (\d+ ){4}\d+\ngreedy: (\d+ ){4}\d+$/m.exec(text)?.[0];
  expect(greedy(first.stdout)).toBeString();
  expect(greedy((await bench("--check")).stdout)).toBe(greedy(first.stdout));
});

test("bench refuses numbers that it cannot use, and says which it can", async () => {
  for (
    const [flag, text, range] of [
      ["--prompt", "0", "whole numbers from 1 to 131072"],
      ["--prompt", "128,", "whole numbers from 1 to 131072"],
      ["--batch", "2,x", "whole numbers from 1 to 256"],
      ["--batch", "257", "whole numbers from 1 to 256"],
      ["--tiles", "1,5", "whole numbers from 0 to 4"],
      ["--repeat", "0", "a whole number from 1 to 1000"],
      ["-n", "1.5", "a whole number from 1 to 131072"],
    ] as const
  ) {
    const { code, stderr } = await cli(["bench", model, flag, text]);
    expect(code).toBe(2);
    expect(stderr).toContain(`must be ${range}, not "${text}"`);
  }
  const { code, stderr } = await cli(["bench", model], { env: { LLAMAV_BATCH: "1;2" } });
  expect([code, stderr]).toEqual([
    2,
    'error: LLAMAV_BATCH must be whole numbers from 1 to 256, not "1;2"\n',
  ]);
});

test("bench refuses runs that are longer than the model's context", async () => {
  const { code, stderr } = await cli(["bench", model, "--prompt", "100000"], { services });
  expect(code).toBe(2);
  expect(stderr).toMatch(/^error: The longest run takes 1000\d\d positions, the model has \d+\n/);
  expect(stderr).toContain("Lower --prompt, --max-tokens or --batch");
});

test("bench hands its settings on, with their defaults", async () => {
  const asked: unknown[] = [];
  const run = await cli(["bench", "m", "--batch", "2,4"], {
    services: {
      runBench({ onProgress: _, onRows: __, ...options }) {
        asked.push(options);
        return Promise.reject(new Error("enough"));
      },
    },
    env: { LLAMAV_PROMPT: "16" },
  });
  expect(run.code).toBe(1);
  expect(asked).toEqual([
    {
      model: "m",
      device: undefined,
      prompts: [16],
      batches: [2, 4],
      tiles: undefined,
      tokens: 32,
      repeat: 5,
    },
  ]);
});

test("bench prints the rows that there are when it is interrupted, and ends with 130", async () => {
  const interrupted = (then: () => void, ...args: string[]) => {
    const runBench = async ({ onRows, ...options }: BenchOptions) => {
      return await services.runBench({
        ...options,
        onRows(found) {
          onRows!(found);
          if (found.rows.length === 3) then();
        },
      });
    };
    return cli(["bench", model, ...tiny, ...device, ...args], { services: { ...services, runBench } });
  };
  const stop = () => void process.emit("SIGINT");
  const { code, stdout } = await interrupted(stop, "--json");
  const report = JSON.parse(stdout) as BenchReport & { stopped?: boolean };
  expect([code, report.stopped, namesOf(report)]).toEqual([130, true, rowNames.slice(0, 3)]);
  expect((await interrupted(stop)).stdout).toEndWith("\nStopped: the other rows were not measured\n");
});
