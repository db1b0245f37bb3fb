import { expect, test } from "bun:test";
import { readSettingsFile, settingsFilePath, withSettingsFile } from "../../src/runtime/options_file.ts";
import { TemporaryFolder } from "../support/temporary_folder.ts";

function fileOf(toml: string): TemporaryFolder & { readonly env: Record<string, string> } {
  const folder = new TemporaryFolder({ "llamav/config.toml": toml });
  return Object.assign(folder, { env: { XDG_CONFIG_HOME: folder.path } });
}

test.each([
  [{ HOME: "/h" }, "linux", "/h/.config/llamav/config.toml"],
  [{ HOME: "/h", XDG_CONFIG_HOME: "/c" }, "linux", "/c/llamav/config.toml"],
  [{ HOME: "/h", XDG_CONFIG_HOME: "here" }, "linux", "/h/.config/llamav/config.toml"],
  [{ HOME: "/h" }, "darwin", "/h/.config/llamav/config.toml"],
  [{ APPDATA: "/a" }, "win32", "/a/llamav/config.toml"],
  [{}, "linux", undefined],
])("settingsFilePath() of %j on %s is %s, never in the current directory", (env, platform, path) => {
  expect(settingsFilePath(env, platform)).toBe(path);
});

test("readSettingsFile() reads each kind of setting as its variable would hold it", () => {
  using file = fileOf(
    'ctx-size = 4096\ntemp = 0.5\nverbose = true\nbatch = [2, 4]\nstop = ["a", "b\\n"]\ndevice = "cpu"\nhost = "::"\n',
  );
  expect(readSettingsFile(file.env)?.values).toEqual({
    LLAMAV_CTX_SIZE: "4096",
    LLAMAV_TEMP: "0.5",
    LLAMAV_VERBOSE: "true",
    LLAMAV_BATCH: "2,4",
    LLAMAV_STOP: "a\0b\n",
    LLAMAV_DEVICE: "cpu",
    LLAMAV_HOST: "::",
  });
});

test("readSettingsFile() finds nothing where there is no file", () => {
  using folder = new TemporaryFolder();
  expect(readSettingsFile({ XDG_CONFIG_HOME: folder.path })).toBeUndefined();
  expect(readSettingsFile({})).toBeUndefined();
});

test.each([
  ["ctx-size = 4", ", line 1: ctx-size must be a whole number from 16 to 131072"],
  ['temp = 1\n\n"ctx-size" = "many"', ", line 3: ctx-size must be a whole number"],
  ["verbose = 7", "verbose must be yes or no"],
  ["ctx_size = 4096", 'there is no setting "ctx_size"'],
  ["# a\n[serve]\nport = 1", ', line 2: there is no setting "serve"'],
  ["temp = [1, 2]", "temp must be a value, not"],
  ["stop = [[1]]", "stop must be a value or a list of values"],
  ["log-format = 'xml'", "log-format must be text or json"],
  ["temp = ", ", line 1, must be TOML"],
  ["temp = 1\nstop = [\n  'a',\n]\nseed 3\n\n", ", line 5, must be TOML"],
  ["temp = 1\nstop = [\n  'a',\nseed = 3\n", ", line 2, must be TOML"],
  ["temp = 1\nseed = 3\ntemp = 2", ", line 3, must be TOML"],
  [`seed 3\n${"# a\n".repeat(1000)}`, '" must be TOML'],
])("readSettingsFile() says what is wrong with %j, and where", (toml, message) => {
  using file = fileOf(toml);
  const [problem, ...others] = readSettingsFile(file.env)!.problems;
  expect(problem).toContain(message);
  expect(problem).toStartWith(`"${file.path}/llamav/config.toml"`);
  expect(others).toEqual([]);
});

test("readSettingsFile() reads what is right beside what is wrong", () => {
  using file = fileOf("temp = 9\nseed = 3\nnothing = 1\n");
  const { values, problems } = readSettingsFile(file.env)!;
  expect(values).toEqual({ LLAMAV_SEED: "3" });
  expect(problems).toHaveLength(2);
});

test.each([
  ["max_tokens = 5", 'there is no setting "max_tokens"; did you mean max-tokens?'],
  ["tmep = 1", 'there is no setting "tmep"; did you mean temp?'],
  ["zebra = 1", 'there is no setting "zebra"; llamav config lists them'],
])("readSettingsFile() says what %j may have meant", (toml, message) => {
  using file = fileOf(toml);
  expect(readSettingsFile(file.env)!.problems).toEqual([expect.stringContaining(message)]);
});

test("readSettingsFile() stops after twenty mistakes, and says so", () => {
  using file = fileOf(Array.from({ length: 2000 }, (_, i) => `wrong${i} = 1`).join("\n"));
  const { problems } = readSettingsFile(file.env)!;
  expect(problems).toHaveLength(21);
  expect(problems[19]).toContain('line 20: there is no setting "wrong19"');
  expect(problems[20]).toEndWith(": what stands behind these 20 mistakes was not read");
});

test("readSettingsFile() parses no file that is larger than settings can be", () => {
  using file = fileOf(Array.from({ length: 60_000 }, (_, i) => `k${i} = 1`).join("\n"));
  expect(readSettingsFile(file.env)!.problems).toEqual([expect.stringContaining("at most 65536 bytes")]);
});

test("readSettingsFile() says of a folder in its place that it cannot be read", () => {
  using folder = new TemporaryFolder({ "llamav/config.toml/a": "" });
  expect(readSettingsFile({ XDG_CONFIG_HOME: folder.path })!.problems).toEqual([
    expect.stringContaining("cannot be read: it must be a file"),
  ]);
});

test("withSettingsFile() puts variables before the file, and an empty one behind it", () => {
  using file = fileOf("temp = 0.5\ntop-k = 3\nseed = 1\n");
  const env = { LLAMAV_TEMP: "1", LLAMAV_TOP_K: "", HOME: "/h" };
  expect(withSettingsFile(env, readSettingsFile(file.env))).toEqual({
    LLAMAV_TEMP: "1",
    LLAMAV_TOP_K: "3",
    LLAMAV_SEED: "1",
    HOME: "/h",
  });
});
