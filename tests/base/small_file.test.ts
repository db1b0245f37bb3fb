import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ModelError } from "../../src/base/errors.ts";
import { readSmallFile } from "../../src/base/small_file.ts";
import { openChatTemplate } from "../../src/chat/template_file.ts";
import { readBosToken, readTokenizerFile } from "../../src/tokenizer/tokenizer_file.ts";

let directory = "";
beforeEach(() => directory = mkdtempSync(join(tmpdir(), "llamav-file-")));
afterEach(() => rmSync(directory, { recursive: true }));

test("readSmallFile() gives a file's text, and undefined where there is none", () => {
  const path = join(directory, "a");
  expect(readSmallFile(path, 4)).toBeUndefined();
  writeFileSync(path, "aé");
  expect(readSmallFile(path, 4)).toBe("aé");
  writeFileSync(path, "abcde");
  expect(() => readSmallFile(path, 4)).toThrow("must have at most 4 bytes, and it has 5");
});

/** What may lie where a file should be, and would otherwise hang, never end, or fail without an explanation. */
const oddEntries: Readonly<Record<string, (path: string) => void>> = {
  "a directory": (path) => mkdirSync(path),
  "a named pipe": (path) => Bun.spawnSync(["mkfifo", path]),
  "a link to a device without end": (path) => symlinkSync("/dev/zero", path),
  "a link to itself": (path) => symlinkSync(path, path),
};

for (const [what, make] of Object.entries(oddEntries)) {
  test(`a checkpoint's text files are refused when one is ${what}`, () => {
    const readers = {
      "tokenizer.json": readTokenizerFile,
      "tokenizer_config.json": readBosToken,
      "chat_template.json": (path: string) => openChatTemplate(path, "<bos>"),
    };
    for (const [name, read] of Object.entries(readers)) {
      make(join(directory, name));
      expect(() => read(directory)).toThrow(ModelError);
      expect(() => read(directory)).toThrow(name);
    }
  });
}
