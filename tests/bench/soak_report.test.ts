import { expect, test } from "bun:test";
import { noisePicture } from "../../src/cli/load/noise_picture.ts";
import { describe, judge, type Sample, type Soak } from "../../bench/soak/report.ts";
import { decodeImage } from "../../src/images/decode.ts";

/** Thirty samples of a process that is flat, but for what a test changes. */
function soak(change: (i: number) => Partial<Sample> = () => ({}), more: Partial<Soak> = {}): Soak {
  const samples = Array.from({ length: 30 }, (_, i): Sample => ({
    at: i * 60,
    rssBytes: 300e6 + (i % 3) * 1e6,
    handles: 20,
    threads: 12,
    requests: i * 100,
    ...change(i),
  }));
  return {
    model: "llamav-demo",
    device: "a device",
    commit: "abc",
    date: "2026-01-01",
    seed: 1,
    samples,
    outcomes: { chat: { "200 stop": 3 } },
    surprises: [],
    held: { llamav_sequences_running: 0 },
    ...more,
  };
}

function broken(of: Soak): string[] {
  return judge(of).filter(({ passed }) => !passed).map(({ rule }) => rule.split(" ")[0]!);
}

test("judge() passes a flat process, also one that grew while it warmed up", () => {
  expect(broken(soak())).toEqual([]);
  expect(broken(soak((i) => ({ rssBytes: 300e6 + Math.min(i, 10) * 20e6 })))).toEqual([]);
});

test("judge() finds memory, handles and threads that grow to the end", () => {
  expect(broken(soak((i) => ({ rssBytes: 300e6 + i * 3e6 })))).toEqual(["memory:"]);
  expect(broken(soak((i) => ({ handles: 20 + Math.floor(i / 3) })))).toEqual(["handles:"]);
  expect(broken(soak((i) => ({ threads: 12 + Math.floor(i / 3) })))).toEqual(["threads:"]);
});

test("judge() finds surprises, what is held at the end, and a soak that was too short", () => {
  expect(broken(soak(undefined, { surprises: ["chat: 500"] }))).toEqual(["every"]);
  expect(broken(soak(undefined, { held: { llamav_sequences_running: 1 } }))).toEqual(["nothing"]);
  const short = soak();
  expect(broken({ ...short, samples: short.samples.slice(0, 8) })).toEqual([
    "memory:",
    "handles:",
    "threads:",
  ]);
});

test("describe() tells verdicts, requests and every sample", () => {
  const lines = describe(soak(undefined, { surprises: ["chat: 500"] })).replaceAll(/ +/g, " ").split("\n");
  expect(lines).toContain("| every request ends as it must | 1 did not | FAILED |");
  expect(lines).toContain("| chat | 200 stop: 3 |");
  expect(lines).toContain("| 29.0 | 302.0 MB | 20 | 12 | 2900 |");
  expect(lines).toContain("- chat: 500");
});

test("noisePicture() is a PNG that the program reads", async () => {
  let state = 1;
  const bytes = noisePicture(() => (state = state * 16_807 % 2_147_483_647) / 2_147_483_647, 20);
  const { width, height } = await decodeImage(new Uint8Array(bytes));
  expect([width, height]).toEqual([20, 20]);
});
