import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** One question of a conversation and its right answer. */
export interface Turn {
  /** How many of the conversation's pictures come with this turn, in their order. */
  readonly images: number;
  readonly question: string;
  readonly answer: string;
  /** What is asked for: a row of the table. */
  readonly kind: string;
}

/** A conversation about no, one or more pictures: a line of `questions.jsonl`. */
export interface Conversation {
  /** File names in the folder of the file. */
  readonly pictures: readonly string[];
  readonly system?: string | null;
  readonly turns: readonly Turn[];
  readonly seed?: number;
  /** How the first picture was drawn, to see what makes it hard: `{"outline": "dashed"}`. */
  readonly style?: Readonly<Record<string, string>>;
}

const fileName = "questions.jsonl";

export function questionPath(folder: string): string {
  return join(folder, fileName);
}

/**
 * Reads `questions.jsonl` of a folder.
 *
 * @throws {Error} Naming the line, if one is not of this form or names a picture that is missing.
 */
export function readConversations(folder: string): Conversation[] {
  const path = questionPath(folder);
  if (!existsSync(path)) {
    throw new Error(
      `Cannot judge: need ${fileName} in ${folder}, have none; export the questions there first`,
    );
  }
  const lines = readFileSync(path, "utf8").split("\n").filter((line) => line.trim() !== "");
  return lines.map((line, index) => {
    const conversation = JSON.parse(line) as Conversation;
    const fault = faultOf(conversation, folder);
    if (fault) throw new Error(`Cannot judge: ${path}, line ${index + 1}: ${fault}`);
    return conversation;
  });
}

function faultOf({ pictures, turns }: Conversation, folder: string): string | undefined {
  if (!Array.isArray(pictures) || !Array.isArray(turns) || turns.length === 0) {
    return "needs pictures and turns";
  }
  const missing = pictures.find((name) => !existsSync(join(folder, name)));
  if (missing !== undefined) return `picture ${missing} is missing`;
  const odd = turns.find((turn) =>
    ![turn.question, turn.answer, turn.kind].every((text) => typeof text === "string") ||
    !Number.isInteger(turn.images)
  );
  if (odd) return `a turn needs images, question, answer and kind, has ${JSON.stringify(odd)}`;
  const asked = turns.reduce((sum, turn) => sum + turn.images, 0);
  return asked === pictures.length ? undefined : `has ${pictures.length} pictures, its turns show ${asked}`;
}

export function formatConversations(conversations: readonly Conversation[]): string {
  return conversations.map((conversation) => `${JSON.stringify(conversation)}\n`).join("");
}
