import { afterAll, describe, expect, test } from "bun:test";
import { join } from "node:path";
import { startServer } from "../../src/http/server.ts";
import { testApp } from "../http/support.ts";
import { TemporaryFolder } from "../support/temporary_folder.ts";
import { cli } from "./support.ts";

const key = "k-secret";
const server = startServer(testApp(undefined, { keys: [key] }).app, "127.0.0.1", 0);
afterAll(() => server.stop(0));

const warning = "Other users of this machine can see the key of --api-key; --api-key-file or the variable " +
  "LLAMAV_API_KEY keeps it yours";

const services = {
  pictureLoader: () => Promise.resolve(() => Promise.reject(new Error("No picture was to be loaded"))),
  openRuntime: () => Promise.reject(new Error("That was all")),
};

describe("a key in a flag is told to be seen by others (C01)", () => {
  const commands = [
    ["ps", String(server.url)],
    ["bench", "serve", String(server.url), "--requests", "1", "--num-warmups", "1"],
    ["serve", "m", "--port", "0"],
  ];
  test.each(commands.map((args) => [args]))("by %j", async (args) => {
    const shown = await cli([...args, "--api-key", key], { services });
    expect(shown.stderr).toContain(`${warning}\n`);
    expect(shown.stderr).not.toContain(key);
    using folder = new TemporaryFolder({ keys: key, "llamav/config.toml": `api-key = "${key}"\n` });
    const hidden = [
      await cli([...args, "--api-key-file", join(folder.path, "keys")], { services }),
      await cli(args, { services, env: { LLAMAV_API_KEY: key } }),
      await cli(args, { services, env: { XDG_CONFIG_HOME: folder.path } }),
    ];
    for (const { stderr } of hidden) expect(stderr).not.toContain("--api-key;");
  });

  test("serve tells it in the format of its log", async () => {
    const { stderr } = await cli(["serve", "m", "--port", "0", "--log-format", "json", "--api-key", key], {
      services,
    });
    expect(JSON.parse(stderr.split("\n")[0]!)).toMatchObject({ level: "warn", message: warning });
  });
});
