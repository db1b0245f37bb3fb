import { expect, test } from "bun:test";
import { join } from "node:path";
import { DeviceError } from "../../src/base/errors.ts";
import { packShaders, ShaderLibrary } from "../../src/gpu/shader_library.ts";
import { TemporaryFolder } from "../support/temporary_folder.ts";

const modules = new Map([["a", Uint8Array.of(1, 2, 3, 4)], [
  "größer",
  Uint8Array.of(5, 6, 7, 8, 9, 10, 11, 12),
]]);

test("ShaderLibrary.load() reads what packShaders() wrote, each module at an address of its own", () => {
  using folder = new TemporaryFolder({ "shaders.bin": packShaders(modules) });
  const library = ShaderLibrary.load(join(folder.path, "shaders.bin"));
  expect(library.names).toEqual(["a", "größer"]);
  for (const [name, module] of modules) {
    expect(library.get(name)).toEqual(module);
    expect(library.get(name).buffer.byteLength).toBe(module.length);
  }
});

test("ShaderLibrary says how to make what is missing", () => {
  using folder = new TemporaryFolder({ "old.bin": "LVSPIRV0 and more", "shaders.bin": packShaders(modules) });
  const load = (name: string) => () => ShaderLibrary.load(join(folder.path, name));
  const missingShader = () => load("shaders.bin")().get("b");
  for (const failing of [load("absent.bin"), load("old.bin"), missingShader]) {
    try {
      failing();
      expect.unreachable();
    } catch (error) {
      expect(error).toBeInstanceOf(DeviceError);
      expect((error as DeviceError).remedy).toContain("bun run build:shaders");
    }
  }
});
