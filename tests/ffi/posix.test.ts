import { afterAll, beforeAll, expect, test } from "bun:test";
import { closeSync, openSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { readAt, viewMemory } from "../../ffi/posix.ts";
import { addressOf, allocate } from "../../ffi/struct.ts";
import { TemporaryFolder } from "../support/temporary_folder.ts";

const folder = new TemporaryFolder();
const content = Uint8Array.from({ length: 10_000 }, (_, i) => i * 7 & 0xff);
let fd = -1;

beforeAll(() => {
  const path = join(folder.path, "data.bin");
  writeFileSync(path, content);
  fd = openSync(path, "r");
});
afterAll(() => {
  closeSync(fd);
  folder[Symbol.dispose]();
});

test("readAt() reads a range of a file to an address and nothing beside it", () => {
  const memory = allocate(1200).fill(0xaa);
  expect(readAt(fd, 4321, 1000, addressOf(memory) + 100)).toBe(1000);
  expect(memory.slice(100, 1100)).toEqual(content.slice(4321, 5321));
  expect(memory.slice(0, 100).every((byte) => byte === 0xaa)).toBe(true);
  expect(memory.slice(1100).every((byte) => byte === 0xaa)).toBe(true);
});

test("readAt() returns fewer bytes at the end of the file", () => {
  const memory = allocate(100);
  expect(readAt(fd, 9_950, 100, addressOf(memory))).toBe(50);
  expect(readAt(fd, 20_000, 100, addressOf(memory))).toBe(0);
});

test("readAt() throws the system's reason for a closed file", () => {
  expect(() => readAt(987_654, 0, 8, addressOf(allocate(8)))).toThrow("EBADF");
});

test("viewMemory() is the memory itself, not a copy", () => {
  const memory = allocate(64);
  viewMemory(addressOf(memory) + 10, 4).set([1, 2, 3, 4]);
  expect([...memory.subarray(9, 15)]).toEqual([0, 1, 2, 3, 4, 0]);
});
