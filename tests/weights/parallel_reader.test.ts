import { afterAll, expect, test } from "bun:test";
import { truncateSync } from "node:fs";
import { ModelError } from "../../src/base/errors.ts";
import { random } from "../../src/selftest/random.ts";
import { ParallelReader } from "../../src/weights/parallel_reader.ts";
import { TemporaryFolder } from "../support/temporary_folder.ts";

const reader = new ParallelReader(2);
afterAll(() => reader.close());

/** More than a piece, so that both threads have work. */
const bytes = new Uint8Array(random(1).normals(18 << 20).buffer);

test("ParallelReader.settle() returns when every range is there", () => {
  using folder = new TemporaryFolder({ "a.bin": bytes, "b.bin": bytes.subarray(0, 5000) });
  const whole = new Uint8Array(bytes.length);
  const part = new Uint8Array(4000);
  for (let round = 0; round < 2; round++) {
    whole.fill(0);
    part.fill(0);
    reader.read(`${folder.path}/a.bin`, 0, whole);
    reader.read(`${folder.path}/b.bin`, 1000, part);
    reader.settle();
    expect(Bun.hash(whole)).toBe(Bun.hash(bytes));
    expect(part).toEqual(bytes.slice(1000, 5000));
  }
});

test("ParallelReader.settle() tells of a file that ends early, and goes on with others", () => {
  using folder = new TemporaryFolder({
    "short.bin": bytes.subarray(0, 5000),
    "good.bin": bytes.subarray(0, 5000),
  });
  const target = new Uint8Array(5000);
  reader.read(`${folder.path}/short.bin`, 0, target);
  reader.settle();
  truncateSync(`${folder.path}/short.bin`, 2000);
  reader.read(`${folder.path}/short.bin`, 0, target);
  expect(() => reader.settle()).toThrow(ModelError);
  target.fill(0);
  reader.read(`${folder.path}/good.bin`, 0, target);
  reader.settle();
  expect(target).toEqual(bytes.slice(0, 5000));
});
