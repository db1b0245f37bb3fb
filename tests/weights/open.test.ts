import { afterAll, describe, expect, test } from "bun:test";
import { readdirSync, readFileSync, symlinkSync, truncateSync, unlinkSync } from "node:fs";
import { join } from "node:path";
import { ModelError, ModelNotFoundError } from "../../src/base/errors.ts";
import { openWeights } from "../../src/weights/open.ts";
import { safetensorsBytes } from "../support/safetensors_file.ts";
import { TemporaryFolder } from "../support/temporary_folder.ts";

const folders: TemporaryFolder[] = [];
afterAll(() => folders.forEach((folder) => folder[Symbol.dispose]()));

/** A safetensors file with one f32 tensor [2] for each name, filled with 0, 1, 2, … over the file. */
function tensorFile(...names: string[]): Uint8Array {
  const header = Object.fromEntries(
    names.map((name, i) => [name, { dtype: "F32", shape: [2], data_offsets: [8 * i, 8 * i + 8] }]),
  );
  const data = Float32Array.from({ length: 2 * names.length }, (_, i) => i);
  return safetensorsBytes(JSON.stringify(header), new Uint8Array(data.buffer));
}

function folder(files: Record<string, string | Uint8Array>): string {
  const made = new TemporaryFolder(files);
  folders.push(made);
  return made.path;
}

const one = "model-00001-of-00002.safetensors";
const two = "model-00002-of-00002.safetensors";

/** Two shards with tensors a, b and c, and what a test changes about them. */
function sharded(
  changes: Record<string, string | Uint8Array> = {},
  map: Record<string, unknown> = {},
): string {
  const index = { metadata: { total_size: 24 }, weight_map: { a: one, b: one, c: two, ...map } };
  return folder({
    "model.safetensors.index.json": JSON.stringify(index),
    [one]: tensorFile("a", "b"),
    [two]: tensorFile("c"),
    ...changes,
  });
}

function expectRefusal(directory: string, message: RegExp): void {
  expect(() => openWeights(directory)).toThrow(ModelError);
  expect(() => openWeights(directory)).toThrow(message);
}

describe("openWeights() reads", () => {
  test("one file", () => {
    const source = openWeights(folder({ "model.safetensors": tensorFile("a", "b") }));
    const b = source.tensors.get("b")!;
    expect(new Float32Array(source.read(b).buffer)).toEqual(Float32Array.of(2, 3));
    source.close();
  });

  test("shards, as links into a blob folder, too", () => {
    const directory = sharded();
    const blobs = folder({ "1": readFileSync(join(directory, one)) });
    unlinkSync(join(directory, one));
    symlinkSync(join(blobs, "1"), join(directory, one));
    const source = openWeights(directory);
    expect([...source.tensors.keys()]).toEqual(["a", "b", "c"]);
    source.close();
  });

  test("a range of a tensor into memory of the caller's, by position", () => {
    const source = openWeights(sharded());
    const target = new Uint8Array(12).fill(7);
    source.readInto(source.tensors.get("b")!, 4, target.subarray(4, 8));
    expect(new Float32Array(target.buffer, 4, 1)[0]).toBe(3);
    expect([target[3], target[8]]).toEqual([7, 7]);
    source.close();
  });
});

describe("openWeights() refuses", () => {
  test("a directory that is not there", () => {
    expect(() => openWeights(join(folder({}), "no"))).toThrow(ModelNotFoundError);
  });

  test("a directory without weights, or with a shard but no index", () => {
    expectRefusal(folder({}), /need model\.safetensors or .*index\.json, have no weights/);
    expectRefusal(folder({ [one]: tensorFile("a") }), /have "model-00001-of-00002\.safetensors"/);
  });

  test.each(["pytorch_model.bin", "consolidated.00.pth", "weights.ckpt", "model.gguf", "a.pkl"])(
    "%s by name, with what to do",
    (name) => {
      try {
        openWeights(folder({ [name]: "x" }));
        expect.unreachable();
      } catch (error) {
        expect((error as ModelError).message).toContain(name);
        expect((error as ModelError).remedy).toContain("safetensors");
      }
    },
  );

  test.each([
    "../x.safetensors",
    "/etc/x.safetensors",
    "sub/x.safetensors",
    "..\\x.safetensors",
    "C:x.safetensors",
    ".safetensors",
    "x.bin",
    "a\0.safetensors",
    "",
    7,
    null,
  ])("an index that names %j (F05)", (name) => {
    expectRefusal(sharded({}, { c: name }), /weight_map "c" must be a/);
  });

  test("an index without entries, or with one name twice", () => {
    expectRefusal(
      folder({ "model.safetensors.index.json": '{"weight_map":{}}' }),
      /needs an object weight_map/,
    );
    expectRefusal(folder({ "model.safetensors.index.json": "[]" }), /needs an object weight_map/);
    const twice = `{"weight_map":{"a":"${one}","a":"${one}"}}`;
    expectRefusal(folder({ "model.safetensors.index.json": twice }), /duplicate key "a"/);
  });

  test("a shard that is missing (F05)", () => {
    const directory = sharded();
    unlinkSync(join(directory, two));
    expectRefusal(directory, /model-00002-of-00002\.safetensors": the file is missing/);
  });

  test("a shard that the index does not name (F05)", () => {
    expectRefusal(sharded({ "model-00003-of-00002.safetensors": tensorFile("d") }), /00003.*not named in/);
  });

  test("shards that were swapped", () => {
    expectRefusal(
      sharded({ [one]: tensorFile("c"), [two]: tensorFile("a", "b") }),
      /holds tensor "c", which .* not/,
    );
  });

  test("a tensor that is missing, and one too many", () => {
    expectRefusal(sharded({ [one]: tensorFile("a") }), /00001.*tensor "b" is missing/);
    expectRefusal(sharded({ [two]: tensorFile("c", "d") }), /00002.*holds tensor "d"/);
  });

  test("a shard that was cut off", () => {
    const directory = sharded();
    truncateSync(join(directory, two), readFileSync(join(directory, two)).length - 1);
    expectRefusal(directory, /00002.*must rise and end within the 7 bytes/);
  });

  test("a folder in place of a file, without waiting", () => {
    expectRefusal(folder({ "model.safetensors/x": "" }), /must be a regular file/);
  });
});

describe("WeightSource", () => {
  test("throws when its file is truncated while it serves, and reads on what is left", () => {
    const directory = folder({ "model.safetensors": tensorFile("a", "b") });
    const source = openWeights(directory);
    const path = join(directory, "model.safetensors");
    truncateSync(path, readFileSync(path).length - 4);
    expect(new Float32Array(source.read(source.tensors.get("a")!).buffer)).toEqual(Float32Array.of(0, 1));
    expect(() => source.read(source.tensors.get("b")!)).toThrow(
      /model\.safetensors": must hold \d+ bytes, ends at/,
    );
    source.close();
    source.close();
  });

  test.skipIf(process.platform !== "linux")("leaves no file open when opening fails", () => {
    const directory = sharded({ [two]: tensorFile("c", "d") });
    const openFiles = () => readdirSync("/proc/self/fd").length;
    const before = openFiles();
    for (let i = 0; i < 20; i++) expect(() => openWeights(directory)).toThrow(ModelError);
    expect(openFiles()).toBe(before);
  });
});
