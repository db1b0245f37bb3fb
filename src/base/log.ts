import { escapeLine } from "./escape.ts";

export type LogLevel = "debug" | "info" | "warn" | "error";

/** What happened, one line each, for the person who operates the program. Never prompts, answers or secrets. */
export interface Log {
  debug(message: string): void;
  info(message: string): void;
  warn(message: string): void;
  error(message: string): void;
}

const order: readonly LogLevel[] = ["debug", "info", "warn", "error"];
const prefixes: Readonly<Record<LogLevel, string>> = {
  debug: "debug: ",
  info: "",
  warn: "warning: ",
  error: "error: ",
};

/**
 * A log that hands each line, escaped and ending in a line feed, to `write`.
 *
 * @param minimum lines of lower levels are dropped
 */
export function createLog(write: (line: string) => void, minimum: LogLevel = "info"): Log {
  const at = (level: LogLevel) => (message: string): void => {
    if (order.indexOf(level) >= order.indexOf(minimum)) write(`${prefixes[level]}${escapeLine(message)}\n`);
  };
  return { debug: at("debug"), info: at("info"), warn: at("warn"), error: at("error") };
}

/** Drops everything; for tests and for callers that report in another way. */
export const silentLog: Log = createLog(() => {});
