import { describe, expect, test } from "bun:test";
import { version } from "../../src/cli/version.ts";
import type { FoundDevice } from "../../src/runtime/devices.ts";
import { modelFiles, snapshotPath } from "../hub/support.ts";
import { testApp } from "../http/support.ts";
import { LocalHub } from "../support/local_hub.ts";
import { TemporaryFolder } from "../support/temporary_folder.ts";
import { readdirSync } from "node:fs";
import { cli } from "./support.ts";

test("version prints what --version does, and with --json what programs ask for", async () => {
  const { stdout } = await cli(["version"]);
  expect(stdout).toBe(`llamav ${version}\n`);
  expect((await cli(["--version"])).stdout).toBe(stdout);
  expect(JSON.parse((await cli(["version", "--json"])).stdout)).toEqual({
    version,
    bun: Bun.version,
    platform: process.platform,
    arch: process.arch,
  });
});

test("openapi prints what a server answers to GET /openapi.json", async () => {
  const { code, stdout } = await cli(["openapi"]);
  const { app } = testApp(undefined, { version });
  const served = await (await app.fetch(new Request("http://127.0.0.1/openapi.json"))).json();
  expect(code).toBe(0);
  expect(JSON.parse(stdout)).toEqual(served);
});

describe("devices", () => {
  const device: FoundDevice = {
    index: 0,
    name: "A card",
    type: "discrete",
    driverName: "a driver",
    driverInfo: "1.2",
    apiVersion: "1.3.0",
    subgroupSize: 32,
    memoryBytes: 24e9,
    heaps: [{ bytes: 24e9, deviceLocal: true }, { bytes: 64e9, deviceLocal: false }],
    missing: [],
  };
  const old = { ...device, index: 1, name: "An old card", missing: ["timeline semaphores"] };
  const list = (devices: readonly FoundDevice[], ...args: readonly string[]) =>
    cli(["devices", ...args], { services: { findDevices: () => Promise.resolve(devices) } });

  test("lists what --device can name, and with --json all of it", async () => {
    const { code, stdout } = await list([device, old]);
    expect(code).toBe(0);
    expect(stdout.split("\n").map((line) => line.split(/ {2,}/))).toEqual([
      ["DEVICE", "NAME", "TYPE", "DRIVER", "VULKAN", "MEMORY", "STATE"],
      ["0", "A card", "discrete", "a driver 1.2", "1.3.0", "24.0 GB", "ready"],
      [
        ...["1", "An old card", "discrete", "a driver 1.2", "1.3.0", "24.0 GB"],
        "lacks timeline semaphores",
      ],
      [""],
    ]);
    expect(JSON.parse((await list([device, old], "--json")).stdout)).toEqual({ devices: [device, old] });
  });

  test("tells of a CPU driver, whose heap is nominal, the host's memory, as doctor does", async () => {
    const cpu: FoundDevice = {
      ...device,
      type: "cpu",
      memoryBytes: 25.3e9,
      heaps: [{ bytes: 2e9, deviceLocal: true }],
    };
    expect((await list([cpu])).stdout).toContain(" 25.3 GB of the host ");
  });

  test("has the exit code of a device that is missing where none can be used", async () => {
    expect(await list([old])).toMatchObject({
      code: 6,
      stderr: "error: No device of this machine can be used\nllamav doctor says what to do about it\n",
    });
    expect((await list([])).code).toBe(6);
  });
});

describe("pull --include and --exclude", () => {
  const cases = [
    [["--include", "*.json"], ["config.json", "model.safetensors.index.json", "tokenizer.json"]],
    [["--include", "config.json", "--include", "tok*"], ["config.json", "tokenizer.json"]],
    [["--exclude", "*.safetensors"], ["config.json", "model.safetensors.index.json", "tokenizer.json"]],
    [["--include", "*.json", "--exclude", "model*"], ["config.json", "tokenizer.json"]],
  ];
  test.each(cases)("with %j fetch %j", async (args, names) => {
    await using hub = await LocalHub.start({ files: modelFiles });
    using home = new TemporaryFolder();
    const env = { HF_HOME: home.path, HF_ENDPOINT: hub.url };
    expect((await cli(["pull", "acme/tiny-vision", ...args], { env })).code).toBe(0);
    expect(readdirSync(snapshotPath(home.path)).sort()).toEqual(names);
  });

  test("say which files there are where none fits", async () => {
    await using hub = await LocalHub.start({ files: modelFiles });
    using home = new TemporaryFolder();
    const env = { HF_HOME: home.path, HF_ENDPOINT: hub.url };
    const { code, stderr } = await cli(["pull", "acme/tiny-vision", "--include", "*.gguf"], { env });
    expect(code).toBe(2);
    expect(stderr).toContain(
      "None of the files of acme/tiny-vision is wanted\nThere are tokenizer.json, config.json, ",
    );
  });
});
