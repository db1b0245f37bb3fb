import { expect, setDefaultTimeout, test } from "bun:test";
import { DeviceError, RequestError } from "../../src/base/errors.ts";
import { TemporaryFolder } from "../support/temporary_folder.ts";
import { testLimitMs } from "../support/test_limit.ts";
import { services } from "../../src/cli/services.ts";
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

const { checkModel } = services;

const lines = ["run Hello", "chat", "serve --port 0", "inspect", "bench", "show"];

test.each(lines)(
  "%s tells of a model that is not there in the same words, and who named it",
  async (line) => {
    const args = line.split(" ");
    const told = async (args: readonly string[], env: Record<string, string>) => {
      const { code, stderr } = await cli(args, {
        env: { HF_HOME: "/nowhere", ...env },
        services: { checkModel },
      });
      expect(code).toBe(3);
      return stderr;
    };
    const [command, ...rest] = args as [string, ...string[]];
    const [none, remedy] = (await told([command, "./nope", ...rest], {})).split("\n");
    expect(none).toBe('error: There is no model "./nope" on this machine');
    expect(remedy).toStartWith("llamav list lists those");
    const fromVariable = await told(args, { LLAMAV_MODEL: "./nope" });
    expect(fromVariable).toStartWith('error: There is no model "./nope" (LLAMAV_MODEL) on this machine\n');
    const repository = await told([command, "foo/bar", ...rest], {});
    expect(repository).toStartWith('error: There is no model "foo/bar" on this machine: ');
    expect(repository).toEndWith("\nFetch it from the hub: llamav pull foo/bar\n");
    using folder = new TemporaryFolder({ "llamav/config.toml": 'model = "foo/bar"\n' });
    expect(await told(args, { XDG_CONFIG_HOME: folder.path })).toStartWith(
      `error: There is no model "foo/bar" (model in "${folder.path}/llamav/config.toml") on this machine: `,
    );
  },
);

test("an error about a device says who has chosen it", async () => {
  const inspectModel = () => Promise.reject(new DeviceError('Cannot open the device "nope": it must be 0'));
  const told = async (args: readonly string[], env: Record<string, string>) =>
    (await cli(["inspect", "m", ...args], { env, services: { inspectModel } })).stderr;
  expect(await told(["--device", "nope"], {})).toBe('error: Cannot open the device "nope": it must be 0\n');
  expect(await told([], { LLAMAV_DEVICE: "nope" })).toBe(
    'error: Cannot open the device "nope" (LLAMAV_DEVICE): it must be 0\n',
  );
});

test.each([
  [["run", "hi", "--image", "/x/--ctx-size/none.png"], { LLAMAV_CTX_SIZE: "64" }, '"/x/--ctx-size/none.png"'],
  [["trace", "m", "--messages", "/x/a --out 5.json"], { LLAMAV_OUT: "zzz" }, '"/x/a --out 5.json"'],
  [["run", "hi", "--image", "demo"], { LLAMAV_MODEL: "demo" }, '"demo"'],
  [["run", "hi", "--messages", "demo"], { LLAMAV_MODEL: "demo" }, '"demo"'],
  [["run", "demo", "hi", "--image", "dog.png"], { LLAMAV_DEVICE: "dog.png" }, '"dog.png"'],
])("the error of %j under %j leaves what it quotes as it is", async (args, env, quoted) => {
  const services = { pictureLoader: () => Promise.resolve(() => Promise.reject(new Error("fetched"))) };
  const { code, stderr } = await cli(args, { env, services, stdin: "" });
  expect(code).toBe(2);
  expect(stderr).toMatch(/^error: Cannot read the (picture|conversation) "/);
  expect(stderr).toContain(` ${quoted}: there is no such file\n`);
});

test("an error that quotes what does not end names flags as they are, since they may be part of it", async () => {
  const services = {
    inspectModel: () => Promise.reject(new RequestError('Cannot read "/x" --ctx-size 64": none')),
  };
  const { stderr } = await cli(["inspect", "m"], { env: { LLAMAV_CTX_SIZE: "64" }, services });
  expect(stderr).toBe('error: Cannot read "/x" --ctx-size 64": none\n');
});

test("a model on the command line is nobody else's, though a variable names the same", async () => {
  const env = { LLAMAV_MODEL: "./nope" };
  const told = async (...args: string[]) => (await cli(args, { env, services: { checkModel } })).stderr;
  expect(await told("show", "./nope")).toStartWith('error: There is no model "./nope" on this machine\n');
  expect(await told("run", "./nope", "hi")).toStartWith(
    'error: There is no model "./nope" on this machine\n',
  );
  // A word of the prompt names no model.
  expect(await told("run", "hi", "./nope")).toStartWith(
    'error: There is no model "./nope" (LLAMAV_MODEL) on',
  );
});

test("MODEL that can be none is told with who named it", async () => {
  const env = { LLAMAV_MODEL: "https://pictures.example/cat.png" };
  const { code, stderr } = await cli(["run", "hi"], { env });
  expect(code).toBe(2);
  expect(stderr).toStartWith(
    'error: MODEL must be a model, and "https://pictures.example/cat.png" (LLAMAV_MODEL) is an address\n',
  );
});

test("show and run tell of a directory that is no checkpoint in the same words", async () => {
  using folder = new TemporaryFolder({ "notes.txt": "none" });
  const [shown, run] = await Promise.all(
    ["show", "run"].map((command) => cli([command, folder.path], { stdin: "", services: { checkModel } })),
  );
  expect(shown).toEqual(run!);
  expect(run).toMatchObject({ code: 3, stderr: expect.stringContaining("the directory has no config.json") });
});

test("run tells of a model that is not there before it reads stdin", async () => {
  const env = { HF_HOME: "/nowhere" };
  for (const stdin of ["", "A question"]) {
    const run = await cli(["run", "foo/bar"], { env, stdin, services: { checkModel } });
    expect(run).toMatchObject({
      code: 3,
      stderr: expect.stringContaining('no model "foo/bar" on this machine'),
    });
  }
});
