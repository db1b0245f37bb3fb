import { describe, expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { Readable } from "node:stream";
import { main } from "../../src/cli/program.ts";
import { LocalHub } from "../support/local_hub.ts";
import { TemporaryFolder } from "../support/temporary_folder.ts";
import {
  isIdentical,
  modelFiles,
  neededFiles,
  repositoryRoot,
  snapshotPath,
  weightBytes,
} from "../hub/support.ts";
import { cli, fakeServices, Sink } from "./support.ts";

const repository = "acme/tiny-vision";

function environment(hub: LocalHub | undefined, home: TemporaryFolder): Record<string, string> {
  return { HF_HOME: home.path, HF_ENDPOINT: hub?.url ?? "http://127.0.0.1:9" };
}

/** Runs a command line at a terminal where somebody answers a question. */
async function answering(answer: string, args: readonly string[], env: Record<string, string>) {
  const { services } = fakeServices("hi");
  const stdin = Object.assign(Readable.from([`${answer}\n`]), { isTTY: true });
  const [stdout, stderr] = [new Sink(true), new Sink(true)];
  const code = await main(args, { streams: { stdin, stdout, stderr }, env, services: services as never });
  return { code, stdout: stdout.text, stderr: stderr.text };
}

describe("llamav pull", () => {
  test("fetches a model, one line for each tenth without a terminal, and prints its directory", async () => {
    await using hub = await LocalHub.start({ files: modelFiles });
    using home = new TemporaryFolder();
    const { code, stdout, stderr } = await cli(["pull", repository], { env: environment(hub, home) });
    expect({ code, stdout }).toEqual({ code: 0, stdout: `${snapshotPath(home.path).replace(/\/$/, "")}\n` });
    expect(isIdentical(home.path)).toBe(true);
    expect(stderr).toContain(`${repository}: 5 files, 600.0 kB\n`);
    expect(stderr).toContain("config.json: 23 bytes, checked\n");
    expect(stderr.match(/^Pulling: \d+ %/gm)!.length).toBeLessThanOrEqual(10);
    // Nothing that only a terminal understands.
    expect(["\r", "\x1b"].filter((code) => stderr.includes(code))).toEqual([]);
    const again = await cli(["pull", repository], { env: environment(hub, home) });
    expect(again).toMatchObject({ code: 0, stdout });
    expect(again.stderr).toContain("Everything is there already");
  });

  test("draws one line at a terminal that fits into it", async () => {
    await using hub = await LocalHub.start({ files: modelFiles });
    using home = new TemporaryFolder();
    const { stderr } = await cli(["pull", repository], { env: environment(hub, home), terminal: true });
    const drawn = stderr.split("\r\x1b[2K").flatMap((text) => text.split("\n"));
    expect(drawn.some((text) => /^\[#*-*\] \d+ %, .+ of 600\.0 kB/.test(text))).toBe(true);
    expect(drawn.every((text) => Bun.stringWidth(text) < 80)).toBe(true);
  });

  test("--json tells everything, one object a line", async () => {
    await using hub = await LocalHub.start({ files: modelFiles });
    using home = new TemporaryFolder();
    const { stdout, stderr } = await cli(["pull", repository, "--json"], { env: environment(hub, home) });
    const events = stdout.trimEnd().split("\n").map((line) => JSON.parse(line));
    expect(stderr).toBe("");
    expect(events[0]).toMatchObject({ event: "start", repository, files: 5 });
    expect(events.at(-1)).toMatchObject({
      event: "complete",
      repository,
      revision: "main",
      fetchedBytes: events[0].total,
    });
    const file = "model-00001-of-00002.safetensors";
    const progress = events.filter((event) => event.event === "progress" && event.file === file);
    expect(progress.at(-1)).toMatchObject({ completed: weightBytes, total: weightBytes });
  });

  test.each([
    ["a gated repository", { status: 403, headers: { "X-Error-Code": "GatedRepo" } }, 4],
    ["a token that is not known", {
      status: 401,
      headers: { "X-Error-Message": "Invalid credentials in Authorization header" },
    }, 4],
    ["a repository that is not there", { status: 404 }, 3],
    ["a hub that speaks nonsense", { bytes: new TextEncoder().encode("{}") }, 7],
    ["a hub that answers nonsense", { status: 418 }, 5],
  ])("%s has its exit code", async (_, fault, code) => {
    await using hub = await LocalHub.start({ files: modelFiles, fault: () => fault });
    using home = new TemporaryFolder();
    const run = await cli(["pull", repository], { env: environment(hub, home) });
    expect(run).toMatchObject({ code, stdout: "" });
    expect(run.stderr).toMatch(/^error: [^\n]+\n[A-Z][^\n]+\n$/);
  });

  test("patterns that fit no file are wrong usage, which names some files of many", async () => {
    const more = Array.from(
      { length: 500 },
      (_, i) => `model-${String(i).padStart(5, "0")}-of-00500.safetensors`,
    );
    const files = { ...modelFiles, ...Object.fromEntries(more.map((name) => [name, "x"])) };
    await using hub = await LocalHub.start({ files });
    using home = new TemporaryFolder();
    const args = ["pull", repository, "--include", "NOTHING"];
    const { code, stderr } = await cli(args, { env: environment(hub, home) });
    expect({ code, lines: stderr.split("\n").length }).toEqual({ code: 2, lines: 3 });
    expect(stderr).toMatch(/^There are .+ and \d{3} more$/m);
    expect(stderr.split("\n")[1]!.split(", ")).toHaveLength(20);
  });

  test("HF_HUB_OFFLINE has the exit code of a model that is not there, a wrong endpoint that of a failure", async () => {
    using home = new TemporaryFolder();
    const env = environment(undefined, home);
    expect((await cli(["pull", repository], { env: { ...env, HF_HUB_OFFLINE: "1" } })).code).toBe(3);
    expect((await cli(["pull", repository], { env: { ...env, HF_ENDPOINT: "file:///etc" } })).code).toBe(1);
  });

  test.each(["../x", "a/b/c", "-rf", "x".repeat(1 << 16), "a\0/b", "a/b@../c", ""])(
    "refuses the repository %# as wrong usage (F07)",
    async (name) => {
      using home = new TemporaryFolder();
      const run = await cli(["pull", name], { env: environment(undefined, home) });
      expect([run.code, run.stdout]).toEqual([2, ""]);
      expect(run.stderr.length).toBeLessThan(1000);
    },
  );
});

describe("MODEL that is a repository", () => {
  test("is pulled first with --yes, and then opened", async () => {
    await using hub = await LocalHub.start({ files: modelFiles });
    using home = new TemporaryFolder();
    const { services, opened } = fakeServices("hi");
    const run = await cli(["run", repository, "-y", "Hello"], { env: environment(hub, home), services });
    expect(run).toMatchObject({ code: 0, stdout: "hi\n" });
    expect(opened).toMatchObject([{ model: repository }]);
    expect(isIdentical(home.path)).toBe(true);
    const requests = hub.requests.length;
    expect((await cli(["run", repository, "Hello"], { env: environment(hub, home), services })).code).toBe(0);
    expect(hub.requests.length).toBe(requests);
  });

  test("is pulled when the person at the terminal says yes, and not when they say no", async () => {
    await using hub = await LocalHub.start({ files: modelFiles });
    using home = new TemporaryFolder();
    const env = environment(hub, home);
    const refused = await answering("", ["run", repository, "Hello"], env);
    expect(refused.stderr).toContain(
      `${repository} is not on this machine. It is about 600.0 kB. Fetch it from the hub? [y/N] `,
    );
    expect(existsSync(repositoryRoot(home.path))).toBe(false);
    await answering("Yes", ["run", repository, "Hello"], env);
    expect(isIdentical(home.path)).toBe(true);
  });

  test.each([
    ["meta-llama/Llama-3.2-11B-Vision-Instruct", "11b", "It is about 21.3 GB. "],
    ["acme/unknown", "acme/unknown", ""],
  ])("is described by what is known of it where the hub is silent: %s", async (name, model, size) => {
    using home = new TemporaryFolder();
    const { code, stderr } = await answering("", ["run", model, "Hello"], environment(undefined, home));
    const license = size === ""
      ? ""
      : "Its owner gives it to who has agreed to its license on its page, by a token (HF_TOKEN). ";
    const question = `${name} is not on this machine. ${size}${license}Fetch it from the hub? [y/N] `;
    expect(stderr.replaceAll("\n", " ")).toContain(question);
    expect(code).toBe(0);
  });

  test("is not asked for where nobody answers", async () => {
    using home = new TemporaryFolder();
    const { opened, services } = fakeServices("hi");
    await cli(["run", repository, "Hello"], { env: environment(undefined, home), services });
    // The runtime says that it is not there.
    expect(opened.length).toBe(1);
  });

  test("with a malformed revision is wrong usage (F07)", async () => {
    expect(await cli(["run", "a/b@-x", "Hello"], { env: {} })).toMatchObject({ code: 2, stdout: "" });
  });
});

describe("llamav list, show and rm", () => {
  async function pulled(home: TemporaryFolder): Promise<Record<string, string>> {
    await using hub = await LocalHub.start({ files: modelFiles });
    const env = environment(hub, home);
    expect((await cli(["pull", repository], { env })).code).toBe(0);
    return env;
  }

  test("list names what MODEL can be", async () => {
    using home = new TemporaryFolder();
    const env = await pulled(home);
    const { stdout } = await cli(["list"], { env });
    expect(stdout).toMatch(
      /^NAME +COMMIT +SIZE +MODIFIED +STATE\ndemo +- .+ ready\nacme\/tiny-vision +5a3f0c1d +600\.0 kB .+ ready\n$/,
    );
    const { models } = JSON.parse((await cli(["ls", "--json"], { env })).stdout);
    expect(models[1]).toMatchObject({
      name: repository,
      revision: "main",
      bytes: neededFiles.reduce((sum, file) => sum + modelFiles[file]!.length, 0),
      missing: [],
    });
  });

  test("show tells what the demo is, and where its files are", async () => {
    const { code, stdout } = await cli(["show", "demo"]);
    expect(code).toBe(0);
    for (const piece of ["inside the program", "text layers", "answers by default", "tokenizer.json"]) {
      expect(stdout).toContain(piece);
    }
    expect(JSON.parse((await cli(["show", "demo", "--json"])).stdout)).toMatchObject({
      name: "demo",
      missing: [],
    });
  });

  test("show says of a name that is none that there is no such model", async () => {
    const { code, stderr } = await cli(["show", "foo"]);
    expect(code).toBe(3);
    expect(stderr).toStartWith('error: There is no model "foo" on this machine\nllamav list lists those');
  });

  test("show tells what is missing of a model", async () => {
    using home = new TemporaryFolder({
      [`hub/models--a--b/snapshots/${"c".repeat(40)}/config.json`]: '{"model_type":"mllama"}',
      "hub/models--a--b/refs/main": "c".repeat(40),
    });
    const { code, stdout } = await cli(["show", "a/b"], { env: environment(undefined, home) });
    expect(code).toBe(0);
    expect(stdout).toMatch(/missing +tokenizer\.json, model\.safetensors\n/);
    expect((await cli(["show", "a/c"], { env: environment(undefined, home) })).code).toBe(3);
  });

  test("rm asks, and removes what was pulled", async () => {
    using home = new TemporaryFolder();
    const env = await pulled(home);
    expect((await cli(["rm", repository], { env })).code).toBe(2);
    expect((await answering("n", ["rm", repository], env)).code).toBe(2);
    expect(isIdentical(home.path)).toBe(true);
    const { code, stderr } = await answering("y", ["rm", repository], env);
    expect(code).toBe(0);
    expect(stderr).toContain(`Removed ${repository}, 600.0 kB`);
    expect(existsSync(repositoryRoot(home.path))).toBe(false);
    expect((await cli(["rm", repository, "-y"], { env })).code).toBe(3);
  });

  test("rm removes nothing that was not pulled", async () => {
    using home = new TemporaryFolder({ "model/config.json": "{}" });
    for (const model of ["demo", `${home.path}/model`, "../x"]) {
      expect((await cli(["rm", model, "-y"], { env: environment(undefined, home) })).code).toBe(1);
    }
    expect(readFileSync(`${home.path}/model/config.json`, "utf8")).toBe("{}");
  });
});
