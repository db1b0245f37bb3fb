import { expect, test } from "bun:test";
import { truncateSync } from "node:fs";
import { join } from "node:path";
import { main } from "../../src/cli/program.ts";
import { TemporaryFolder } from "../support/temporary_folder.ts";
import { cli, fakeServices, Sink } from "./support.ts";

/** Far below what reading or waiting would take, far above what refusing takes. */
const patienceMs = 10_000;

test.each([
  ["a pipe that nobody writes to", (path: string) => void Bun.spawnSync(["mkfifo", path])],
  ["a file of 4 GB", (path: string) => {
    Bun.spawnSync(["touch", path]);
    truncateSync(path, 4e9);
  }],
  ["a folder", (path: string) => void Bun.spawnSync(["mkdir", path])],
  ["a link to a device without end", (path: string) => void Bun.spawnSync(["ln", "-s", "/dev/zero", path])],
  ["a link in a circle", (path: string) => void Bun.spawnSync(["ln", "-s", path, path])],
])("%s is refused as a picture, and read no further (C07)", async (_, make) => {
  using folder = new TemporaryFolder();
  const path = join(folder.path, "a.png");
  make(path);
  const { code, stdout, stderr } = await cli(["run", "./m", "?", "--image", path]);
  expect([code, stdout]).toEqual([2, ""]);
  expect(stderr).toStartWith(`error: Cannot read the picture "${path}"`);
}, patienceMs);

test("a picture whose name begins with a hyphen or holds a line feed is read, or named on one line (C07)", async () => {
  using folder = new TemporaryFolder({ "-rf.png": "x", "a\nerror: b.png": "x" });
  const before = process.cwd();
  process.chdir(folder.path);
  try {
    for (const name of ["-rf.png", "a\nerror: b.png"]) {
      const { runtime, services } = fakeServices("seen");
      expect(await cli(["run", "./m", "?", `--image=${name}`], { services })).toMatchObject({ code: 0 });
      expect(runtime.requests[0]!.messages?.[0]?.content[0]).toEqual({
        type: "image",
        bytes: Uint8Array.of(120),
      });
    }
    const missing = await cli(["run", "./m", "?", "--image", "a\nerror: c.png"], { terminal: true });
    expect(missing.stderr.trimEnd().split("\n").filter((line) => line.startsWith("error: ")).length).toBe(1);
  } finally {
    process.chdir(before);
  }
});

test.each(["list", "config", "show"])(
  "%s needs no home, and none that can be written (C05)",
  async (command) => {
    for (
      const env of [{}, ...["", "/proc/self", "/dev/null", "relative"].map((HOME) => ({ HOME }))]
    ) {
      expect(await cli([command], { env: { HF_HOME: "/dev/null/hub", ...env } })).toMatchObject({ code: 0 });
    }
  },
);

test.each([
  ["HOME", "/dev/null"],
  ["HF_HOME", "/proc/self/none"],
])("pull into a %s that cannot be written says so (C05)", async (name, value) => {
  const { LocalHub } = await import("../support/local_hub.ts");
  const { modelFiles } = await import("../hub/support.ts");
  await using hub = await LocalHub.start({ files: modelFiles });
  const { code, stderr } = await cli(["pull", "acme/tiny-vision"], {
    env: { [name]: value, HF_ENDPOINT: hub.url },
  });
  expect(code).toBe(1);
  expect(stderr).toMatch(/^error: [^\n]*Cannot write below [^\n]+\n[^\n]+HF_HOME/);
});

test.each([0, 1, 2, 10])("a terminal of %i columns is no reason to fail (C05)", async (columns) => {
  const { services } = fakeServices("answer");
  const [stdout, stderr] = [new Sink(true), Object.assign(new Sink(true), { columns })];
  const stdin = { isTTY: true, async *[Symbol.asyncIterator]() {} };
  const code = await main(["run", "./m", "?"], {
    streams: { stdin, stdout, stderr },
    env: {},
    services: services as never,
  });
  expect([code, stdout.text]).toEqual([0, "answer\n"]);
  const drawn = stderr.text.split("\r\x1b[2K").filter((text) => text.includes("["));
  expect(drawn.every((text) => text.length < Math.max(1, columns))).toBe(true);
});
