import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import { StreamDecoder } from "../../src/tokenizer/stream_decoder.ts";
import { openTokenizer } from "../../src/tokenizer/tokenizer.ts";
import { goldenCases, goldenJson, goldensRoot } from "../support/goldens.ts";

interface EncodeFile {
  rows: { text: string; special: boolean; ids: number[] }[];
}

interface StreamFile {
  rows: { ids: number[]; bytes: string[]; deltas: string[]; tail: string }[];
}

// The real vocabulary is not part of the goldens: LLAMAV_LLAMA3_TOKENIZER names a directory that holds it.
const vocabularies = [{ name: "small", directory: join(goldensRoot, "checkpoints/tiny-mllama") }];
const realVocabulary = process.env.LLAMAV_LLAMA3_TOKENIZER;
if (realVocabulary) vocabularies.push({ name: "llama3", directory: realVocabulary });

for (const { name, directory } of vocabularies) {
  describe(`${name} vocabulary`, () => {
    const tokenizer = openTokenizer(directory);

    test("Tokenizer.encode() gives the reference ids", () => {
      const { rows } = goldenJson<EncodeFile>(`tokenizer/${name}_encode.json`);
      expect(rows.length).toBeGreaterThan(400);
      for (const { text, special, ids } of rows) {
        expect({ text, ids: tokenizer.encode(text, { control: special }) }).toEqual({ text, ids });
      }
    });

    test("Tokenizer.tokenBytes() and StreamDecoder give the reference bytes and deltas", () => {
      const { rows } = goldenJson<StreamFile>(`tokenizer/${name}_stream.json`);
      expect(rows.length).toBeGreaterThan(100);
      for (const row of rows) {
        const decoder = new StreamDecoder(tokenizer);
        expect(row.ids.map((id) => Buffer.from(tokenizer.tokenBytes(id)).toString("hex"))).toEqual(row.bytes);
        expect(row.ids.map((id) => decoder.push(id))).toEqual(row.deltas);
        expect(decoder.flush()).toBe(row.tail);
        expect(tokenizer.decode(row.ids)).toBe(row.deltas.join("") + row.tail);
      }
    });
  });
}

test("Tokenizer.encode() gives the ids of every golden prompt, and decode() the text of every answer", () => {
  let count = 0;
  for (const golden of goldenCases()) {
    for (const checkpoint of golden.checkpoints) {
      const tokenizer = openTokenizer(checkpoint.directory);
      expect(tokenizer.encode(golden.file.prompt, { control: true })).toEqual([...golden.file.input_ids]);
      expect(tokenizer.decode(golden.file.greedy.ids)).toBe(golden.file.greedy.text);
      count++;
    }
  }
  expect(count).toBeGreaterThan(40);
});
