import { expect, test } from "bun:test";
import { ExplainedError } from "../../src/base/errors.ts";
import { hubSettings } from "../../src/hub/settings.ts";
import { TemporaryFolder } from "../support/temporary_folder.ts";

test.each([
  [{ HOME: "/h" }, "/h/.cache/huggingface/hub"],
  [{ HOME: "/h", XDG_CACHE_HOME: "/x" }, "/x/huggingface/hub"],
  [{ HOME: "/h", XDG_CACHE_HOME: "relative" }, "/h/.cache/huggingface/hub"],
  [{ HOME: "/h", HF_HOME: "/f" }, "/f/hub"],
  [{ HOME: "/h", HF_HOME: "~/f" }, "/h/f/hub"],
  [{ HOME: "/h", HF_HOME: "/f", HF_HUB_CACHE: "/c" }, "/c"],
])("hubSettings() keeps the files of %j in %s", (env, cache) => {
  expect(hubSettings(env).cache).toBe(cache);
});

test("hubSettings() takes the token of the variable before that of the file", () => {
  using home = new TemporaryFolder({ token: "hf_file\n", other: "hf_other" });
  const env = { HF_HOME: home.path };
  expect(hubSettings(env).token).toBe("hf_file");
  expect(hubSettings({ ...env, HF_TOKEN_PATH: `${home.path}/other` }).token).toBe("hf_other");
  expect(hubSettings({ ...env, HF_TOKEN: " hf_variable " }).token).toBe("hf_variable");
  expect(hubSettings({ HF_HOME: `${home.path}/none` }).token).toBeUndefined();
});

test("hubSettings() refuses a token that would change a header, and does not show it", () => {
  const error = (() => {
    try {
      hubSettings({ HOME: "/none", HF_TOKEN: "hf_x\r\nHost: evil" });
    } catch (error) {
      return error as ExplainedError;
    }
  })();
  expect(error).toBeInstanceOf(ExplainedError);
  expect(error!.message).not.toContain("hf_x");
});

test("hubSettings() takes the hub's address, and refuses what is none", () => {
  expect(hubSettings({ HF_ENDPOINT: "http://127.0.0.1:9/base/" }).endpoint).toBe("http://127.0.0.1:9/base");
  for (const HF_ENDPOINT of ["file:///etc", "hub", "https://user@host", "https://host/?x=1"]) {
    expect(() => hubSettings({ HF_ENDPOINT })).toThrow("HF_ENDPOINT must be");
  }
});

test("hubSettings() reads HF_HUB_OFFLINE as Hugging Face's programs do", () => {
  const answers = ["1", "true", "YES", "on", "0", "false", ""].map((HF_HUB_OFFLINE) =>
    hubSettings({ HF_HUB_OFFLINE }).offline
  );
  expect(answers).toEqual([true, true, true, true, false, false, false]);
});
