import { expect, setDefaultTimeout, test } from "bun:test";
import { RequestError } from "../../src/base/errors.ts";
import { TemporaryFolder } from "../support/temporary_folder.ts";
import { testLimitMs } from "../support/test_limit.ts";
import { cli } from "./support.ts";

setDefaultTimeout(testLimitMs);

/** The first line of what `inspect` says when the model cannot have the context. */
async function refusalOf(args: readonly string[], env: Record<string, string> = {}): Promise<string> {
  const services = {
    inspectModel: () =>
      Promise.reject(new RequestError("--ctx-size 16384 is more than --ctx-size-like 8192; --kv-tokens too")),
  };
  const { stderr } = await cli(["inspect", "m", ...args], { env, services });
  return stderr.split("\n")[0]!;
}

test("an error about a setting names the flag where that set it", async () => {
  const env = { LLAMAV_CTX_SIZE: "9000" };
  expect(await refusalOf(["-c", "16384"], env)).toBe(
    "error: --ctx-size 16384 is more than --ctx-size-like 8192; --kv-tokens too",
  );
  expect(await refusalOf([])).toStartWith("error: --ctx-size 16384 is");
});

test("an error about a setting names the variable that set it, by the spelling that was used", async () => {
  expect(await refusalOf([], { LLAMAV_CTX_SIZE: "16384", LLAMAV_KV_TOKENS: "16" })).toBe(
    "error: LLAMAV_CTX_SIZE=16384 is more than --ctx-size-like 8192; LLAMAV_KV_TOKENS too",
  );
  expect(await refusalOf([], { LLAMAV_MAX_MODEL_LEN: "16384" })).toStartWith(
    "error: LLAMAV_MAX_MODEL_LEN=16384 is more",
  );
});

test.each(["ctx-size", "max-model-len"])(
  "an error about a setting names %s of the settings file",
  async (key) => {
    using folder = new TemporaryFolder({ "llamav/config.toml": `${key} = 16384\nkv-tokens = 16\n` });
    const file = `"${folder.path}/llamav/config.toml"`;
    const env = { XDG_CONFIG_HOME: folder.path };
    expect(await refusalOf([], env)).toBe(
      `error: ${key} = 16384 in ${file} is more than --ctx-size-like 8192; kv-tokens in ${file} too`,
    );
    expect(await refusalOf([], { ...env, LLAMAV_CTX_SIZE: "16384" })).toStartWith(
      "error: LLAMAV_CTX_SIZE=16384 is",
    );
  },
);
