import { fstatSync } from "node:fs";
import { createInterface } from "node:readline";
import { concatBytes } from "../base/bytes.ts";
import { escapeControls, escapeLine } from "../base/escape.ts";
import { ExplainedError } from "../base/errors.ts";
import { wrapWords } from "../terminal/wrap_words.ts";
import { exitCodes, InterruptedError } from "./exit_codes.ts";

/** The part of a standard stream that the terminal needs. */
export interface Output {
  readonly isTTY?: boolean;
  /** Width of a terminal, in cells. */
  readonly columns?: number;
  write(text: string, done?: (error?: Error | null) => void): unknown;
  on?(event: "error", listener: (error: Error) => void): unknown;
}

export interface Input extends AsyncIterable<Uint8Array | string> {
  readonly isTTY?: boolean;
  readonly fd?: number;
}

export interface Streams {
  readonly stdin: Input;
  readonly stdout: Output;
  readonly stderr: Output;
}

const eraseLine = "\r\x1b[2K";

/** Between two states of the progress line: more often than an eye follows is flicker, and work for a slow terminal. */
const progressIntervalMs = 100;

/**
 * Where a command reads and writes: answers on stdout, everything else on stderr. What a model, a file or a
 * request says is shown in a terminal with its control characters escaped, and passed on unchanged to a pipe.
 */
export class Terminal {
  readonly stdinIsTerminal: boolean;
  #progressShown = false;
  #progressAt = -Infinity;
  /** Streams that take no more, and why. */
  readonly #broken = new Map<Output, Error>();

  /** @param now a clock in ms */
  constructor(readonly streams: Streams, readonly now: () => number = () => performance.now()) {
    this.stdinIsTerminal = streams.stdin.isTTY === true;
    for (const stream of [streams.stdout, streams.stderr]) {
      // Without a listener a closed pipe would end the process with a stack trace.
      stream.on?.("error", (error) => this.#break(stream, error));
    }
  }

  /**
   * Writes to stdout, and waits until the stream has taken it.
   *
   * @throws {InterruptedError} If the reader has gone.
   * @throws {ExplainedError} If the stream fails otherwise, as on a full disk.
   */
  async print(text: string): Promise<void> {
    this.clearProgress();
    // A lone carriage return would let an answer overwrite its own line.
    const shown = this.streams.stdout.isTTY ? escapeControls(text.replaceAll("\r\n", "\n")) : text;
    await this.#write(this.streams.stdout, shown);
    this.#checkStdout();
  }

  /**
   * Writes lines for people that are no answer: a remark, a timing, an error.
   *
   * @param paint gives a line its style
   */
  note(text: string, paint = (line: string) => line): void {
    this.clearProgress();
    const lines = text.split("\n").map(escapeLine).join("\n");
    const rows = this.#wrap(lines).split("\n").map((row) => paint(row));
    void this.#write(this.streams.stderr, `${rows.join("\n")}\n`);
  }

  /** Writes one line for programs: it stays one, however narrow the terminal. */
  noteWhole(line: string): void {
    this.clearProgress();
    void this.#write(this.streams.stderr, `${escapeLine(line)}\n`);
  }

  /** Lines that are wider than the terminal, broken between words. */
  #wrap(lines: string): string {
    const { isTTY, columns } = this.streams.stderr;
    return isTTY === true && columns ? wrapWords(lines, columns) : lines;
  }

  /** How wide a line on stdout may be; undefined where that is no terminal, or one that does not say. */
  get columns(): number | undefined {
    const { isTTY, columns } = this.streams.stdout;
    return isTTY === true && columns ? columns : undefined;
  }

  /**
   * Shows what is going on, on one line of the terminal that the next one replaces; nothing without a terminal, and
   * nothing sooner than a tenth of a second after the last.
   */
  progress(text: string): void {
    if (!this.showsProgress) return;
    const now = this.now();
    if (now - this.#progressAt < progressIntervalMs) return;
    this.#progressAt = now;
    this.#progressShown = true;
    // A line that is wrapped cannot be erased. The last column stays free: some terminals wrap when it is full.
    const width = Math.max(0, (this.streams.stderr.columns ?? 80) - 1);
    void this.#write(this.streams.stderr, `${eraseLine}${Bun.sliceAnsi(escapeLine(text), 0, width)}`);
  }

  /** Whether somebody has led something into stdin: a pipe of a shell, or a file. */
  get stdinIsPipe(): boolean {
    const { fd } = this.streams.stdin;
    try {
      const found = fd === undefined ? undefined : fstatSync(fd);
      return found !== undefined && (found.isFIFO() || found.isFile());
    } catch {
      // It is closed.
      return false;
    }
  }

  /** Whether there is a terminal to draw progress on. */
  get showsProgress(): boolean {
    return this.streams.stderr.isTTY === true;
  }

  clearProgress(): void {
    if (!this.#progressShown) return;
    this.#progressShown = false;
    void this.#write(this.streams.stderr, eraseLine);
  }

  /** Whether there is somebody to ask. */
  get canAsk(): boolean {
    return this.stdinIsTerminal && this.showsProgress;
  }

  /** Asks the person at the terminal, and waits. @returns their line; empty at the end of stdin */
  async ask(question: string): Promise<string> {
    this.clearProgress();
    await this.#write(this.streams.stderr, `${this.#wrap(escapeLine(question.trimEnd()))} `);
    // Reads one line and leaves the stream open: a conversation may follow.
    const lines = createInterface({
      input: this.streams.stdin as Input & NodeJS.ReadableStream,
      terminal: false,
    });
    return await new Promise((resolve) => {
      lines.once("close", () => resolve(""));
      lines.once("line", (line) => {
        resolve(line);
        lines.close();
      });
    });
  }

  /**
   * Everything that stdin has.
   *
   * @throws {RangeError} If that is more than `maxBytes`.
   */
  async readStdin(maxBytes: number): Promise<Uint8Array> {
    const chunks: Uint8Array[] = [];
    let total = 0;
    for await (const chunk of this.streams.stdin) {
      const bytes = typeof chunk === "string" ? new TextEncoder().encode(chunk) : chunk;
      total += bytes.byteLength;
      if (total > maxBytes) throw new RangeError(`stdin has more than ${maxBytes} bytes`);
      chunks.push(bytes);
    }
    return concatBytes(chunks);
  }

  /**
   * Waits until both streams have taken everything, so that leaving the process loses nothing.
   *
   * @throws What `print` throws, if stdout has ever failed. A failed stderr has nowhere to be told.
   */
  async flush(): Promise<void> {
    this.clearProgress();
    await Promise.all([this.#write(this.streams.stdout, ""), this.#write(this.streams.stderr, "")]);
    this.#checkStdout();
  }

  #checkStdout(): void {
    const error = this.#broken.get(this.streams.stdout);
    if (error === undefined) return;
    if (codeOf(error) === "EPIPE") throw new InterruptedError(exitCodes.brokenPipe);
    throw new ExplainedError(
      `Cannot write to stdout: ${codeOf(error) ?? error.message}; the output is not complete`,
      "Make room where it goes, or send it elsewhere",
      { cause: error },
    );
  }

  /** The first failure says why; later ones follow from it. */
  #break(stream: Output, error: Error): void {
    if (!this.#broken.has(stream)) this.#broken.set(stream, error);
  }

  #write(stream: Output, text: string): Promise<void> {
    if (this.#broken.has(stream)) return Promise.resolve();
    return new Promise((resolve) => {
      stream.write(text, (error) => {
        if (error) this.#break(stream, error);
        resolve();
      });
    });
  }
}

function codeOf(error: Error): string | undefined {
  return (error as { code?: string }).code;
}
