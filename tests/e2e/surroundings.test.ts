import { expect, setDefaultTimeout, test } from "bun:test";
import packageJson from "../../package.json" with { type: "json" };
import { executablePath, runExecutable } from "../support/executable.ts";
import { TemporaryFolder } from "../support/temporary_folder.ts";
import { testLimitMs } from "../support/test_limit.ts";

setDefaultTimeout(testLimitMs);

const version = { code: 0, stdout: `llamav ${packageJson.version}\n`, stderr: "" };
/** Code that tells that it ran. */
const hostile = 'console.log("ran"); process.exit(66);';

/** Everything that some runtime or other reads from the folder in which it is started. */
const traps = {
  "preload.ts": hostile,
  "bunfig.toml": 'preload = ["./preload.ts"]\n[run]\nbun = true\n',
  ".env": "LLAMAV_PORT=nonsense\nBUN_OPTIONS=--preload ./preload.ts\nNODE_OPTIONS=--require ./preload.ts\n",
  ".env.local": "LLAMAV_DEVICE=none\n",
  "package.json":
    '{"type":"module","main":"./preload.ts","imports":{"#x":"./preload.ts"},"scripts":{"serve":"exit 66"}}',
  "tsconfig.json": '{"compilerOptions":{"paths":{"*":["./preload.ts"]},"baseUrl":"."}}',
  "node_modules/commander/index.js": hostile,
  "node_modules/commander/package.json": '{"name":"commander","main":"index.js"}',
  "node_modules/zod/index.js": hostile,
  "config.toml": "temp = 99\n",
  "llamav/config.toml": "temp = 99\n",
};

test("what lies in the current folder runs no code and changes no setting (C01)", async () => {
  using folder = new TemporaryFolder(traps);
  expect(await runExecutable(["--version"], { cwd: folder.path })).toEqual(version);
  const { code, stdout } = await runExecutable(["config", "--json"], { cwd: folder.path });
  expect(code).toBe(0);
  const sources = (JSON.parse(stdout).settings as { source: string }[]).map(({ source }) => source);
  expect(new Set(sources)).toEqual(new Set(["default"]));
});

test.each(["BUN_OPTIONS", "NODE_OPTIONS"])("%s can make it load no code (C02)", async (name) => {
  using folder = new TemporaryFolder(traps);
  for (const option of ["--preload ./preload.ts", "--require ./preload.ts", "--import ./preload.ts"]) {
    const { code, stdout } = await runExecutable(["--version"], {
      cwd: folder.path,
      env: { [name]: option },
    });
    // It may refuse to start.
    expect([code === 66, stdout.includes("ran")]).toEqual([false, false]);
  }
});

test("no home, one that cannot be written, and a reader that goes away are no reason to crash (C05)", async () => {
  const homes: Record<string, string>[] = [
    {},
    { HOME: "/dev/null" },
    { HOME: "/proc/self", TERM: "dumb", COLUMNS: "1" },
  ];
  for (const env of homes) {
    expect(await runExecutable(["list"], { env })).toMatchObject({ code: 0, stderr: "" });
  }
  const shell = Bun.spawn(["sh", "-c", `{ "${executablePath}" config; echo "code $?" >&2; } | head -c 1`], {
    stdout: "pipe",
    stderr: "pipe",
  });
  const stderr = await new Response(shell.stderr).text();
  expect(Number(stderr.match(/code (\d+)/)![1])).toBeLessThanOrEqual(141);
});
