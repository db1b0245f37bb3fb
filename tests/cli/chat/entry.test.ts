import { expect, test } from "bun:test";
import { completeInput } from "../../../src/cli/chat/completion.ts";
import type { Chat } from "../../../src/cli/chat/chat.ts";
import { continueEntry, finishEntry } from "../../../src/cli/chat/entry.ts";
import { InputHistory } from "../../../src/cli/chat/input_history.ts";
import {
  describeParameters,
  isParameters,
  setParameter,
  toRequest,
} from "../../../src/cli/chat/parameters.ts";
import { stateDirectory } from "../../../src/cli/chat/private_files.ts";
import { FakeRuntime } from "../../support/fake_runtime.ts";
import { TemporaryFolder } from "../../support/temporary_folder.ts";

test("continueEntry() goes on after a backslash and inside three quotes", () => {
  const cases: readonly (readonly [text: string, longer: string | undefined])[] = [
    ["", undefined],
    ["one", undefined],
    ["one\\", "one\n"],
    ["one\\\ntwo", undefined],
    ['"""', '"""\n'],
    ['"""one', '"""one\n'],
    ['"""one"""', undefined],
    ['"""one\n"""  ', undefined],
    ['he said """', undefined],
    ['""""""', undefined],
  ];
  for (const [text, longer] of cases) expect(continueEntry(text)).toBe(longer);
});

test("finishEntry() takes the quotes away and nothing else", () => {
  expect(finishEntry('  """\none\n  two\n"""  ')).toBe("one\n  two");
  expect(finishEntry('"""not closed')).toBe("not closed");
  expect(finishEntry(' say """this""" ')).toBe('say """this"""');
  expect(finishEntry('""""""')).toBe("");
});

test("setParameter() takes names and values as the flags do", () => {
  const some = setParameter(setParameter({}, "num_predict", "5"), "TOP_K", "3");
  expect(toRequest(some)).toEqual({ sampling: { topK: 3 }, maxTokens: 5, stop: undefined });
  expect(toRequest(setParameter(some, "top-k", "default"))).toMatchObject({ sampling: {} });
  expect(() => setParameter({}, "top-k", "1.5")).toThrow(
    'top-k must be a whole number from 0 to 1000000, not "1.5"',
  );
  expect(() => setParameter({ stop: ["a", "b", "c", "d"] }, "stop", "e")).toThrow("stop takes up to 4 texts");
  const { sampling } = new FakeRuntime(() => []).model;
  const described = Object.fromEntries(describeParameters({ seed: 7 }, sampling));
  // What the model's files say is told with its value.
  expect(described).toMatchObject({ seed: "7", temp: "0.6, the model's own", "presence-penalty": "0" });
});

test("isParameters() takes what a file may hold", () => {
  for (const good of [{}, { temperature: 0.5, stop: ["x"] }, { seed: 1 }]) {
    expect(isParameters(good)).toBe(true);
  }
  const bad = [undefined, [], { other: 1 }, { temperature: 9 }, { temperature: "1" }, { stop: [1] }, {
    seed: 1.5,
  }];
  for (const value of bad) expect(isParameters(value)).toBe(false);
});

test("InputHistory keeps the last thousand, each once in a row", () => {
  using folder = new TemporaryFolder({
    history: Array.from({ length: 2500 }, (_, i) => `${JSON.stringify(`input ${i}`)}\n`).join(""),
  });
  const history = new InputHistory(folder.path);
  history.add("new\nline");
  history.add("new\nline");
  expect(history.entries.length).toBe(1000);
  expect(new InputHistory(folder.path).entries.slice(-2)).toEqual(["input 2499", "new\nline"]);
});

test("stateDirectory() follows XDG_STATE_HOME, and no relative one", () => {
  const at = (env: Record<string, string>, platform = "linux") => stateDirectory(env, platform, "/her");
  expect(at({ XDG_STATE_HOME: "/state" })).toBe("/state/llamav");
  expect(at({ XDG_STATE_HOME: "state" })).toBe("/her/.local/state/llamav");
  expect(at({}, "darwin")).toBe("/her/Library/Application Support/llamav");
});

test("completeInput() completes only where something is to be completed", () => {
  using folder = new TemporaryFolder({ "a (1).png": "", ".hidden.png": "", "b/c.jpg": "", "d.txt": "" });
  const chat = { parts: { store: undefined, context: { env: { HOME: folder.path } } } } as unknown as Chat;
  const complete = (text: string, cursor = text.length) => completeInput(text, cursor, chat).candidates;
  expect(complete("/he")).toEqual(["/help "]);
  expect(complete("/help und")).toEqual(["undo "]);
  expect(complete(`/image ${folder.path}/`)).toEqual([
    `${folder.path}/a\\ \\(1\\).png `,
    `${folder.path}/b/`,
  ]);
  expect(complete(`see @${folder.path}/.h`)).toEqual([`${folder.path}/.hidden.png `]);
  expect(complete("see @~/b/")).toEqual(["~/b/c.jpg "]);
  expect(complete("/image clip")).toEqual(["clipboard "]);
  for (const text of ["", "hello", "/nothing x", "/load x", `@${folder.path}/none/`]) {
    expect(complete(text)).toEqual([]);
  }
});
