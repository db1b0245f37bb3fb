import { expect, setDefaultTimeout, test } from "bun:test";
import { readdirSync, readFileSync, readlinkSync, symlinkSync, watch, writeFileSync } from "node:fs";
import { join } from "node:path";
import { linkBlob } from "../../src/hub/snapshot.ts";
import { until } from "../support/fake_runtime.ts";
import { TemporaryFolder } from "../support/temporary_folder.ts";
import { testLimitMs } from "../support/test_limit.ts";

setDefaultTimeout(testLimitMs);

test("linkBlob() gives a name at once: whoever is ended on the way leaves nothing else in the folder", async () => {
  using folder = new TemporaryFolder();
  using elsewhere = new TemporaryFolder();
  const blob = join(elsewhere.path, "blob");
  writeFileSync(blob, "weights");
  const seen = new Set<string | null>();
  const watcher = watch(folder.path, (_, name) => seen.add(name));
  await linkBlob(blob, join(folder.path, "model.safetensors"));
  writeFileSync(join(folder.path, "behind"), "");
  await until(() => seen.has("behind"));
  watcher.close();
  expect([...seen]).toEqual(["model.safetensors", "behind"]);
  expect(readFileSync(join(folder.path, "model.safetensors"), "utf8")).toBe("weights");
});

test("linkBlob() replaces what has the name", async () => {
  using folder = new TemporaryFolder();
  const [blob, path] = [join(folder.path, "blob"), join(folder.path, "config.json")];
  writeFileSync(blob, "{}");
  symlinkSync("elsewhere", path);
  await linkBlob(blob, path);
  expect([readlinkSync(path), readdirSync(folder.path).sort()]).toEqual(["blob", ["blob", "config.json"]]);
});
