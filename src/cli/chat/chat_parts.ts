import type { Runtime } from "../../runtime/request.ts";
import type { CliContext } from "../context.ts";
import type { InputHistory } from "./input_history.ts";
import type { OpenPicture } from "./pictures.ts";
import type { ChatPicture } from "./session.ts";
import type { SessionStore } from "./session_store.ts";
import type { ChatView } from "./view.ts";

/** What a conversation needs around it. */
export interface ChatParts {
  readonly context: CliContext;
  readonly view: ChatView;
  readonly openPicture: OpenPicture;
  readonly history: InputHistory;
  /** `undefined`: nothing is kept. */
  readonly store: SessionStore | undefined;
  /**
   * Brings a model of the hub onto this machine, after asking, and looks whether there is one.
   *
   * @throws {ExplainedError} If not.
   */
  findModel(model: string): Promise<void>;
  /** Opens a model that was found. */
  openModel(model: string): Promise<Runtime>;
}

/** A message that is to be sent, or sent again. */
export interface Draft {
  readonly text: string;
  /** It takes the place of this turn and of all that followed: not before it is answered. */
  readonly instead?: { readonly at: number; readonly pictures: readonly ChatPicture[] };
}

/** Answers so far, whatever became of them. */
export interface Totals {
  readonly answers: number;
  readonly promptTokens: number;
  readonly completionTokens: number;
}
