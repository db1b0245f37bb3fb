import { join } from "node:path";
import { ExplainedError } from "../../base/errors.ts";
import { appendPrivate, readRegularFile, writePrivate } from "./private_files.ts";

/** Inputs that are remembered; the file is shortened when it has twice as many. */
const most = 1000;

/** What was typed, over all conversations: one JSON string a line, oldest first. */
export class InputHistory {
  readonly #path: string | undefined;
  #entries: string[];

  /** @param folder left out, nothing is read or written */
  constructor(folder: string | undefined) {
    this.#path = folder === undefined ? undefined : join(folder, "history");
    const entries = this.#path === undefined ? [] : readEntries(this.#path);
    this.#entries = entries.slice(-most);
    if (this.#path !== undefined && entries.length > 2 * most) {
      shorten(this.#path, this.#entries);
    }
  }

  get entries(): readonly string[] {
    return this.#entries;
  }

  /** The same text twice in a row is kept once. */
  add(text: string): void {
    if (text === "" || text === this.#entries.at(-1)) return;
    this.#entries = [...this.#entries, text].slice(-most);
    if (this.#path !== undefined) appendPrivate(this.#path, lineOf(text));
  }
}

/** A disk that takes nothing is told when something is added. */
function shorten(path: string, entries: readonly string[]): void {
  try {
    writePrivate(path, entries.map(lineOf).join(""));
  } catch (error) {
    if (!(error instanceof ExplainedError)) throw error;
  }
}

function lineOf(text: string): string {
  return `${JSON.stringify(text)}\n`;
}

/** A line that somebody spoiled costs itself only. */
function readEntries(path: string): string[] {
  let content: string;
  try {
    content = new TextDecoder().decode(readRegularFile(path));
  } catch {
    return [];
  }
  return content.split("\n").flatMap((line) => {
    try {
      const entry: unknown = JSON.parse(line);
      return typeof entry === "string" ? [entry] : [];
    } catch {
      return [];
    }
  });
}
