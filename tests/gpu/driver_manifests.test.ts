import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import { driverManifests } from "../../src/gpu/driver_manifests.ts";
import { TemporaryFolder } from "../support/temporary_folder.ts";

const manifest = (library: string) =>
  JSON.stringify({ ICD: { library_path: library, api_version: "1.3.0" } });

describe("driverManifests()", () => {
  test("searches the folders of configuration before those of data", () => {
    using folder = new TemporaryFolder({
      "config/vulkan/icd.d/b.json": manifest("libb.so"),
      "data/vulkan/icd.d/a.json": manifest("liba.so"),
      "data/vulkan/icd.d/readme.txt": "not a manifest",
    });
    const found = driverManifests({
      XDG_CONFIG_HOME: join(folder.path, "config"),
      XDG_DATA_HOME: join(folder.path, "data"),
      XDG_DATA_DIRS: join(folder.path, "nothing"),
    });
    const ours = found.manifests.filter(({ path }) => path.startsWith(folder.path));
    expect(ours.map(({ library, problem }) => [library, problem])).toEqual([
      ["libb.so", undefined],
      ["liba.so", undefined],
    ]);
    expect(found.chosenBy).toBeUndefined();
  });

  test("takes what VK_DRIVER_FILES names instead, files and folders", () => {
    using folder = new TemporaryFolder({
      "one.json": manifest("libone.so"),
      "more/two.json": manifest("libtwo.so"),
    });
    const value = `${join(folder.path, "one.json")}:${join(folder.path, "more")}`;
    const { chosenBy, manifests } = driverManifests({
      VK_DRIVER_FILES: value,
      VK_ICD_FILENAMES: "ignored.json",
    });
    expect(chosenBy).toBe("VK_DRIVER_FILES");
    expect(manifests.map(({ library }) => library)).toEqual(["libone.so", "libtwo.so"]);
  });

  test("says what is wrong with a manifest", () => {
    using folder = new TemporaryFolder({
      "broken.json": "{",
      "empty.json": "null",
      "gone.json": manifest("./lib/libgone.so"),
      "there.json": manifest("./libthere.so"),
      "libthere.so": "a library",
    });
    const files = ["absent", "broken", "empty", "gone", "there"].map((name) =>
      join(folder.path, `${name}.json`)
    );
    const { manifests } = driverManifests({ VK_ICD_FILENAMES: files.join(":") });
    expect(manifests.map(({ problem }) => problem)).toEqual([
      "no such file",
      expect.stringContaining("not readable"),
      "names no library",
      `${join(folder.path, "lib/libgone.so")} does not exist`,
      undefined,
    ]);
  });
});
