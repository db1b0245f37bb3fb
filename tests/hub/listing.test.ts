import { describe, expect, test } from "bun:test";
import { ModelError } from "../../src/base/errors.ts";
import { readListing } from "../../src/hub/listing.ts";

const sha = "0123456789abcdef0123456789abcdef01234567";
const hash = { blobId: "a".repeat(40) };

function file(rfilename: unknown, more: object = {}): object {
  return { rfilename, size: 3, ...hash, ...more };
}

const config = file("config.json");
const tokenizer = file("tokenizer.json");
const weights = file("model.safetensors", { size: 1, lfs: { sha256: "b".repeat(64), size: 2 ** 33 } });
const good = { sha, siblings: [weights, tokenizer, config] };

describe("readListing()", () => {
  test("takes hash and size of the content, and small files first", () => {
    const { commit, files } = readListing(good, "a/b");
    expect(commit).toBe(sha);
    expect(files.map(({ path }) => path)).toEqual(["config.json", "tokenizer.json", "model.safetensors"]);
    expect(files[0]!.hash).toEqual({ algorithm: "git-sha1", hex: "a".repeat(40) });
    expect(files[2]).toMatchObject({ size: 2 ** 33, hash: { algorithm: "sha256", hex: "b".repeat(64) } });
  });

  test("takes the single file of weights, or the shards with their index, never other formats or folders", () => {
    const shards = ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"].map((name) =>
      file(name)
    );
    const others = ["pytorch_model.bin", "original/consolidated.00.pth", "x/config.json", "extra.safetensors"]
      .map((name) => file(name));
    const index = file("model.safetensors.index.json");
    const sharded = readListing({ sha, siblings: [config, tokenizer, index, ...shards, ...others] }, "a/b");
    expect(sharded.files.length).toBe(5);
    const single = readListing({ sha, siblings: [config, tokenizer, index, ...shards, weights] }, "a/b");
    expect(single.files.map(({ path }) => path)).not.toContain("model-00001-of-00002.safetensors");
  });

  test.each([
    "../../.bashrc",
    "/etc/passwd",
    "a/../../b",
    "a//b",
    "./config.json",
    "..",
    "",
    "a\\b",
    "C:config.json",
    "a\0b",
    "a\nb",
    7,
    null,
  ])("refuses a repository with the path %j (F08)", (path) => {
    expect(() => readListing({ ...good, siblings: [...good.siblings, file(path)] }, "a/b")).toThrow(
      ModelError,
    );
  });

  test("refuses names that are one on some systems (F08)", () => {
    const siblings = [...good.siblings, file("CONFIG.json")];
    expect(() => readListing({ ...good, siblings }, "a/b")).toThrow("one name on some systems");
  });

  test.each([
    ["no object", []],
    ["no commit", { ...good, sha: "main" }],
    ["a commit that leads elsewhere", { ...good, sha: `../${sha.slice(3)}` }],
    ["no files", { sha }],
    ["a file that is none", { sha, siblings: [config, tokenizer, weights, 1] }],
    ["a negative size", { sha, siblings: [config, tokenizer, file("model.safetensors", { size: -1 })] }],
    ["a size beyond numbers", {
      sha,
      siblings: [config, tokenizer, file("model.safetensors", { size: 2 ** 60 })],
    }],
    ["no size", { sha, siblings: [config, tokenizer, file("model.safetensors", { size: undefined })] }],
    ["a hash that leads elsewhere", {
      sha,
      siblings: [config, tokenizer, file("model.safetensors", { blobId: "../x" })],
    }],
    ["no tokenizer", { sha, siblings: [config, weights] }],
    ["no safetensors", { sha, siblings: [config, tokenizer, file("pytorch_model.bin")] }],
    ["another architecture", { ...good, config: { model_type: "llama" } }],
  ])("refuses %s", (_, body) => {
    expect(() => readListing(body, "a/b")).toThrow(ModelError);
  });
});
