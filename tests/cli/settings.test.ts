import { expect, test } from "bun:test";
import { TemporaryFolder } from "../support/temporary_folder.ts";
import { cli, fakeServices } from "./support.ts";

function withFile(toml: string) {
  const folder = new TemporaryFolder({ "llamav/config.toml": toml });
  const env = { XDG_CONFIG_HOME: folder.path };
  return Object.assign(folder, { env });
}

test("a flag wins over its variable, that over the settings file, and the file over the default", async () => {
  using file = withFile('device = "file"\nctx-size = 64\nimage-tiles = 8\nmax-tiles = 1\n');
  const env = { ...file.env, LLAMAV_CTX_SIZE: "128", LLAMAV_IMAGE_TILES: "16" };
  const { opened, services } = fakeServices("x");
  const run = await cli(["run", "m/", "--image-tiles", "32", "Hello"], { env, services });
  expect(run.code).toBe(0);
  expect(opened).toMatchObject([{
    device: "file",
    contextLength: 128,
    imageTiles: 32,
    maxTiles: 1,
    maxSequences: 1,
  }]);
});

test("a settings file in the current directory has no effect (C01)", async () => {
  using folder = new TemporaryFolder({
    "llamav/config.toml": "temp = 9",
    "config.toml": "temp = 9",
    ".env": "LLAMAV_TEMP=9",
  });
  const before = process.cwd();
  process.chdir(folder.path);
  try {
    const { services } = fakeServices("x");
    expect((await cli(["run", "m/", "Hello"], { env: {}, services })).code).toBe(0);
    expect((await cli(["run", "m/", "Hello"], { env: { XDG_CONFIG_HOME: "." }, services })).code).toBe(0);
  } finally {
    process.chdir(before);
  }
});

test("a settings file that is wrong is wrong usage, and the message names file and key", async () => {
  using file = withFile("ctx-size = 1\n");
  const { code, stderr } = await cli(["run", "m/", "Hello"], { env: file.env });
  expect(code).toBe(2);
  expect(stderr).toMatch(
    /^error: Settings file ".+config\.toml", line 1: ctx-size must be a whole number .+\nCorrect it/,
  );
  // Each new shell may ask for its completion: there it would be told again and again.
  const others = [["--version"], ["--help"], ["run", "--help"], ["help", "run"], ["completion", "bash"]];
  for (const args of others) {
    expect(await cli(args, { env: file.env })).toMatchObject({ code: 0, stderr: "" });
  }
});

test.each([["doctor"], ["list"], ["ls"]])(
  "%s does without a settings file that is wrong, and says so",
  async (command) => {
    using file = withFile("ctx-size = 1\n");
    const runDoctor = () => Promise.resolve([{ name: "loader", status: "ok" as const, detail: "is there" }]);
    const env = { ...file.env, HF_HOME: file.path };
    const { code, stdout, stderr } = await cli([command], { env, services: { runDoctor } });
    expect(code).toBe(0);
    expect(stdout).not.toBe("");
    expect(stderr).toMatch(
      /^warning: Settings file ".+config\.toml", line 1: ctx-size must be a whole number .+\n$/,
    );
  },
);

test("config tells all that is wrong with the settings file, and what the rest of it says", async () => {
  using file = withFile("temp = 9\nseed = 3\nnothing = 1\n");
  const { code, stdout, stderr } = await cli(["config"], { env: file.env });
  expect(code).toBe(2);
  expect(stderr).toEndWith("error: The settings file has 2 problems\nCorrect it, or move it away\n");
  expect(stderr).toMatch(/^problem: ".+config\.toml", line 1: temp must be a number from 0 to 2, not "9"$/m);
  expect(stderr).toMatch(/^problem: ".+config\.toml", line 3: there is no setting "nothing"/m);
  expect(stdout).toMatch(/^seed +file +3$/m);
  const json = await cli(["config", "--json"], { env: file.env });
  expect([json.code, JSON.parse(json.stdout).problems.length]).toEqual([2, 2]);
});

test("config tells a variable from the file, also where both say the same", async () => {
  using file = withFile("temp = 0.5\n");
  const { stdout } = await cli(["config"], { env: { ...file.env, LLAMAV_TEMP: "0.5" } });
  expect(stdout).toMatch(/^temp +variable +0\.5$/m);
});

test("config lists every value and where it comes from, but no key", async () => {
  using file = withFile('temp = 0.5\napi-key = ["k-one", "k-two"]\n');
  const env = { ...file.env, LLAMAV_PORT: "9000" };
  const { stdout, stderr } = await cli(["config"], { env });
  expect(stderr).toBe(`Settings file: ${file.path}/llamav/config.toml\n`);
  expect(stdout).toMatch(/^temp +file +0\.5$/m);
  expect(stdout).toMatch(/^port +variable +9000$/m);
  expect(stdout).toMatch(/^host +default +127\.0\.0\.1$/m);
  expect(stdout).toMatch(/^max-tokens +default +what the context still holds$/m); // not bench's 32
  expect(stdout).not.toContain("k-one");
  const { settings } = JSON.parse((await cli(["config", "--json"], { env })).stdout);
  expect(settings).toContainEqual({ name: "temp", variable: "LLAMAV_TEMP", value: "0.5", source: "file" });
});

test.each([
  [["--temperature", "0.5"], { temperature: 0.5 }],
  [["--repeat-penalty", "1.5"], { repetitionPenalty: 1.5 }],
])("run takes %j, names that people know", async (args, sampling) => {
  const { runtime, services } = fakeServices("x");
  expect((await cli(["run", "m/", ...args, "Hello"], { services })).code).toBe(0);
  expect(runtime.requests[0]!.sampling).toEqual(sampling);
});

test("help names no second spelling", async () => {
  expect((await cli(["run", "--help"])).stdout).not.toContain("--repeat-penalty");
});

test("the setting model is MODEL of every command that is given none", async () => {
  using file = withFile('model = "./mine"\n');
  const { opened, services } = fakeServices("x");
  expect(await cli(["run", "What is it?"], { env: file.env, services })).toMatchObject({
    code: 0,
    stderr: "",
  });
  await cli(["run", "./other", "What is it?"], { env: file.env, services });
  await cli(["run", "What is it?"], { env: { ...file.env, LLAMAV_MODEL: "./variable" }, services });
  expect(opened).toMatchObject([{ model: "./mine" }, { model: "./other" }, { model: "./variable" }]);
});

test("a variable that is nearly one of ours is told of, where variables are read", async () => {
  const env = { LLAMAV_MODLE: "./mine" };
  const { services } = fakeServices("x");
  const note = "note: the variable LLAMAV_MODLE has no effect; did you mean LLAMAV_MODEL?\n";
  expect((await cli(["run", "m/", "Hello"], { env, services })).stderr).toBe(note);
  expect((await cli(["config"], { env })).stderr).toContain(note);
  expect((await cli(["completion", "bash"], { env })).stderr).toBe("");
});
