import { afterAll, describe, expect, test } from "bun:test";
import { truncateSync } from "node:fs";
import { AssertionError } from "../../src/base/assert.ts";
import { ModelError } from "../../src/base/errors.ts";
import { MemoryFile, openWeightFile, type WeightFile } from "../../src/weights/file.ts";
import { readSafetensorsHeader } from "../../src/weights/safetensors.ts";
import { safetensorsBytes } from "../support/safetensors_file.ts";
import { TemporaryFolder } from "../support/temporary_folder.ts";

const folder = new TemporaryFolder();
afterAll(() => folder[Symbol.dispose]());

const bytes = () => Uint8Array.from({ length: 200 }, (_, index) => index);
const kinds: Record<string, (content: Uint8Array<ArrayBuffer>) => WeightFile> = {
  "a file on disk": (content) => openWeightFile(folder.write("x.bin", content)),
  "a file in memory": (content) => new MemoryFile("inside/x.bin", content),
};

describe.each(Object.entries(kinds))("%s", (_kind, open) => {
  test("is read by position, into fresh memory and into the caller's", () => {
    const file = open(bytes());
    expect(file.size).toBe(200);
    expect([...file.read(190, 10)]).toEqual([190, 191, 192, 193, 194, 195, 196, 197, 198, 199]);
    const target = new Uint8Array(6).fill(7);
    file.readInto(100, target.subarray(2, 4));
    expect([...target]).toEqual([7, 7, 100, 101, 7, 7]);
    file.close();
  });

  test("has no bytes behind its end, and none when it is closed", () => {
    const file = open(bytes());
    expect(() => file.readInto(195, new Uint8Array(10))).toThrow(ModelError);
    expect(() => file.readInto(195, new Uint8Array(10))).toThrow("must hold 205 bytes, ends at byte 200");
    expect(() => file.read(195, 10)).toThrow(AssertionError);
    file.close();
    file.close();
    expect(() => file.read(0, 1)).toThrow(AssertionError);
  });

  test("is refused as weights when its tensors do not cover it", () => {
    const header = JSON.stringify({ a: { dtype: "U8", shape: [4], data_offsets: [0, 4] } });
    const whole = open(new Uint8Array(safetensorsBytes(header, new Uint8Array(4))));
    expect([...readSafetensorsHeader(whole).keys()]).toEqual(["a"]);
    whole.close();
    const longer = open(new Uint8Array(safetensorsBytes(header, new Uint8Array(5))));
    expect(() => readSafetensorsHeader(longer)).toThrow(ModelError);
    longer.close();
  });
});

test("MemoryFile.close() gives its memory back", () => {
  const content = bytes();
  new MemoryFile("inside/x.bin", content).close();
  expect(content.length).toBe(0);
});

test("MemoryFile takes no part of somebody else's memory", () => {
  expect(() => new MemoryFile("inside/x.bin", bytes().subarray(10))).toThrow(AssertionError);
});

test("a file on disk that shrinks ends a read with the place", () => {
  const path = folder.write("short.bin", bytes());
  const file = openWeightFile(path);
  truncateSync(path, 50);
  expect(() => file.read(40, 20)).toThrow("must hold 60 bytes, ends at byte 50");
  file.close();
});
