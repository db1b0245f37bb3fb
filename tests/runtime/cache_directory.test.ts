import { expect, test } from "bun:test";
import { cacheDirectory } from "../../src/runtime/cache_directory.ts";

test.each([
  [{ XDG_CACHE_HOME: "/x" }, "linux", "/x/llamav"],
  [{ XDG_CACHE_HOME: "x" }, "linux", "/users/h/.cache/llamav"],
  [{ XDG_CACHE_HOME: "/x" }, "darwin", "/x/llamav"],
  [{}, "darwin", "/users/h/Library/Caches/llamav"],
  [{ LOCALAPPDATA: "/local" }, "win32", "/local/llamav/cache"],
  [{}, "linux", "/users/h/.cache/llamav"],
])("cacheDirectory(%j) on %s is %s", (env, platform, expected) => {
  expect(cacheDirectory(env, platform, "/users/h")).toBe(expected);
});
