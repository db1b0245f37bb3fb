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

test("createLog() writes JSON with the fields that a log may have, and no other (C04)", () => {
  const lines: string[] = [];
  const log = createLog((line) => lines.push(line), "info", "json");
  const fields = { request_id: "r1", status: 200, outcome: undefined, prompt: "secret" };
  log.info("a\n{b}\u001b[2J", fields);
  log.debug("dropped");
  log.warn("plain");
  expect(lines.map((line) => JSON.parse(line))).toEqual([
    {
      time: expect.stringMatching(/^\d{4}-.*Z$/),
      level: "info",
      message: "a\\n{b}\\x1b[2J",
      request_id: "r1",
      status: 200,
    },
    { time: expect.any(String), level: "warn", message: "plain" },
  ]);
  expect(lines.every((line) => line.indexOf("\n") === line.length - 1)).toBe(true);
});
