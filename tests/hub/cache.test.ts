import { expect, test } from "bun:test";
import { join } from "node:path";
import { findCached, listCache, removeCached, repositoryOf } from "../../src/hub/cache.ts";
import { TemporaryFolder } from "../support/temporary_folder.ts";

const commit = "c".repeat(40);
const older = "d".repeat(40);
const model = `models--acme--tiny/snapshots/${commit}`;

function fakeCache(files: Record<string, string> = {}): TemporaryFolder {
  return new TemporaryFolder({
    "models--acme--tiny/refs/main": commit,
    "models--acme--tiny/refs/refs/pr/1": older,
    [`${model}/config.json`]: '{"model_type":"mllama"}',
    [`${model}/tokenizer.json`]: "{}",
    [`${model}/model.safetensors`]: "12345",
    [`models--other--llama/snapshots/${commit}/config.json`]: '{"model_type":"llama"}',
    "models--broken/snapshots/x/config.json": "{}",
    "datasets--a--b/refs/main": commit,
    ...files,
  });
}

test("listCache() lists the models that this program runs", () => {
  using cache = fakeCache();
  expect(listCache(cache.path)).toMatchObject([{
    repository: "acme/tiny",
    revision: "main",
    commit,
    path: join(cache.path, model),
    bytes: 30,
    missing: [],
  }]);
  expect(listCache(join(cache.path, "none"))).toEqual([]);
});

test("findCached() follows branches, requests for changes and commits", () => {
  using cache = fakeCache({
    [`models--acme--tiny/snapshots/${older}/config.json`]: '{"model_type":"mllama"}',
  });
  const find = (revision: string) => findCached(cache.path, { repository: "acme/tiny", revision });
  expect(find("main")?.commit).toBe(commit);
  expect(find(commit)?.commit).toBe(commit);
  expect(find("refs/pr/1")).toMatchObject({
    commit: older,
    missing: ["tokenizer.json", "model.safetensors"],
  });
  expect(find("v2")).toBeUndefined();
  expect(findCached(cache.path, { repository: "acme/none", revision: "main" })).toBeUndefined();
});

test("findCached() misses shards that the index names", () => {
  const shard = "model-00001-of-00002.safetensors";
  using cache = fakeCache({
    [`models--a--b/snapshots/${commit}/config.json`]: '{"model_type":"mllama"}',
    [`models--a--b/snapshots/${commit}/tokenizer.json`]: "{}",
    [`models--a--b/snapshots/${commit}/${shard}`]: "",
    [`models--a--b/snapshots/${commit}/model.safetensors.index.json`]:
      `{"weight_map":{"x":"${shard}","y":"model-00002-of-00002.safetensors"}}`,
  });
  expect(findCached(cache.path, { repository: "a/b", revision: commit })?.missing).toEqual([
    "model-00002-of-00002.safetensors",
  ]);
});

test("findCached() follows no ref that is no commit", () => {
  using cache = fakeCache({ "models--acme--tiny/refs/evil": "../../../models--other--llama/snapshots" });
  expect(findCached(cache.path, { repository: "acme/tiny", revision: "evil" })).toBeUndefined();
});

test("removeCached() removes a repository and no other", () => {
  using cache = fakeCache({ "models--acme--tiny2/refs/main": commit });
  removeCached(cache.path, "acme/tiny");
  expect(listCache(cache.path)).toEqual([]);
  expect(findCached(cache.path, { repository: "other/llama", revision: commit })).toBeUndefined();
  expect([...new Bun.Glob("*/refs/main").scanSync(cache.path)].sort()).toEqual([
    "datasets--a--b/refs/main",
    "models--acme--tiny2/refs/main",
  ]);
});

test("repositoryOf() knows a version of a repository by its path", () => {
  expect(repositoryOf(`/x/${model}/`)).toBe("acme/tiny");
  expect(repositoryOf("/x/models/tiny")).toBeUndefined();
  expect(repositoryOf(`/x/snapshots/${commit}`)).toBeUndefined();
});
