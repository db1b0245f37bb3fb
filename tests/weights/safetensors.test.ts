import { describe, expect, test } from "bun:test";
import { readdirSync, truncateSync } from "node:fs";
import { join } from "node:path";
import { ModelError } from "../../src/base/errors.ts";
import { openWeightFile } from "../../src/weights/file.ts";
import { type PlacedTensor, readSafetensorsHeader } from "../../src/weights/safetensors.ts";
import { expectedTensors, goldenCases, goldenCheckpoints } from "../support/goldens.ts";
import { readSafetensorsFile, safetensorsBytes } from "../support/safetensors_file.ts";
import { TemporaryFolder } from "../support/temporary_folder.ts";

const eight = new Uint8Array(8);
const f32x2 = { dtype: "F32", shape: [2], data_offsets: [0, 8] };

/** Reads these bytes as a file of that kind. */
function header(bytes: Uint8Array): Map<string, PlacedTensor> {
  using folder = new TemporaryFolder({ "x.safetensors": bytes });
  const file = openWeightFile(join(folder.path, "x.safetensors"));
  try {
    return readSafetensorsHeader(file);
  } finally {
    file.close();
  }
}

function headerOf(json: unknown, data: Uint8Array = eight): Map<string, PlacedTensor> {
  return header(safetensorsBytes(JSON.stringify(json), data));
}

function expectRefusal(bytes: Uint8Array, message: RegExp): void {
  expect(() => header(bytes)).toThrow(ModelError);
  expect(() => header(bytes)).toThrow(message);
}

describe("readSafetensorsHeader() reads", () => {
  for (const checkpoint of goldenCheckpoints()) {
    const shards = readdirSync(checkpoint.directory).filter((name) => name.endsWith(".safetensors"));
    test.each(shards)(`${checkpoint.name}/%s as an independent reader does`, (shard) => {
      expectSameAsIndependentReader(join(checkpoint.directory, shard));
    });
  }

  test("integer tensors of a golden case, too", () => {
    expectSameAsIndependentReader(expectedTensors(goldenCases()[0]!).path);
  });

  test("metadata, scalars, empty tensors and trailing spaces", () => {
    const json = JSON.stringify({
      __metadata__: { format: "pt" },
      scalar: { dtype: "F64", shape: [], data_offsets: [0, 8] },
      none: { dtype: "BF16", shape: [3, 0], data_offsets: [8, 8] },
    });
    const tensors = header(safetensorsBytes(`${json}   `, eight));
    expect([...tensors.values()].map(({ name, dtype, bytes }) => [name, dtype, bytes])).toEqual([
      ["scalar", "f64", 8],
      ["none", "bf16", 0],
    ]);
  });

  test("a tensor named __proto__ as a tensor", () => {
    const json = '{"__proto__":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}';
    expect(header(safetensorsBytes(json, eight)).get("__proto__")?.shape).toEqual([2]);
  });

  test("100,000 tensors in bounded time", () => {
    const entries = Array.from({ length: 100_000 }, (_, i) => {
      return [`t${i}`, { dtype: "U8", shape: [1], data_offsets: [i, i + 1] }];
    });
    const bytes = safetensorsBytes(JSON.stringify(Object.fromEntries(entries)), new Uint8Array(100_000));
    const start = performance.now();
    expect(header(bytes).size).toBe(100_000);
    expect(performance.now() - start).toBeLessThan(2000);
  });
});

function expectSameAsIndependentReader(path: string): void {
  const file = openWeightFile(path);
  const tensors = readSafetensorsHeader(file);
  const expected = readSafetensorsFile(path);
  expect([...tensors.keys()].sort()).toEqual([...expected.keys()].sort());
  for (const [name, { dtype, shape, data }] of expected) {
    const tensor = tensors.get(name)!;
    expect(tensor.dtype).toBe(dtype.toLowerCase() as typeof tensor.dtype);
    expect(tensor.shape).toEqual(shape);
    const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    expect(Buffer.compare(file.read(tensor.position, tensor.bytes), bytes)).toBe(0);
  }
  file.close();
}

describe("readSafetensorsHeader() refuses", () => {
  test.each([
    ["an empty file", new Uint8Array(0), /8-byte header length, has 0 bytes/],
    ["length 0", safetensorsBytes("{}", eight, 0n), /the file says 0/],
    ["length 2^63", safetensorsBytes("{}", eight, 2n ** 63n), /the file says 9223372036854775808/],
    ["a length beyond the file", safetensorsBytes("{}", eight, 11n), /2 to 10 bytes, the file says 11/],
    ["a header that is no object", safetensorsBytes("[1]", eight), /must begin with "{"/],
    ["a byte-order mark", safetensorsBytes("\ufeff{}", eight), /must begin with "{"/],
    ["text behind the object", safetensorsBytes("{}x", eight), /text after the value/],
    [
      "bytes that are not UTF-8",
      safetensorsBytes(Uint8Array.of(0x7b, 0x22, 0xff, 0x22, 0x7d), eight),
      /UTF-8/,
    ],
    [
      "deep nesting",
      safetensorsBytes(`{"a":${"[".repeat(100_000)}${"]".repeat(100_000)}}`, eight),
      /64 levels/,
    ],
    [
      "a name that is there twice",
      safetensorsBytes(`{"a":${JSON.stringify(f32x2)},"\\u0061":${JSON.stringify(f32x2)}}`, eight),
      /duplicate key "a"/,
    ],
    [
      "an appended ZIP",
      safetensorsBytes(JSON.stringify({ a: f32x2 }), Buffer.from("12345678PK\x03\x04")),
      /must end/,
    ],
    ["data without a tensor", safetensorsBytes("{}", eight), /data must end at the end of the file/],
  ])("%s", (_, bytes, message) => expectRefusal(bytes, message));

  test("a header above 16 MB, without reading it", () => {
    using folder = new TemporaryFolder({ "x.safetensors": safetensorsBytes("{}", eight, 16_000_001n) });
    const path = join(folder.path, "x.safetensors");
    truncateSync(path, 200_000_000);
    const file = openWeightFile(path);
    expect(() => readSafetensorsHeader(file)).toThrow(/2 to 16000000 bytes, the file says 16000001/);
    file.close();
  });

  test.each([
    ["metadata that is not text", { __metadata__: { a: 1 } }, /__metadata__/],
    ["an entry that is no object", { a: [] }, /tensor "a": must be an object/],
    ["an unknown field", { a: { ...f32x2, strides: [1] } }, /unknown field "strides"/],
    ["an unknown dtype", { a: { ...f32x2, dtype: "F4" } }, /the file says "F4"/],
    ["a missing dtype", { a: { shape: [2], data_offsets: [0, 8] } }, /the file says none/],
    ["a negative size", { a: { ...f32x2, shape: [-2] } }, /shape must be/],
    ["a fractional size", { a: { ...f32x2, shape: [2.5] } }, /shape must be/],
    ["a shape that is no list", { a: { ...f32x2, shape: 2 } }, /shape must be/],
    ["nine axes", { a: { ...f32x2, shape: [2, 1, 1, 1, 1, 1, 1, 1, 1] } }, /at most 8/],
    ["a product above 2^53", { a: { ...f32x2, shape: [2 ** 40, 2 ** 40, 0] } }, /more than 2\^53 - 1 bytes/],
    [
      "a size other than dtype × shape",
      { a: { ...f32x2, shape: [3] } },
      /needs 12 bytes, data_offsets give 8/,
    ],
    ["one offset", { a: { ...f32x2, data_offsets: [0] } }, /data_offsets must be two/],
    ["falling offsets", { a: { ...f32x2, data_offsets: [8, 0] } }, /must rise/],
    ["offsets beyond the file", { a: { ...f32x2, shape: [4], data_offsets: [0, 16] } }, /within the 8 bytes/],
    [
      "overlapping tensors",
      { a: f32x2, b: { dtype: "F32", shape: [1], data_offsets: [4, 8] } },
      /"b": overlaps the tensor before it/,
    ],
    ["a gap", { a: { dtype: "F32", shape: [1], data_offsets: [4, 8] } }, /"a": leaves a gap before it/],
  ])("%s", (_, json, message) => {
    expect(() => headerOf(json)).toThrow(ModelError);
    expect(() => headerOf(json)).toThrow(message);
  });

  test("with the file's path and a remedy, and no control character of the file's", () => {
    try {
      headerOf({ "\x1b[2J\u202e": { ...f32x2, shape: [3] } });
      expect.unreachable();
    } catch (error) {
      const { message, remedy } = error as ModelError;
      expect(message).toContain("x.safetensors");
      expect(message).toContain("\\x1b[2J\\u202e");
      expect(remedy).toContain("download it again");
    }
  });
});
