import process from "node:process";
import {
  applyCompletion,
  type Completion,
  type Continue,
  type EditorAction,
  type EditorState,
  newEditor,
  pressKey,
  shownBuffer,
} from "./editor.ts";
import { layOutInput, type Prompts } from "./frame.ts";
import type { Key } from "./keys.ts";
import { bufferOf } from "./line_buffer.ts";
import { Painter } from "./painter.ts";
import type { RawTerminal } from "./raw_terminal.ts";
import type { Paint } from "./styled.ts";

export interface InputOptions {
  readonly prompts: Prompts;
  /** What an empty input shows, the longest first: the first one that the row has room for. */
  readonly placeholders: readonly string[];
  /** Earlier inputs, oldest first. */
  readonly history: readonly string[];
  /** What stands in the input at the beginning. */
  readonly text?: string;
  /** Ctrl-C and Esc give the input up, whatever is in it. */
  readonly isEdit?: boolean;
  readonly continued: Continue;
  /** Shown after Ctrl-C in an empty input, as long as a second one would be meant. */
  readonly interruptHint: string;
  readonly paint: Paint;
  complete(text: string, cursor: number): Completion;
  /**
   * Lets the person write the text in a program of their own, which has the terminal meanwhile.
   *
   * @returns the text as they left it, or a sentence that says why there is none
   */
  openEditor(text: string): { text: string } | { problem: string };
}

/** How an input ended: with a text, given up, with Ctrl-C twice, or with Ctrl-D or the end of the terminal. */
export type InputEnd =
  | { readonly type: "submit"; readonly text: string }
  | { readonly type: "cancel" }
  | { readonly type: "interrupt" }
  | { readonly type: "end" };

/** A second Ctrl-C within this time is meant, if nothing was typed between the two. */
export const interruptMs = 3000;

/** Lets a person write an input in a terminal that is in raw mode. */
export async function readInput(terminal: RawTerminal, options: InputOptions): Promise<InputEnd> {
  return await new InputReader(terminal, options).read();
}

class InputReader {
  readonly #terminal: RawTerminal;
  readonly #options: InputOptions;
  readonly #painter = new Painter();
  #state: EditorState;
  /** Runs as long as a second Ctrl-C would be meant. */
  #interruptTimer: ReturnType<typeof setTimeout> | undefined;

  constructor(terminal: RawTerminal, options: InputOptions) {
    this.#terminal = terminal;
    this.#options = options;
    this.#state = newEditor(options.history, bufferOf(options.text ?? ""));
  }

  async read(): Promise<InputEnd> {
    const terminal = this.#terminal;
    for (;;) {
      terminal.write(this.#painter.paint(this.#frame()));
      const event = await terminal.next();
      if (event.type === "resize") {
        terminal.write(this.#painter.resize(terminal.size.columns));
        continue;
      }
      if (event.type === "closed") return this.#end({ type: "end" });
      if (this.#givesUp(event)) return this.#end({ type: "cancel" });
      const { state, action } = pressKey(this.#state, event, this.#options.continued);
      this.#state = state;
      if (action !== "interrupt") this.#forgetInterrupt();
      const end = action && this.#act(action);
      if (end) return this.#end(end);
    }
  }

  /** A search is left by the same keys, and leads back to the input. */
  #givesUp(key: Key): boolean {
    const isKey = key.type === "named" && (key.name === "ctrl-c" || key.name === "escape");
    return isKey && this.#options.isEdit === true && this.#state.search === undefined;
  }

  #act(action: EditorAction): InputEnd | undefined {
    switch (action) {
      case "submit":
        return { type: "submit", text: this.#state.buffer.text };
      case "end":
        return { type: "end" };
      case "interrupt":
        return this.#interrupt();
      case "complete": {
        const { text, cursor } = this.#state.buffer;
        this.#state = applyCompletion(this.#state, this.#options.complete(text, cursor));
        return undefined;
      }
      case "open_editor":
        return this.#openEditor();
      case "clear_screen":
        this.#painter.reset();
        this.#terminal.write("\x1b[H\x1b[2J");
        return undefined;
      case "suspend":
        this.#suspend();
        return undefined;
    }
  }

  #interrupt(): InputEnd | undefined {
    if (this.#interruptTimer !== undefined) return { type: "interrupt" };
    this.#state = { ...this.#state, below: [this.#options.interruptHint] };
    this.#interruptTimer = setTimeout(() => {
      // The hint goes when it holds no longer.
      this.#forgetInterrupt();
      this.#state = { ...this.#state, below: [] };
      this.#terminal.write(this.#painter.paint(this.#frame()));
    }, interruptMs);
    return undefined;
  }

  #forgetInterrupt(): void {
    clearTimeout(this.#interruptTimer);
    this.#interruptTimer = undefined;
  }

  #openEditor(): undefined {
    this.#terminal.write(this.#painter.erase());
    this.#terminal.leave();
    const result = this.#options.openEditor(this.#state.buffer.text);
    this.#terminal.enter();
    this.#state = "text" in result
      ? { ...this.#state, buffer: bufferOf(result.text) }
      : { ...this.#state, below: [result.problem] };
  }

  /** The shell gets the terminal until it says to go on. */
  #suspend(): void {
    if (process.platform === "win32") return;
    this.#terminal.write(this.#painter.erase());
    this.#terminal.leave();
    process.kill(process.pid, "SIGTSTP");
    this.#terminal.enter();
  }

  /** What was written stays on the screen, without what helped to write it. */
  #end(end: InputEnd): InputEnd {
    clearTimeout(this.#interruptTimer);
    this.#state = { ...this.#state, search: undefined, below: [] };
    this.#terminal.write(this.#painter.paint(this.#frame(false)) + this.#painter.finish());
    return end;
  }

  #frame(helping = true) {
    const { prompts, placeholders, paint } = this.#options;
    const { size } = this.#terminal;
    const { buffer, prompt } = shownBuffer(this.#state);
    const shown = { ...prompts, first: prompt ?? prompts.first };
    const frame = layOutInput(buffer, shown, size, this.#state.below);
    if (!helping || buffer.text !== "" || prompt !== undefined) return frame;
    const room = size.columns - Bun.stringWidth(prompts.first) - 1;
    const fitting = placeholders.find((text) => Bun.stringWidth(text) <= room);
    const ghost = fitting === undefined ? "" : paint("dim", fitting);
    return { ...frame, rows: frame.rows.with(0, frame.rows[0]! + ghost) };
  }
}
