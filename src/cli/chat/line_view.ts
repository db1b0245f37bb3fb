import process from "node:process";
import { LineReader } from "./line_reader.ts";
import { type InputEnd, interruptMs } from "../../terminal/read_input.ts";
import { exitCodes, InterruptedError } from "../exit_codes.ts";
import { type Paint, painterOf } from "../../terminal/styled.ts";
import type { Terminal } from "../terminal.ts";
import { continueEntry } from "./entry.ts";
import type { AnswerView, ChatView, ReadOptions } from "./view.ts";

/**
 * A conversation line by line: with a pipe, or with a terminal that can do no more. Answers go to stdout,
 * everything else to stderr.
 */
export class LineView implements ChatView {
  readonly isUnattended: boolean;
  readonly #terminal: Terminal;
  readonly #lines: LineReader;
  #controller: AbortController | undefined;
  #interruptedAt = -Infinity;
  #isEdit = false;
  #reading: Promise<InputEnd> | undefined;
  readonly #onInterrupt: () => void;
  readonly #onTerminate: () => void;
  #interruptRead: ((end: InputEnd) => void) | undefined;
  /** What was typed of a message that is not complete. */
  #entry = "";
  readonly #paint: Paint;

  /** @param colors of what is no answer */
  constructor(terminal: Terminal, colors = false) {
    this.#terminal = terminal;
    this.#paint = painterOf(colors);
    this.isUnattended = !terminal.stdinIsTerminal;
    this.#lines = new LineReader(terminal.streams.stdin);
    this.#onInterrupt = () => this.#interrupt();
    this.#onTerminate = () => process.exit(exitCodes.terminated);
    process.on("SIGINT", this.#onInterrupt);
    process.on("SIGTERM", this.#onTerminate);
  }

  async read({ text, isEdit }: Pick<ReadOptions, "text" | "isEdit">): Promise<InputEnd> {
    this.#isEdit = isEdit;
    // It cannot stand in the input here.
    if (text !== "" && !this.isUnattended) this.note(text);
    // What was entered since the first Ctrl-C is between the two.
    this.#interruptedAt = -Infinity;
    const { promise, resolve } = Promise.withResolvers<InputEnd>();
    this.#interruptRead = resolve;
    this.#prompt();
    // After Ctrl-C the line is still to come.
    this.#reading ??= this.#readEntry().finally(() => this.#reading = undefined);
    const end = await Promise.race([promise, this.#reading]);
    this.#interruptRead = undefined;
    return end;
  }

  async #readEntry(): Promise<InputEnd> {
    for (;;) {
      const line = await this.#lines.next();
      const text = this.#entry + (line ?? "");
      // What was begun when the input ended was meant, too.
      const longer = line === undefined ? undefined : continueEntry(text);
      this.#entry = longer ?? "";
      if (longer !== undefined) {
        this.#prompt();
        continue;
      }
      return line === undefined && text === "" ? { type: "end" } : { type: "submit", text };
    }
  }

  note(text: string): void {
    this.#terminal.note(text, (line) => this.#paint("dim", line));
  }

  show(text: string): void {
    this.note(text);
  }

  warn(text: string): void {
    this.#terminal.note(text, (line) => this.#paint("red", line));
  }

  showPicture(label: string): void {
    this.note(label);
  }

  beginAnswer(): AnswerView {
    let last = "\n";
    return {
      push: async (text) => {
        last = text.at(-1) ?? last;
        await this.#terminal.print(text);
      },
      end: async (remark) => {
        if (last !== "\n") await this.#terminal.print("\n");
        if (remark !== undefined) this.note(remark);
      },
    };
  }

  async interruptibly<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    this.#controller = new AbortController();
    try {
      return await work(this.#controller.signal);
    } finally {
      this.#controller = undefined;
    }
  }

  async withoutKeys<T>(work: () => Promise<T>): Promise<T> {
    process.off("SIGINT", this.#onInterrupt);
    try {
      return await work();
    } finally {
      process.on("SIGINT", this.#onInterrupt);
    }
  }

  copyThroughTerminal(): boolean {
    return false;
  }

  close(): void {
    process.off("SIGINT", this.#onInterrupt);
    process.off("SIGTERM", this.#onTerminate);
  }

  /** Not through `Terminal.note`, which ends the line. */
  #prompt(): void {
    if (!this.isUnattended) this.#terminal.streams.stderr.write(this.#entry === "" ? ">>> " : "... ");
  }

  #interrupt(): void {
    if (this.#controller) return this.#controller.abort(new InterruptedError(exitCodes.interrupted));
    if (this.#isEdit) {
      this.#entry = "";
      this.#terminal.streams.stderr.write("\n");
      this.#interruptRead?.({ type: "cancel" });
      return;
    }
    // What stands in the last line the terminal has forgotten itself.
    const hasBegun = this.#entry !== "";
    this.#entry = "";
    if (hasBegun && !this.isUnattended) {
      this.#terminal.streams.stderr.write("\n");
      return this.#prompt();
    }
    const now = performance.now();
    if (this.isUnattended || now - this.#interruptedAt <= interruptMs) {
      this.#interruptRead?.({ type: "interrupt" });
      return;
    }
    this.#interruptedAt = now;
    this.note("\nPress Ctrl-C again, or Ctrl-D, to leave");
    this.#prompt();
  }
}
