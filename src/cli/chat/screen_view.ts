import process from "node:process";
import type { Environment } from "../../base/environment.ts";
import { escapeControls } from "../../base/escape.ts";
import type { PictureView } from "../../runtime/picture_view.ts";
import { colorsOf } from "../../terminal/colors.ts";
import { MarkdownStream } from "../../terminal/markdown_stream.ts";
import { RawTerminal, type TerminalInput, type TerminalOutput } from "../../terminal/raw_terminal.ts";
import { type InputEnd, readInput } from "../../terminal/read_input.ts";
import { type Paint, painterOf } from "../../terminal/styled.ts";
import { wrapWords } from "../../terminal/wrap_words.ts";
import { exitCodes, InterruptedError } from "../exit_codes.ts";
import { continueEntry } from "./entry.ts";
import { editText } from "./external_editor.ts";
import { drawThumbnail, thumbnailBox, type ThumbnailKind, thumbnailKind } from "./thumbnail.ts";
import type { AnswerView, ChatView, ReadOptions } from "./view.ts";

const prompts = { first: ">>> ", next: "... " };

const placeholders = [
  "Ask something, /image FILE adds a picture, /help lists what else there is",
  "Ask something, /help lists commands",
  "Ask, or /help",
];

export interface ScreenOptions {
  readonly input: TerminalInput;
  readonly output: TerminalOutput;
  readonly env: Environment;
  /** No markdown, no colours, no thumbnails. */
  readonly plain: boolean;
}

/** A conversation on the screen of a terminal, which is in raw mode meanwhile. */
export class ScreenView implements ChatView {
  readonly isUnattended = false;
  readonly #terminal: RawTerminal;
  readonly #env: ScreenOptions["env"];
  readonly #plain: boolean;
  readonly #paint: Paint;
  readonly #colors: boolean;
  readonly #thumbnails: ThumbnailKind;
  readonly #onTerminate = () => process.exit(exitCodes.terminated);
  /** The window was closed. What is being said is kept, as at the end of any conversation. */
  readonly #onHangUp = () => this.#terminal.close();
  /** However the program ends: the person finds the terminal as it was. */
  readonly #onExit = () => this.#terminal.leave();

  constructor({ input, output, env, plain }: ScreenOptions) {
    this.#terminal = new RawTerminal(input, output);
    this.#env = env;
    this.#plain = plain;
    this.#colors = !plain && colorsOf(env) !== "none";
    this.#paint = painterOf(this.#colors);
    this.#thumbnails = thumbnailsOf({ env, plain });
    process.on("SIGTERM", this.#onTerminate);
    process.on("SIGHUP", this.#onHangUp);
    process.on("exit", this.#onExit);
    this.#terminal.enter();
  }

  read({ history, text, isEdit, complete }: ReadOptions): Promise<InputEnd> {
    return readInput(this.#terminal, {
      prompts,
      history,
      text,
      isEdit,
      complete,
      placeholders,
      continued: continueEntry,
      interruptHint: "Press Ctrl-C again, or Ctrl-D, to leave",
      paint: this.#paint,
      openEditor: (text) => editText(text, this.#env),
    });
  }

  note(text: string): void {
    this.#tell("dim", text);
  }

  show(text: string): void {
    this.#terminal.write(lines(this.#paint("dim", escapeControls(text))));
  }

  warn(text: string): void {
    this.#tell("red", text);
  }

  showPicture(label: string, picture: PictureView, bytes: Uint8Array): void {
    this.#terminal.write(drawThumbnail(this.#thumbnails, picture.small, bytes));
    this.note(label);
  }

  beginAnswer(): AnswerView {
    const terminal = this.#terminal;
    const end = (remark?: string) => {
      terminal.onResize = undefined;
      if (remark !== undefined) this.note(remark);
      // Room between what was said and what is said next.
      terminal.write("\r\n");
      return Promise.resolve();
    };
    if (this.#plain) {
      let last = "\n";
      return {
        push(text) {
          last = text.at(-1) ?? last;
          terminal.write(lines(escapeControls(text.replaceAll("\r\n", "\n")), ""));
          return Promise.resolve();
        },
        end(remark) {
          if (last !== "\n") terminal.write("\r\n");
          return end(remark);
        },
      };
    }
    const stream = new MarkdownStream({ size: () => terminal.size, colors: this.#colors });
    terminal.onResize = () => terminal.write(stream.resize());
    return {
      push: (text) => Promise.resolve(terminal.write(stream.push(text))),
      end(remark) {
        terminal.write(stream.end());
        return end(remark);
      },
    };
  }

  async interruptibly<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const controller = new AbortController();
    this.#terminal.onInterrupt = () => controller.abort(new InterruptedError(exitCodes.interrupted));
    try {
      return await work(controller.signal);
    } finally {
      this.#terminal.onInterrupt = undefined;
    }
  }

  async withoutKeys<T>(work: () => Promise<T>): Promise<T> {
    this.#terminal.leave();
    try {
      return await work();
    } finally {
      this.#terminal.enter();
    }
  }

  copyThroughTerminal(text: string): boolean {
    this.#terminal.write(`\x1b]52;c;${new TextEncoder().encode(text).toBase64()}\x07`);
    return true;
  }

  /** What the program says itself, which is broken between words. */
  #tell(style: "dim" | "red", text: string): void {
    const rows = wrapWords(escapeControls(text), this.#terminal.size.columns);
    this.#terminal.write(lines(this.#paint(style, rows)));
  }

  close(): void {
    process.off("SIGTERM", this.#onTerminate);
    process.off("SIGHUP", this.#onHangUp);
    process.off("exit", this.#onExit);
    this.#terminal.leave();
  }
}

/** The box that a small picture must fit into to be shown on this screen, as wide as it is now. */
export function screenThumbnailBox(
  { output, ...options }: Pick<ScreenOptions, "output" | "env" | "plain">,
): { width: number; height: number } {
  return thumbnailBox(thumbnailsOf(options), output.columns || 80);
}

function thumbnailsOf({ env, plain }: Pick<ScreenOptions, "env" | "plain">): ThumbnailKind {
  return plain ? "none" : thumbnailKind(env);
}

/** Line feeds as a terminal in raw mode needs them. */
function lines(text: string, end = "\n"): string {
  return `${text}${end}`.replaceAll("\n", "\r\n");
}
