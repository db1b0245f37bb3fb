import { type Key, KeyDecoder } from "./keys.ts";
import type { Size } from "./frame.ts";

/** The part of a terminal's input stream that is needed. */
export interface TerminalInput {
  readonly isTTY?: boolean;
  setRawMode(raw: boolean): unknown;
  on(event: "data", listener: (bytes: Uint8Array) => void): unknown;
  on(event: "end" | "close" | "error", listener: () => void): unknown;
  resume(): unknown;
  pause(): unknown;
}

/** The part of a terminal's output stream that is needed. */
export interface TerminalOutput {
  readonly isTTY?: boolean;
  readonly columns?: number;
  readonly rows?: number;
  write(text: string): unknown;
  on?(event: "resize", listener: () => void): unknown;
}

export type TerminalEvent = Key | { readonly type: "resize" } | { readonly type: "closed" };

/** Bracketed paste, and Kitty's protocol, which tells Shift-Enter from Enter; who knows neither ignores them. */
const enterModes = "\x1b[?2004h\x1b[>1u";
const leaveModes = "\x1b[<u\x1b[?2004l";

/** So long after an escape character the rest of its sequence would have come. */
const escapeMs = 100;

/** A terminal in raw mode: keys, pastes and changes of size in their order, and a place to write to. */
export class RawTerminal {
  readonly #input: TerminalInput;
  readonly #output: TerminalOutput;
  readonly #decoder = new KeyDecoder();
  readonly #events: TerminalEvent[] = [];
  #waiting: ((event: TerminalEvent) => void) | undefined;
  #escapeTimer: ReturnType<typeof setTimeout> | undefined;
  #entered = false;
  /** While it is set, Ctrl-C calls it instead of being a key in line. */
  onInterrupt: (() => void) | undefined;
  /** While it is set, a change of size calls it instead of being an event in line. */
  onResize: (() => void) | undefined;

  constructor(input: TerminalInput, output: TerminalOutput) {
    this.#input = input;
    this.#output = output;
    input.on("data", (bytes) => this.#receive(bytes));
    for (const end of ["end", "close", "error"] as const) input.on(end, () => this.close());
    output.on?.("resize", () => this.onResize ? this.onResize() : this.#give({ type: "resize" }));
  }

  get size(): Size {
    // A terminal that does not know its size says 0.
    return { columns: this.#output.columns || 80, rows: this.#output.rows || 24 };
  }

  write(text: string): void {
    if (text !== "") this.#output.write(text);
  }

  /** Takes the keys one by one, and no signal from them. */
  enter(): void {
    if (this.#entered) return;
    this.#entered = true;
    this.#input.setRawMode(true);
    this.#input.resume();
    this.write(enterModes);
  }

  /** Leaves the terminal as it was. */
  leave(): void {
    if (!this.#entered) return;
    this.#entered = false;
    this.write(leaveModes);
    this.#input.setRawMode(false);
    this.#input.pause();
  }

  /** What the person does next. After the end of the input it is `closed` for ever. */
  next(): Promise<TerminalEvent> {
    const event = this.#events[0];
    if (event === undefined) return new Promise((resolve) => this.#waiting = resolve);
    if (event.type !== "closed") this.#events.shift();
    return Promise.resolve(event);
  }

  /** There is no terminal any more, or nobody before it. */
  close(): void {
    if (this.#events.at(-1)?.type === "closed") return;
    // Nobody will press Ctrl-C any more.
    this.onInterrupt?.();
    this.#give({ type: "closed" });
  }

  #receive(bytes: Uint8Array): void {
    // Meanwhile somebody else reads the keys.
    if (!this.#entered) return;
    clearTimeout(this.#escapeTimer);
    for (const key of this.#decoder.push(bytes)) this.#press(key);
    if (!this.#decoder.waiting) return;
    this.#escapeTimer = setTimeout(() => this.#decoder.flush().forEach((key) => this.#press(key)), escapeMs);
  }

  #press(key: Key): void {
    if (this.onInterrupt && key.type === "named" && key.name === "ctrl-c") this.onInterrupt();
    else this.#give(key);
  }

  #give(event: TerminalEvent): void {
    const waiting = this.#waiting;
    if (waiting === undefined || event.type === "closed") this.#events.push(event);
    this.#waiting = undefined;
    waiting?.(event);
  }
}
