import { describe, expect, test } from "bun:test";
import { modelFiles, pullFrom, snapshotPath } from "../hub/support.ts";
import { LocalHub } from "../support/local_hub.ts";
import { TemporaryFolder } from "../support/temporary_folder.ts";
import { cli, fakeServices } from "./support.ts";

const repository = "acme/tiny-vision";

describe("--offline", () => {
  const pulling = [
    ["pull", repository],
    ["run", repository, "Hello", "-y"],
    ["chat", repository, "-y"],
    ["serve", repository, "--port", "0", "-y"],
    ["bench", repository, "-y"],
    ["inspect", repository, "-y"],
    ["trace", repository, "--messages", "m.json", "--out", "o.safetensors", "-y"],
  ];

  test.each(pulling.map((args) => [args]))("lets %j ask no hub, and says what forbids it", async (args) => {
    await using hub = await LocalHub.start({ files: modelFiles });
    using home = new TemporaryFolder();
    const env = { HF_HOME: home.path, HF_ENDPOINT: hub.url };
    const { services } = fakeServices("hi");
    const { code, stderr } = await cli([...args, "--offline"], { env, services });
    expect(code).toBe(3);
    expect(stderr).toContain(`${repository} is not complete in `);
    expect(stderr).toContain("--offline or HF_HUB_OFFLINE forbids to fetch it\n");
    expect((await cli(args, { env: { ...env, LLAMAV_OFFLINE: "yes" }, services })).code).toBe(3);
    expect(hub.requests).toEqual([]);
  });

  test("asks nobody whether to fetch a model, and uses one that is there", async () => {
    await using hub = await LocalHub.start({ files: modelFiles });
    using home = new TemporaryFolder();
    const env = { HF_HOME: home.path, HF_ENDPOINT: hub.url };
    const { services, opened } = fakeServices("hi");
    const asked = await cli(["run", repository, "Hello", "--offline"], { env, services, terminal: true });
    expect([asked.code, asked.stderr.includes("[y/N]")]).toEqual([3, false]);
    await pullFrom(hub, home.path);
    const { length } = hub.requests;
    expect(await cli(["pull", repository, "--offline"], { env })).toMatchObject({
      code: 0,
      stdout: `${snapshotPath(home.path).replace(/\/$/, "")}\n`,
    });
    expect((await cli(["run", repository, "Hello", "--offline"], { env, services })).code).toBe(0);
    expect(opened).toMatchObject([{ model: repository }]);
    expect(hub.requests).toHaveLength(length);
  });

  test("wins over HF_HUB_OFFLINE, also where it says no", async () => {
    await using hub = await LocalHub.start({ files: modelFiles });
    using home = new TemporaryFolder();
    const env = { HF_HOME: home.path, HF_ENDPOINT: hub.url, HF_HUB_OFFLINE: "1" };
    expect((await cli(["pull", repository], { env })).code).toBe(3);
    expect((await cli(["pull", repository, "--no-offline"], { env })).code).toBe(0);
    expect(
      (await cli(["pull", `${repository}@v1`, "--offline"], { env: { ...env, HF_HUB_OFFLINE: "0" } })).code,
    )
      .toBe(3);
  });

  test("wins over HF_HUB_OFFLINE where a command fetches its model", async () => {
    await using hub = await LocalHub.start({ files: modelFiles });
    using home = new TemporaryFolder();
    const env = { HF_HOME: home.path, HF_ENDPOINT: hub.url, HF_HUB_OFFLINE: "1" };
    const { services, opened } = fakeServices("hi");
    const run = (...flags: string[]) =>
      cli(["run", repository, "Hello", "-y", ...flags], { env, services, stdin: "" });
    expect((await run()).code).toBe(3);
    expect(await run("--no-offline")).toMatchObject({ code: 0, stdout: "hi\n" });
    expect(opened).toMatchObject([{ model: repository }]);
  });
});
