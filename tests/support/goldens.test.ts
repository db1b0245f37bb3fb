import { describe, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expectedTensors, goldenCases, goldenImagePath, goldensRoot } from "./goldens.ts";
import { TemporaryFolder } from "./temporary_folder.ts";

const manifest = join(goldensRoot, "MANIFEST.sha256");

describe("goldens", () => {
  test.skipIf(!existsSync(manifest))("are the files that their manifest lists, to the byte", () => {
    const changed = readFileSync(manifest, "utf8").trim().split("\n").filter((line) => {
      const [sha256, path] = line.split(/ [ *]/, 2) as [string, string];
      return createHash("sha256").update(readFileSync(join(goldensRoot, path))).digest("hex") !== sha256;
    });
    expect(changed).toEqual([]);
  });

  test("are there: cases, and a whole checkpoint for each", () => {
    const checkpoints = goldenCases().flatMap((golden) => golden.checkpoints);
    expect(checkpoints.length).toBeGreaterThan(0);
    expect(checkpoints.every(({ directory }) => existsSync(join(directory, "config.json")))).toBe(true);
  });

  test.each(goldenCases().map((golden) => [`${golden.family}/${golden.name}`, golden] as const))(
    "%s is one story: ids, pictures and tensors agree",
    (_, golden) => {
      const tensors = expectedTensors(golden);
      const { input_ids, images, greedy } = golden.file;
      expect(images.every(({ file }) => existsSync(goldenImagePath(file)))).toBe(true);
      expect(tensors.integers("greedy.ids")).toEqual([...greedy.ids]);
      const rows = tensors.has("logits.rows") ? tensors.integers("logits.rows").length : input_ids.length;
      expect(tensors.shape("logits")[0]).toBe(rows);
      expect(tensors.f32("logits").length).toBe(rows * tensors.shape("logits")[1]!);
    },
  );
});

test("LLAMAV_GOLDENS names another folder; a case without checkpoints takes those of its family's name", () => {
  const file = { name: "c", prompt: "", input_ids: [], images: [], visible_ranges: [], greedy: { ids: [] } };
  using folder = new TemporaryFolder({
    "cases/nano/c/case.json": JSON.stringify(file),
    "checkpoints/nano-a/config.json": "{}",
    "checkpoints/nano-b/config.json": "{}",
    "checkpoints/other/config.json": "{}",
  });
  const script = `import { goldenCases } from ${JSON.stringify(join(import.meta.dir, "goldens.ts"))};
    console.log(JSON.stringify(goldenCases().map((c) => [c.family, c.name, c.checkpoints.map((x) => x.name)])));`;
  const { stdout } = Bun.spawnSync([process.execPath, "-e", script], {
    env: { ...process.env, LLAMAV_GOLDENS: folder.path },
  });
  expect(JSON.parse(stdout.toString())).toEqual([["nano", "c", ["nano-a", "nano-b"]]]);
});
