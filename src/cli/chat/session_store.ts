import { existsSync, readdirSync, rmSync, statSync, utimesSync } from "node:fs";
import { join } from "node:path";
import { UsageError } from "../exit_codes.ts";
import { isRegularFile, readRegularFile, writePrivate } from "./private_files.ts";
import { isParameters } from "./parameters.ts";
import type { ChatPicture, Session, Turn } from "./session.ts";

/** What a list of conversations says of one. */
export interface StoredSession {
  readonly id: string;
  readonly name?: string;
  readonly updatedMs: number;
  readonly turnCount: number;
  /** How it begins. */
  readonly title: string;
}

/** Conversations without a name that are kept: with their pictures all of them would fill a disk in the end. */
export const keptSessions = 100;

/** A picture that is younger may be of a conversation whose file another program is about to write. */
const youngMs = 3_600_000;

const remedy = "/resume without a name lists the conversations that there are";

/** So many conversations are offered instead of one that there is not. */
const offered = 4;

/**
 * Conversations as files that only their owner can read: `sessions/ID.json`, and each picture once under
 * `pictures/` by the SHA-256 of its file.
 */
export class SessionStore {
  readonly #sessions: string;
  readonly #pictures: string;

  constructor(folder: string) {
    this.#sessions = join(folder, "sessions");
    this.#pictures = join(folder, "pictures");
  }

  /** Whether there is a file of this conversation. */
  has({ id }: Pick<Session, "id">): boolean {
    return existsSync(this.#pathOf(id));
  }

  /** One in which nothing was said, or nothing any more, has no file. */
  save(session: Session): void {
    if (session.turns.length === 0) return rmSync(this.#pathOf(session.id), { force: true });
    const turns = session.turns.map((turn) => ({
      ...turn,
      pictures: turn.pictures.map(({ bytes: _, ...picture }) => picture),
    }));
    for (const { sha256, bytes } of session.turns.flatMap(({ pictures }) => pictures)) {
      const path = join(this.#pictures, sha256);
      // As young as a new one: no other program takes it for one that nobody needs, see `prune`.
      if (isRegularFile(path)) utimesSync(path, new Date(), new Date());
      else writePrivate(path, bytes);
    }
    writePrivate(this.#pathOf(session.id), `${JSON.stringify({ ...session, turns }, null, 2)}\n`);
  }

  /** Those in which something was said, newest first. */
  list(): StoredSession[] {
    return this.#all().filter(({ turnCount }) => turnCount > 0);
  }

  #all(): StoredSession[] {
    return namesIn(this.#sessions).filter((name) => name.endsWith(".json")).flatMap((name) => {
      try {
        const path = join(this.#sessions, name);
        const file = readSessionFile(path);
        const title = file.turns.find(({ role }) => role === "user")?.text ?? "";
        const { id } = file;
        return [{
          id,
          name: file.name,
          title,
          updatedMs: statSync(path).mtimeMs,
          turnCount: file.turns.length,
        }];
      } catch {
        // Of another version, or spoiled: it is told to the one who asks for it by name.
        return [];
      }
    }).sort((a, b) => b.updatedMs - a.updatedMs || b.id.localeCompare(a.id));
  }

  /**
   * A conversation by its name, by its ID, or by how that begins; without any the last one.
   *
   * @throws {UsageError} If there is none, or several begin so, or its file is spoiled.
   */
  load(wanted?: string): Session {
    const found = this.#find(wanted);
    if (found === undefined) throw new UsageError(this.#explainAbsence(wanted), remedy);
    const file = readSessionFile(this.#pathOf(found.id));
    return { ...file, turns: file.turns.map((turn) => this.#withPictures(turn)) };
  }

  /**
   * Forgets the oldest conversations that have no name, those in which nothing was said, and the pictures that are in no conversation. What cannot be
   * removed stays.
   *
   * @param current not forgotten, however old it is
   */
  prune(current?: Pick<Session, "id">): void {
    for (const { id } of this.#all().filter(({ turnCount }) => turnCount === 0)) removeFile(this.#pathOf(id));
    const stored = this.list();
    // A copy that somebody made of a file has the same ID: one of the two may have a name, and the other none.
    const ids = new Set(stored.map(({ id }) => id));
    for (const { id } of stored.filter(({ name }) => name !== undefined)) ids.delete(id);
    if (current !== undefined) ids.delete(current.id);
    for (const id of [...ids].slice(keptSessions)) removeFile(this.#pathOf(id));
    const shown = this.#picturesShown();
    if (shown === undefined) return;
    for (const name of namesIn(this.#pictures).filter((name) => !shown.has(name))) {
      removeFile(join(this.#pictures, name), youngMs);
    }
  }

  /** The pictures of all conversations; `undefined` if one cannot be read, whose pictures nobody knows. */
  #picturesShown(): Set<string> | undefined {
    try {
      const files = namesIn(this.#sessions).filter((name) => name.endsWith(".json"))
        .map((name) => readSessionFile(join(this.#sessions, name)));
      return new Set(
        files.flatMap(({ turns }) => turns).flatMap(({ pictures }) => pictures.map(({ sha256 }) => sha256)),
      );
    } catch {
      return undefined;
    }
  }

  #pathOf(id: string): string {
    return join(this.#sessions, `${id}.json`);
  }

  #explainAbsence(wanted: string | undefined): string {
    if (wanted === undefined) return "There is no conversation to resume";
    const what = `There is no conversation "${wanted}"`;
    const labels = this.list().map(({ id, name }) => name ?? id);
    if (labels.length === 0) return `${what}, and no other`;
    const [alike, others] = [
      labels.filter((label) => isAlike(label, wanted)),
      labels.filter((label) => !isAlike(label, wanted)),
    ];
    return `${what}; there are ${
      [...alike, ...others].slice(0, offered).map((label) => `"${label}"`).join(", ")
    }${labels.length > offered ? ", …" : ""}`;
  }

  #find(wanted: string | undefined): StoredSession | undefined {
    const stored = this.list();
    if (wanted === undefined) return stored[0];
    const exact = stored.find(({ id, name }) => id === wanted || name === wanted);
    if (exact) return exact;
    const [found, other] = stored.filter(({ id }) => id.startsWith(wanted));
    if (other !== undefined) throw new UsageError(`Several conversations begin with "${wanted}"`, remedy);
    return found;
  }

  /**
   * Gives the name to this conversation.
   *
   * @returns it, and the ID of another that had the name, by which alone it is found from now on
   */
  rename(session: Session, name: string): { readonly renamed: Session; readonly robbed?: string } {
    let robbed: string | undefined;
    for (const other of this.list()) {
      if (other.name === name && other.id !== session.id) {
        this.save({ ...this.load(other.id), name: undefined });
        robbed = other.id;
      }
    }
    const renamed = { ...session, name };
    this.save(renamed);
    return { renamed, robbed };
  }

  #withPictures(turn: StoredTurn): Turn {
    const pictures = turn.pictures.map((picture): ChatPicture => {
      const bytes = bytesOf(join(this.#pictures, picture.sha256));
      const sha256 = bytes && new Bun.CryptoHasher("sha256").update(bytes).digest("hex");
      if (bytes === undefined || sha256 !== picture.sha256) {
        throw new UsageError(`The picture "${picture.name}" of this conversation is no longer there`, remedy);
      }
      return { ...picture, bytes };
    });
    return { ...turn, pictures };
  }
}

type StoredTurn = Omit<Turn, "pictures"> & { readonly pictures: readonly Omit<ChatPicture, "bytes">[] };
type StoredSessionFile = Omit<Session, "turns"> & { readonly turns: readonly StoredTurn[] };

/** Whether one can be meant by the other: one holds the other, or they begin alike. */
function isAlike(label: string, wanted: string): boolean {
  const [a, b] = [label.toLowerCase(), wanted.toLowerCase()];
  return a.includes(b) || b.includes(a) || a.slice(0, 3) === b.slice(0, 3);
}

/** A folder that is not there has no files. */
function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

function removeFile(path: string, olderThanMs = 0): void {
  try {
    if (Date.now() - statSync(path).mtimeMs >= olderThanMs) rmSync(path);
  } catch {
    // It is tried again by the next conversation.
  }
}

function bytesOf(path: string): Uint8Array | undefined {
  try {
    return readRegularFile(path);
  } catch {
    return undefined;
  }
}

/** @throws {UsageError} If it is no conversation of ours. */
function readSessionFile(path: string): StoredSessionFile {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder().decode(readRegularFile(path)));
  } catch (error) {
    throw new UsageError(`Cannot read the conversation "${path}": ${(error as Error).message}`, remedy);
  }
  if (!isSession(value)) throw new UsageError(`Cannot read the conversation "${path}": it is none`, remedy);
  return value;
}

function isSession(value: unknown): value is StoredSessionFile {
  return isObject(value) && isText(value["id"]) && /^[\w-]+$/.test(value["id"]) && isText(value["created"]) &&
    isText(value["model"]) && isOptionalText(value["name"]) && isOptionalText(value["system"]) &&
    isParameters(value["parameters"]) &&
    Array.isArray(value["turns"]) && value["turns"].every(isTurn);
}

function isTurn(value: unknown): boolean {
  return isObject(value) && (value["role"] === "user" || value["role"] === "assistant") &&
    isText(value["text"]) && Array.isArray(value["pictures"]) && value["pictures"].every(isPicture) &&
    (value["stopped"] === undefined || typeof value["stopped"] === "boolean");
}

/** The hash becomes a file's name: nothing else may stand there. */
function isPicture(value: unknown): boolean {
  return isObject(value) && isText(value["name"]) && isText(value["sha256"]) &&
    /^[0-9a-f]{64}$/.test(value["sha256"]) && Number.isSafeInteger(value["width"]) &&
    Number.isSafeInteger(value["height"]);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isText(value: unknown): value is string {
  return typeof value === "string";
}

function isOptionalText(value: unknown): value is string | undefined {
  return value === undefined || isText(value);
}
