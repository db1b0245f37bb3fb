import { ExplainedError } from "../../base/errors.ts";
import { formatDuration } from "../../base/units.ts";
import type { Runtime } from "../../runtime/request.ts";
import { exitCodes, InterruptedError } from "../exit_codes.ts";
import { type AnswerEnd, describeTimings, timingLine } from "../timings.ts";
import type { ChatParts, Draft, Totals } from "./chat_parts.ts";
import { runCommand } from "./commands.ts";
import { completeInput } from "./completion.ts";
import { finishEntry } from "./entry.ts";
import { toRequest } from "./parameters.ts";
import { checkPictureCount, type OpenedPicture, takePictures } from "./pictures.ts";
import { describeTiles, pictureShortage, remedyInChat, tilesOf } from "./room.ts";
import { addTurn, type ChatPicture, picturesOf, type Session, toMessages, type Turn } from "./session.ts";

/** A conversation that goes on: what was said, what comes next, and the model that answers. */
export class Chat {
  session: Session;
  runtime: Runtime;
  /** Added, and not yet asked about. */
  pending: readonly ChatPicture[] = [];
  /** What stands in the next input, to be changed. */
  draft: Draft | undefined;
  /** The last message, if it was not answered: /retry sends it again, /edit brings it back. */
  unsent: Draft | undefined;
  verbose: boolean;
  lastEnd: AnswerEnd | undefined;
  totals: Totals = { answers: 0, promptTokens: 0, completionTokens: 0 };
  /** No model is open any more, and none could be opened again. */
  isOver = false;
  readonly parts: ChatParts;
  #isKept = true;

  constructor(parts: ChatParts, start: { session: Session; runtime: Runtime; verbose: boolean }) {
    this.parts = parts;
    this.session = start.session;
    this.runtime = start.runtime;
    this.verbose = start.verbose;
  }

  /**
   * Talks until the person leaves.
   *
   * @throws {InterruptedError} If they leave with Ctrl-C.
   */
  async run(): Promise<void> {
    const { view, history } = this.parts;
    for (;;) {
      const { draft } = this;
      const end = await view.read({
        history: history.entries,
        text: draft?.text ?? "",
        isEdit: draft !== undefined,
        complete: (text, cursor) => completeInput(text, cursor, this),
      });
      this.draft = undefined;
      if (end.type === "end") return;
      if (end.type === "interrupt") throw new InterruptedError(exitCodes.interrupted);
      if (end.type === "cancel" || end.text.trim() === "") {
        if (draft !== undefined) this.note("Nothing was changed");
        continue;
      }
      this.#keep(() => history.add(end.text.trim()));
      const { unsent } = this;
      try {
        if (await this.#take({ ...draft, text: finishEntry(end.text) }) === "leave") return;
      } catch (error) {
        if (this.#isStopped(error)) {
          this.note("(stopped)");
          continue;
        }
        if (view.isUnattended || this.isOver || !(error instanceof ExplainedError)) throw error;
        view.warn(`error: ${this.parts.context.describeError(error)}`);
        const remedy = remedyInChat(error, this);
        if (remedy !== undefined) this.note(remedy);
      }
      // Not in the input: a command that is typed there would be no command behind it.
      if (this.unsent !== undefined && this.unsent !== unsent) {
        this.note("/retry sends the message again, /edit brings it back");
      }
    }
  }

  note(text: string): void {
    this.parts.view.note(text);
  }

  /** Says how long the model was being loaded, to who wants to know. */
  tellLoad(ms: number): void {
    if (this.verbose) this.note(timingLine("load", formatDuration(ms)));
  }

  /** Whether what is typed and said is written to the disk from now on. */
  keep(isKept: boolean): void {
    this.#isKept = isKept;
    if (isKept) this.save();
  }

  /** Adds pictures to the next message. */
  async attach(opened: readonly OpenedPicture[]): Promise<void> {
    checkPictureCount(this.pictures.length + opened.length);
    await this.#add(opened);
    await this.tellShortage();
  }

  /** Of the conversation and the next message, in their order. */
  get pictures(): readonly ChatPicture[] {
    return [...picturesOf(this.session), ...this.pending];
  }

  /** Says while it can be mended that the pictures are more than the model has room for. */
  async tellShortage(): Promise<void> {
    const shortage = await pictureShortage(this);
    if (shortage === undefined) return;
    this.parts.view.warn(`warning: ${shortage.message}`);
    this.note(shortage.remedy!);
  }

  /** Another conversation takes the place of this one, which is kept. The model that answers stays the same. */
  open(session: Session): void {
    this.session = { ...session, model: this.session.model };
    this.pending = [];
    this.unsent = undefined;
  }

  /** Writes the conversation to its file; a disk that takes nothing is told once. */
  save(): void {
    const { session, parts: { store } } = this;
    this.#keep(() => store?.save(session));
  }

  /**
   * Sends a message with the pictures that wait, or those of the turn whose place it takes, and those that it names
   * itself.
   *
   * @throws {ExplainedError} If it cannot be sent as it is.
   */
  async say({ text, instead }: Draft): Promise<void> {
    if (instead === undefined) return await this.#send(text);
    const { session: before, pending: waiting } = this;
    const shortened = { ...before, turns: before.turns.slice(0, instead.at) };
    this.session = shortened;
    this.pending = instead.pictures;
    try {
      await this.#send(text);
    } finally {
      if (this.session === shortened) {
        this.session = before;
        const again = { ...instead, pictures: this.pending };
        if (this.unsent) this.unsent = { ...this.unsent, instead: again };
        // Only its pictures were named: the question comes next.
        else this.draft = { text: "", instead: again };
        this.save();
      }
      this.pending = waiting;
    }
  }

  async #send(text: string): Promise<void> {
    const { context, openPicture } = this.parts;
    this.unsent = { text };
    const taken = await takePictures(text, openPicture, context);
    for (const remark of taken.remarks) this.note(remark);
    if (taken.text === "") {
      // Only a picture, as one that was dropped here: the question comes next.
      await this.attach(taken.opened);
      this.unsent = undefined;
      return;
    }
    // Before the first is attached: of a message that cannot be sent none must be left behind.
    checkPictureCount(this.pictures.length + taken.opened.length);
    const shortage = await pictureShortage(this, taken.opened.map(({ picture }) => picture));
    if (shortage !== undefined) throw shortage;
    await this.#add(taken.opened);
    await this.ask({ role: "user", text: taken.text, pictures: this.pending });
  }

  /**
   * Asks, and takes the answer into the conversation. A question without an answer is kept for /retry and /edit.
   *
   * @throws What the runtime throws.
   */
  async ask(question: Turn): Promise<void> {
    const asked = addTurn(this.session, question);
    this.pending = [];
    this.unsent = undefined;
    try {
      const answer = await this.parts.view.interruptibly((signal) => this.#answer(asked, signal));
      if (answer !== undefined) this.session = addTurn(asked, answer);
      else this.#takeBack(question);
      this.save();
      if (answer?.stopped && this.parts.view.isUnattended) throw new InterruptedError(exitCodes.interrupted);
    } catch (error) {
      if (!(error instanceof InterruptedError)) this.#takeBack(question);
      throw error;
    }
  }

  async #add(opened: readonly OpenedPicture[]): Promise<void> {
    const tiles = await tilesOf(opened.map(({ picture }) => picture), this.runtime.model);
    for (const [index, { picture, view }] of opened.entries()) {
      this.pending = [...this.pending, picture];
      const label = `[image ${this.pictures.length}: ${describeTiles(picture, tiles[index]!)}]`;
      this.parts.view.showPicture(label, view, picture.bytes);
    }
  }

  /** Ctrl-C ended something that is no answer, as the download of a picture. */
  #isStopped(error: unknown): boolean {
    return error instanceof InterruptedError && error.exitCode === exitCodes.interrupted &&
      !this.parts.view.isUnattended;
  }

  #takeBack({ text, pictures }: Turn): void {
    this.unsent = { text };
    this.pending = pictures;
  }

  async #take(message: Draft): Promise<"leave" | void> {
    const { text } = message;
    // A path has more slashes, or a dot. A line break behind the name makes it the first line of a text that was pasted.
    if (/^\/[a-z?]+([ \t]|\s*$)/i.test(text)) return await runCommand(text, this);
    await this.say(message);
  }

  /** @returns undefined if it was stopped before its first word */
  async #answer(asked: Session, signal: AbortSignal): Promise<Turn | undefined> {
    const request = { messages: toMessages(asked), ...toRequest(asked.parameters) };
    const view = this.parts.view.beginAnswer();
    let text = "";
    let end: AnswerEnd | undefined;
    try {
      for await (const event of this.runtime.generate(request, signal)) {
        if (event.type === "text" && event.text !== "") {
          text += event.text;
          await view.push(event.text);
        }
        if (event.type === "end") end = event;
      }
    } catch (error) {
      // However the runtime words it: what ended the answer is the signal.
      if (!signal.aborted) throw error;
    } finally {
      await view.end(remarkOn(end, text, signal));
    }
    const answer: Turn = { role: "assistant", text, pictures: [] };
    if (end !== undefined) {
      this.#count(end);
      return answer;
    }
    if (!signal.aborted) throw new Error("The runtime ended the answer without an end event");
    return text === "" ? undefined : { ...answer, stopped: true };
  }

  #count(end: AnswerEnd): void {
    const { promptTokens, completionTokens } = end.usage;
    this.lastEnd = end;
    this.totals = {
      answers: this.totals.answers + 1,
      promptTokens: this.totals.promptTokens + promptTokens,
      completionTokens: this.totals.completionTokens + completionTokens,
    };
    if (this.verbose) describeTimings(end).forEach((line) => this.note(line));
  }

  #keep(write: () => void): void {
    if (!this.#isKept) return;
    try {
      write();
    } catch (error) {
      this.#isKept = false;
      this.parts.view.warn(`Nothing is kept from now on: ${(error as Error).message}`);
    }
  }
}

/** What a person must know of an answer that is not complete. */
function remarkOn(end: AnswerEnd | undefined, text: string, signal: AbortSignal): string | undefined {
  // As /set calls it, which may have the last word.
  if (end?.finishReason === "length") return "(cut off: max-tokens, or the context, has no room for more)";
  if (end !== undefined || !signal.aborted) return undefined;
  return text === "" ? "(stopped before it began)" : "(stopped; /retry asks again)";
}
