import { expect, setDefaultTimeout, test } from "bun:test";
import process from "node:process";
import { join } from "node:path";
import { findCached } from "../../src/hub/cache.ts";
import { LocalHub } from "../support/local_hub.ts";
import { TemporaryFolder } from "../support/temporary_folder.ts";
import { testLimitMs } from "../support/test_limit.ts";
import { modelFiles, pullFrom } from "./support.ts";

/** A Python that has the `huggingface_hub` package, such as `LLAMAV_PYTHON_CLIENT=python3`; without it nothing to run. */
const python = process.env.LLAMAV_PYTHON_CLIENT;
const repository = "acme/tiny-vision";

setDefaultTimeout(testLimitMs);

/** What the hub's own client prints, with its cache in `home`. */
async function runClient(hub: LocalHub, home: string, offline: boolean, code: string): Promise<string[]> {
  const child = Bun.spawn([python!, "-c", `from huggingface_hub import *\n${code}`], {
    env: {
      ...process.env,
      HF_HOME: home,
      HF_ENDPOINT: hub.url,
      HF_HUB_OFFLINE: offline ? "1" : "0",
      HF_HUB_DISABLE_XET: "1",
      HF_HUB_DISABLE_TELEMETRY: "1",
    },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  const [stdout, stderr] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
  ]);
  expect({ code: await child.exited, stderr }).toMatchObject({ code: 0 });
  return stdout.trim().split("\n");
}

test.skipIf(python === undefined)("the hub's own client finds offline what we have pulled", async () => {
  await using hub = await LocalHub.start({ files: modelFiles });
  using home = new TemporaryFolder();
  await pullFrom(hub, home.path);
  const [folder, found, shard] = await runClient(
    hub,
    home.path,
    true,
    `print(snapshot_download("${repository}"))
info = scan_cache_dir()
print([repo.repo_id for repo in info.repos], info.warnings)
print(hf_hub_download("${repository}", "model-00002-of-00002.safetensors"))`,
  );
  expect(folder).toStartWith(join(home.path, "hub"));
  expect(found).toBe(`['${repository}'] []`);
  expect(shard).toStartWith(folder!);
});

test.skipIf(python === undefined)(
  "we find what the hub's own client has fetched, and fetch none of it again",
  async () => {
    await using hub = await LocalHub.start({
      files: modelFiles,
      // That client asks for more of a listing than ours does.
      describe: (body) => ({ ...body, modelId: repository, tags: [] }),
    });
    using home = new TemporaryFolder();
    const names = JSON.stringify(Object.keys(modelFiles));
    await runClient(hub, home.path, false, `for name in ${names}: hf_hub_download("${repository}", name)`);
    expect(findCached(join(home.path, "hub"), { repository, revision: "main" })).toMatchObject({
      missing: [],
    });
    const sent = hub.sentBytes;
    expect((await pullFrom(hub, home.path)).fetchedBytes).toBe(0);
    expect(hub.sentBytes).toBe(sent);
  },
);
