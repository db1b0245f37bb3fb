import { expect, test } from "bun:test";
import { createLog, type LogLevel } from "../../src/base/log.ts";

function written(minimum?: LogLevel): string[] {
  const lines: string[] = [];
  const log = createLog((line) => lines.push(line), minimum);
  log.debug("d");
  log.info("i");
  log.warn("w");
  log.error("e");
  return lines;
}

test("createLog() writes one line each, and names the levels that need attention", () => {
  expect(written()).toEqual(["i\n", "warning: w\n", "error: e\n"]);
});

test("createLog() drops what is below its level", () => {
  expect(written("debug").length).toBe(4);
  expect(written("error")).toEqual(["error: e\n"]);
});

test("createLog() writes one line whatever the message holds (C04)", () => {
  const lines: string[] = [];
  createLog((line) => lines.push(line)).info("prompt\n127.0.0.1 GET /forged \x1b[2J");
  expect(lines).toEqual(["prompt\\n127.0.0.1 GET /forged \\x1b[2J\n"]);
});
