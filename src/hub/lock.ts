import { mkdirSync } from "node:fs";
import { dirname } from "node:path";
import { Database } from "bun:sqlite";

const pollMs = 250;

/**
 * Does work while nobody else holds the lock of this file, in this process or another one.
 *
 * The lock is that of a database, because the runtime has no other that works on every system, and that the system
 * lets go of when its holder dies, in whatever way. Nothing is ever written to the file.
 *
 * @param onWait called once, if somebody else holds it
 */
export async function withLock<T>(
  path: string,
  work: () => Promise<T>,
  { onWait, signal }: { readonly onWait?: () => void; readonly signal?: AbortSignal } = {},
): Promise<T> {
  mkdirSync(dirname(path), { recursive: true });
  const database = new Database(path, { create: true });
  try {
    for (let waits = 0; !tryLock(database); waits++) {
      signal?.throwIfAborted();
      if (waits === 0) onWait?.();
      await Bun.sleep(pollMs);
    }
    return await work();
  } finally {
    database.close();
  }
}

function tryLock(database: Database): boolean {
  try {
    database.run("BEGIN EXCLUSIVE");
    return true;
  } catch (error) {
    if ((error as { code?: unknown }).code === "SQLITE_BUSY") return false;
    throw error;
  }
}
