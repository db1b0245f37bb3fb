import { expect, test } from "bun:test";
import { copyFileSync, existsSync, readdirSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { keptSessions, SessionStore } from "../../../src/cli/chat/session_store.ts";
import type { Session } from "../../../src/cli/chat/session.ts";
import { TemporaryFolder } from "../../support/temporary_folder.ts";

/** A conversation about a picture of its own. */
function sessionOf(id: string, name?: string): Session {
  const bytes = new TextEncoder().encode(id);
  const sha256 = new Bun.CryptoHasher("sha256").update(bytes).digest("hex");
  const picture = { name: "a.png", sha256, width: 1, height: 1, bytes };
  const turns = [{ role: "user" as const, text: id, pictures: [picture] }];
  return { id, name, created: "2026-01-01T00:00:00.000Z", model: "demo", parameters: {}, turns };
}

function pictureOf({ turns }: Session): string {
  return turns[0]!.pictures[0]!.sha256;
}

/** Saves it as if that had been so many hours ago. */
function saveOld(store: SessionStore, folder: TemporaryFolder, session: Session, hours: number): void {
  store.save(session);
  const time = new Date(Date.now() - hours * 3_600_000);
  utimesSync(join(folder.path, "sessions", `${session.id}.json`), time, time);
  utimesSync(join(folder.path, "pictures", pictureOf(session)), time, time);
}

test("SessionStore.prune() forgets the oldest without a name, with their pictures", () => {
  using folder = new TemporaryFolder();
  const store = new SessionStore(folder.path);
  const sessions = Array.from({ length: keptSessions + 3 }, (_, i) => sessionOf(`s${i}`));
  sessions.forEach((session, i) => saveOld(store, folder, session, i + 2));
  const named = sessionOf("named", "mine");
  saveOld(store, folder, named, 1000);
  store.prune(sessions.at(-1));
  const kept = [...sessions.slice(0, keptSessions), sessions.at(-1)!, named];
  expect(store.list().map(({ id }) => id).sort()).toEqual(kept.map(({ id }) => id).sort());
  expect(readdirSync(join(folder.path, "pictures")).sort()).toEqual(kept.map(pictureOf).sort());
  expect(store.load("mine").turns).toEqual(named.turns);
});

test("SessionStore.prune() leaves pictures that are new, or may be of a conversation that cannot be read", () => {
  using folder = new TemporaryFolder();
  const store = new SessionStore(folder.path);
  saveOld(store, folder, sessionOf("one"), 2);
  const [young, old] = ["young", "old"].map((name) => join(folder.path, "pictures", name)) as [
    string,
    string,
  ];
  for (const path of [young, old]) writeFileSync(path, "");
  utimesSync(old, 0, 0);
  writeFileSync(join(folder.path, "sessions/spoiled.json"), "{");
  store.prune();
  expect([existsSync(young), existsSync(old)]).toEqual([true, true]);
  writeFileSync(join(folder.path, "sessions/spoiled.json"), JSON.stringify(sessionOf("spoiled")));
  store.prune();
  expect([existsSync(young), existsSync(old)]).toEqual([true, false]);
  expect(store.load("one").turns).toHaveLength(1);
});

test("SessionStore.prune() keeps a conversation with a name, of which an older copy has none", () => {
  using folder = new TemporaryFolder();
  const store = new SessionStore(folder.path);
  const session = sessionOf("one");
  saveOld(store, folder, session, 2000);
  const [path, copy] = ["one", "backup"].map((name) => join(folder.path, "sessions", `${name}.json`)) as [
    string,
    string,
  ];
  copyFileSync(path, copy);
  utimesSync(copy, 0, 0);
  const { renamed: mine } = store.rename(session, "mine");
  for (let i = 0; i <= keptSessions; i++) saveOld(store, folder, sessionOf(`s${i}`), i + 2);
  store.prune();
  expect(store.load("mine")).toEqual(mine);
  // The copy is one of the hundred for nobody.
  expect(store.list().filter(({ id }) => id !== "one")).toHaveLength(keptSessions);
});

test("SessionStore.prune() needs no folder", () => {
  using folder = new TemporaryFolder();
  new SessionStore(join(folder.path, "none")).prune();
  expect(readdirSync(folder.path)).toEqual([]);
});

test("SessionStore.rename() tells whose name it took, and waits for no pipe", () => {
  using folder = new TemporaryFolder();
  const store = new SessionStore(folder.path);
  for (const id of ["one", "two"]) store.save(sessionOf(id));
  expect(store.rename(sessionOf("one"), "mine").robbed).toBeUndefined();
  expect(store.rename(sessionOf("two"), "mine").robbed).toBe("one");
  const pipe = join(folder.path, "sessions", "pipe.json");
  expect(Bun.spawnSync(["mkfifo", pipe]).success).toBe(true);
  expect(() => store.load("pipe")).toThrow();
  expect(store.list().map(({ id }) => id).sort()).toEqual(["one", "two"]);
});

test("SessionStore.list() leaves out files of conversations in which nothing was said, which prune() forgets", () => {
  using folder = new TemporaryFolder();
  const store = new SessionStore(folder.path);
  store.save(sessionOf("one"));
  // As another version has left it.
  writeFileSync(
    join(folder.path, "sessions/empty.json"),
    JSON.stringify({ ...sessionOf("empty"), turns: [] }),
  );
  expect(store.list().map(({ id }) => id)).toEqual(["one"]);
  expect(store.load().id).toBe("one");
  store.prune();
  expect(readdirSync(join(folder.path, "sessions"))).toEqual(["one.json"]);
});
