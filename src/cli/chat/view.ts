import type { Completion } from "../../terminal/editor.ts";
import type { InputEnd } from "../../terminal/read_input.ts";
import type { PictureView } from "../../runtime/picture_view.ts";

export interface ReadOptions {
  readonly history: readonly string[];
  /** What stands in the input at the beginning. */
  readonly text: string;
  /** It stands there to be changed: Ctrl-C and Esc give that up, whatever is in the input. */
  readonly isEdit: boolean;
  complete(text: string, cursor: number): Completion;
}

/** Where an answer is shown while it comes. */
export interface AnswerView {
  push(text: string): Promise<void>;
  /** @param remark why the answer is not complete */
  end(remark?: string): Promise<void>;
}

/** Where a conversation takes place: on the screen of a terminal, or line by line. */
export interface ChatView {
  /** Nobody is there to correct a mistake: the first one ends the program. */
  readonly isUnattended: boolean;
  /** What the person types next. */
  read(options: ReadOptions): Promise<InputEnd>;
  /** Tells something about the conversation that is no part of it. */
  note(text: string): void;
  /** Shows what the person wrote, as it is: its lines and spaces are theirs. */
  show(text: string): void;
  /** As `note`, about what went wrong. */
  warn(text: string): void;
  /** A picture was added; `label` says which. */
  showPicture(label: string, picture: PictureView, bytes: Uint8Array): void;
  beginAnswer(): AnswerView;
  /** Does what Ctrl-C can end, by the signal. */
  interruptibly<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T>;
  /** Does what needs no keys: the terminal is as the shell left it meanwhile, and Ctrl-C ends the program. */
  withoutKeys<T>(work: () => Promise<T>): Promise<T>;
  /** Puts a text into the clipboard through the terminal; not every terminal does. */
  copyThroughTerminal(text: string): boolean;
  /** Leaves the terminal as it was. */
  close(): void;
}
