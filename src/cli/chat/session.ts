import { escapeLine } from "../../base/escape.ts";
import type { RequestMessage } from "../../runtime/request.ts";
import type { Parameters } from "./parameters.ts";

/** A picture of a conversation. */
export interface ChatPicture {
  /** What the person called it: the last part of a path or URL. */
  readonly name: string;
  /** Of the file, hexadecimal: by it the file is found again. */
  readonly sha256: string;
  readonly width: number;
  readonly height: number;
  readonly bytes: Uint8Array;
}

export interface Turn {
  readonly role: "user" | "assistant";
  readonly text: string;
  /** Of the person's turns only. */
  readonly pictures: readonly ChatPicture[];
  /** The person stopped this answer: it is not complete. */
  readonly stopped?: boolean;
}

/** A conversation, and how its answers are made. Never changed: what happens makes a new one. */
export interface Session {
  readonly id: string;
  /** What the person called it with /save. */
  readonly name?: string;
  /** ISO 8601 */
  readonly created: string;
  /** MODEL as it was given. */
  readonly model: string;
  readonly system?: string;
  /** What was set with flags or /set; everything else is the model's own. */
  readonly parameters: Parameters;
  readonly turns: readonly Turn[];
}

/** A conversation in which nothing was said. Its ID sorts by time, and those of two that begin together differ. */
export function newSession(
  { model, system, parameters }: Pick<Session, "model" | "system" | "parameters">,
  now: Date = new Date(),
): Session {
  const time = now.toISOString().replace(/\..*/, "").replaceAll(/[-:]/g, "").replace("T", "-");
  const suffix = crypto.getRandomValues(new Uint8Array(2)).toHex();
  return { id: `${time}-${suffix}`, created: now.toISOString(), model, system, parameters, turns: [] };
}

export function addTurn(session: Session, turn: Turn): Session {
  return { ...session, turns: [...session.turns, turn] };
}

/** The person's last turn, and the conversation before it; `undefined` if they have said nothing. */
export function takeLastQuestion(session: Session): { session: Session; question: Turn } | undefined {
  const index = session.turns.findLastIndex(({ role }) => role === "user");
  if (index < 0) return undefined;
  return { session: { ...session, turns: session.turns.slice(0, index) }, question: session.turns[index]! };
}

/** Pictures of the conversation in their order. */
export function picturesOf({ turns }: Pick<Session, "turns">): readonly ChatPicture[] {
  return turns.flatMap(({ pictures }) => pictures);
}

/** The conversation without its k-th picture, from 0. */
export function removePicture(session: Session, index: number): Session {
  let before = 0;
  const turns = session.turns.map((turn) => {
    const at = index - before;
    before += turn.pictures.length;
    if (at < 0 || at >= turn.pictures.length) return turn;
    return { ...turn, pictures: turn.pictures.toSpliced(at, 1) };
  });
  return { ...session, turns };
}

/** The conversation as the runtime takes it: pictures before the text that is about them. */
export function toMessages({ system, turns }: Pick<Session, "system" | "turns">): RequestMessage[] {
  const messages: RequestMessage[] = turns.map(({ role, text, pictures }) => ({
    role,
    content: [
      ...pictures.map(({ bytes }) => ({ type: "image" as const, bytes })),
      ...text === "" ? [] : [{ type: "text" as const, text }],
    ],
  }));
  if (system === undefined) return messages;
  return [{ role: "system", content: [{ type: "text", text: system }] }, ...messages];
}

/** `"cat.jpg 640×480"` */
export function describePicture({ name, width, height }: ChatPicture): string {
  // A file's name can hold anything.
  return `${escapeLine(name)} ${width}×${height}`;
}
