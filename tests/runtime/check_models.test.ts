import { expect, test } from "bun:test";
import { checkModels } from "../../src/runtime/check_models.ts";
import { TemporaryFolder } from "../support/temporary_folder.ts";

const version = `hub/models--acme--tiny/snapshots/${"c".repeat(40)}`;

test("checkModels() counts what was pulled, and says what is free", () => {
  using home = new TemporaryFolder({
    [`${version}/config.json`]: '{"model_type":"mllama"}',
    [`${version}/tokenizer.json`]: "{}",
    [`${version}/model.safetensors`]: "12345",
  });
  const { status, detail } = checkModels({ HF_HOME: home.path });
  expect(status).toBe("ok");
  expect(detail).toMatch(/^1 in .+\/hub, 30 bytes; .+ free$/);
});

test("checkModels() is content without models, and makes no folder", () => {
  using home = new TemporaryFolder();
  const { status, detail } = checkModels({ HF_HOME: `${home.path}/none` });
  expect([status, detail]).toEqual([
    "ok",
    expect.stringMatching(/^none was pulled to .+\/none\/hub; .+ free$/),
  ]);
  expect([...new Bun.Glob("*").scanSync({ cwd: home.path, onlyFiles: false })]).toEqual([]);
});

test("checkModels() warns of a pull that was not finished", () => {
  using home = new TemporaryFolder({ [`${version}/config.json`]: '{"model_type":"mllama"}' });
  expect(checkModels({ HF_HOME: home.path })).toMatchObject({
    status: "warn",
    detail: expect.stringContaining("acme/tiny lacks 2 files"),
    remedy: expect.stringContaining("llamav pull acme/tiny"),
  });
});
