import { expect, test } from "bun:test";
import { repositoryFiles, repositoryRoot } from "./support/repository.ts";

/** Each generated file, and the tool that makes it; with `--check` the tool compares instead of writing. */
const generators: Readonly<Record<string, string>> = {
  "ffi/vulkan.gen.ts": "tools/vulkan_bindings.ts",
};

test("every generated file has its generator here", () => {
  const generated = repositoryFiles().filter((path) => path.includes(".gen."));
  expect(generated).toEqual(Object.keys(generators).sort());
});

test.each(Object.entries(generators))("%s is what %s writes today", async (_file, tool) => {
  const child = Bun.spawn([process.execPath, tool, "--check"], { cwd: repositoryRoot, stderr: "pipe" });
  expect({ code: await child.exited, stderr: await new Response(child.stderr).text() }).toEqual({
    code: 0,
    stderr: "",
  });
});
