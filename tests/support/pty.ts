import { Screen } from "./screen.ts";

export interface PtyOptions {
  readonly columns?: number;
  readonly rows?: number;
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** Longest wait for a screen: enough for a busy machine; what hangs still ends. */
  readonly patienceMs?: number;
}

/** A program in a terminal of its own, and what that shows. */
export class Pty implements AsyncDisposable {
  readonly screen: Screen;
  /** The program's exit code, once all that it has written is on the screen. */
  readonly exited: Promise<number>;
  /** Everything that the program has written. */
  output = "";
  readonly #patienceMs: number;
  readonly #terminal: Bun.Terminal;
  readonly #child: Bun.Subprocess;

  constructor(
    command: readonly string[],
    { columns = 80, rows = 24, env = {}, cwd, patienceMs = 20_000 }: PtyOptions = {},
  ) {
    this.#patienceMs = patienceMs;
    this.screen = new Screen(columns, rows);
    const decoder = new TextDecoder();
    const { promise: readToEnd, resolve } = Promise.withResolvers<void>();
    this.#child = Bun.spawn([...command], {
      terminal: {
        cols: columns,
        rows,
        data: (_, bytes) => {
          const text = decoder.decode(bytes, { stream: true });
          this.output += text;
          this.screen.write(text);
        },
        exit: () => resolve(),
      },
      env: { TERM: "xterm", PATH: process.env["PATH"], ...env },
      cwd,
    });
    this.#terminal = this.#child.terminal!;
    this.exited = readToEnd.then(() => this.#child.exited);
  }

  get pid(): number {
    return this.#child.pid;
  }

  /** Types, or pastes, as the terminal would send it. */
  type(text: string): void {
    this.#terminal.write(text);
  }

  /** Changes the size, and waits until the program has answered with something. */
  async resize(columns: number, rows: number): Promise<void> {
    const { length } = this.output;
    this.screen.resize(columns, rows);
    this.#terminal.resize(columns, rows);
    await this.until(() => this.output.length > length);
  }

  kill(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** Closes the terminal's window: the system tells the program so. */
  hangUp(): void {
    this.#terminal.close();
  }

  /** Waits until the screen is as it should be, and fails with what it is instead. */
  async until(condition: (screen: Screen) => boolean): Promise<void> {
    const deadline = performance.now() + this.#patienceMs;
    while (!condition(this.screen)) {
      if (performance.now() > deadline) {
        throw new Error(`The terminal shows something else:\n${this.screen.everything.join("\n")}`);
      }
      await Bun.sleep(5);
    }
  }

  /** Waits until the last rows of the screen are these. */
  async shows(...rows: readonly string[]): Promise<void> {
    await this.until(({ text }) => Bun.deepEquals(text.slice(-rows.length), rows));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.#child.exited;
    this.#terminal.close();
  }
}
