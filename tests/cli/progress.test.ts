import { expect, test } from "bun:test";
import { showProgress } from "../../src/cli/context.ts";
import { Terminal } from "../../src/cli/terminal.ts";
import type { LoadProgress } from "../../src/runtime/reports.ts";
import { Sink } from "./support.ts";

const bytes = { stage: "weights", unit: "bytes" } as const;
const items = { stage: "warm-up", unit: "items", total: 25 } as const;

function streams(isTerminal: boolean) {
  const stdin = { async *[Symbol.asyncIterator]() {} };
  return { stdin, stdout: new Sink(), stderr: new Sink(isTerminal) };
}

test("showProgress() tells each stage of a long load on one line, where there is no terminal", () => {
  const { stderr, ...others } = streams(false);
  const show = showProgress(new Terminal({ ...others, stderr }));
  for (const done of [0, 5e9, 21e9]) show({ ...bytes, done, total: 21e9 });
  for (const done of [0, 12, 25]) show({ ...items, done });
  expect(stderr.text).toBe("Loading: weights, 21.0 GB\nLoading: warm-up, 25 runs\n");
});

test("showProgress() tells nothing of a short load there, and gives its lines to a log that wants them", () => {
  const { stderr, ...others } = streams(false);
  const lines: string[] = [];
  const terminal = new Terminal({ ...others, stderr });
  const load = (total: number) => {
    const show = showProgress(terminal, (line) => lines.push(line));
    show({ ...bytes, done: 0, total });
    show({ ...items, done: 0 });
  };
  load(28e6);
  expect(lines).toEqual([]);
  load(2e9);
  expect(lines).toEqual(["Loading: weights, 2.0 GB", "Loading: warm-up, 25 runs"]);
  expect(stderr.text).toBe("");
});

test.each<[LoadProgress, string]>([
  [{ ...bytes, done: 0, total: 21e9 }, "Loading [--------------------] weights, 0 %, 0 bytes of 21.0 GB"],
  [{ ...bytes, done: 21e9, total: 21e9 }, "Loading [####################] weights done, getting ready"],
  [{ ...items, done: 5 }, "Loading [####----------------] warm-up, 5 of 25"],
])("showProgress() draws %j on a terminal, and no line besides", (progress, drawn) => {
  const { stderr, ...others } = streams(true);
  showProgress(new Terminal({ ...others, stderr }))(progress);
  expect(stderr.text).toBe(`\r\x1b[2K${drawn}`);
});
