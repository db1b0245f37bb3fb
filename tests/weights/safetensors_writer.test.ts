import { expect, test } from "bun:test";
import { lstatSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { AssertionError } from "../../src/base/assert.ts";
import { openWeightFile } from "../../src/weights/file.ts";
import { readSafetensorsHeader } from "../../src/weights/safetensors.ts";
import { SafetensorsWriter, writeSafetensors } from "../../src/weights/safetensors_writer.ts";
import { readSafetensorsFile } from "../support/safetensors_file.ts";
import { TemporaryFolder } from "../support/temporary_folder.ts";

test("writeSafetensors() writes what two readers read back, aligned to 8 bytes", () => {
  using folder = new TemporaryFolder();
  const path = join(folder.path, "out.safetensors");
  const tensors = [
    { name: "logits", dtype: "f32", shape: [2, 3], data: Float32Array.of(1, -2, 3.5, 1e-45, Infinity, -0) },
    { name: "ids", dtype: "i32", shape: [3], data: Int32Array.of(128256, -1, 0) },
    { name: "none", dtype: "f32", shape: [0, 4], data: new Float32Array(0) },
  ] as const;
  writeSafetensors(path, tensors);

  const read = readSafetensorsFile(path);
  for (const { name, shape, data } of tensors) {
    expect(read.get(name)).toEqual({ dtype: name === "ids" ? "I32" : "F32", shape: [...shape], data });
  }
  const file = openWeightFile(path);
  const ours = readSafetensorsHeader(file);
  expect(ours.get("logits")!.position % 8).toBe(0);
  expect([...ours.values()].map(({ name, bytes }) => [name, bytes])).toEqual([["logits", 24], ["ids", 12], [
    "none",
    0,
  ]]);
  file.close();
});

test("SafetensorsWriter takes rows of several tensors in turns", () => {
  using folder = new TemporaryFolder();
  const path = join(folder.path, "out.safetensors");
  const writer = new SafetensorsWriter(path, [
    { name: "a", dtype: "f32", shape: [2, 2] },
    { name: "b", dtype: "i32", shape: [2] },
  ]);
  writer.append("b", Int32Array.of(1));
  writer.append("a", Float32Array.of(1, 2));
  writer.append("b", Int32Array.of(2));
  writer.append("a", Float32Array.of(0, 3, 4, 0).subarray(1, 3));
  writer.finish();
  const read = readSafetensorsFile(path);
  expect(read.get("a")!.data).toEqual(Float32Array.of(1, 2, 3, 4));
  expect(read.get("b")!.data).toEqual(Int32Array.of(1, 2));
});

test("SafetensorsWriter leaves the old file in place until the new one is complete, and no rest behind", () => {
  using folder = new TemporaryFolder();
  const path = join(folder.path, "out.safetensors");
  writeFileSync(path, "old");
  const writer = new SafetensorsWriter(path, [{ name: "a", dtype: "f32", shape: [2] }]);
  writer.append("a", Float32Array.of(1));
  expect(() => writer.finish()).toThrow(/tensor a lacks 4 bytes/);
  writer.dispose();
  expect(readFileSync(path, "utf8")).toBe("old");
  expect(readdirSync(folder.path)).toEqual(["out.safetensors"]);
});

test("SafetensorsWriter.append() stops at too many numbers, another dtype, an unknown name", () => {
  using folder = new TemporaryFolder();
  const writer = new SafetensorsWriter(join(folder.path, "x"), [{ name: "a", dtype: "f32", shape: [1] }]);
  expect(() => writer.append("a", Float32Array.of(1, 2))).toThrow(AssertionError);
  expect(() => writer.append("a", Int32Array.of(1))).toThrow(AssertionError);
  expect(() => writer.append("b", Float32Array.of(1))).toThrow(AssertionError);
  writer.dispose();
});

test("SafetensorsWriter.finish() does not replace what has become something else than a file", () => {
  using folder = new TemporaryFolder();
  const path = join(folder.path, "out.safetensors");
  const data = Int32Array.of(1);
  symlinkSync("nothing", path);
  expect(() => writeSafetensors(path, [{ name: "a", dtype: "i32", shape: [1], data }])).toThrow(
    "it must be a regular file or nothing",
  );
  expect(lstatSync(path).isSymbolicLink()).toBe(true);
  expect(readdirSync(folder.path)).toEqual(["out.safetensors"]);
});
