import { expect, test } from "bun:test";
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import manifest from "../../package.json" with { type: "json" };
import type { Check, Inspection } from "../../src/runtime/reports.ts";
import { environmentName, type Setting, settings } from "../../src/runtime/options.ts";
import type { Services } from "../../src/cli/services.ts";
import { repositoryText } from "../support/repository.ts";
import { cli, fakeServices } from "./support.ts";

/** Every command that has flags of its own; of commands that have commands, those too. */
const commands = [
  "run",
  "chat",
  "serve",
  "ps",
  "pull",
  "list",
  "show",
  "rm",
  "inspect",
  "doctor",
  "bench",
  "bench serve",
  "trace",
  "config",
];

test("--version prints name and version", async () => {
  for (const flag of ["--version", "-V", "-v"]) {
    expect(await cli([flag])).toEqual({ code: 0, stdout: `llamav ${manifest.version}\n`, stderr: "" });
  }
});

test("--help teaches: commands, examples, exit codes, and that it is built with Llama", async () => {
  const { code, stdout, stderr } = await cli(["--help"]);
  expect([code, stderr]).toEqual([0, ""]);
  const own = commands.filter((name) => !name.includes(" "));
  for (const piece of [...own, "completion", "Examples:", "Exit codes:", "Built with Llama"]) {
    expect(stdout).toContain(piece);
  }
});

test("a call without a command prints the help as wrong usage", async () => {
  const { code, stdout, stderr } = await cli([]);
  expect([code, stdout]).toEqual([2, ""]);
  expect(stderr).toContain("Usage: llamav");
});

test("the help of every command names the variables of its flags", async () => {
  for (const command of commands) {
    const { code, stdout } = await cli([...command.split(" "), "--help"]);
    expect(code).toBe(0);
    const flags = stdout.match(/^ {2}(-\w, )?--[a-z-]+/gm)!.map((flag) => flag.replace(/^.*--/, "--"));
    // To go on with a conversation is no setting: it is meant for this once.
    for (const flag of flags.filter((name) => !["--help", "--resume"].includes(name))) {
      expect(stdout.replace(/\s+/g, " ")).toContain(environmentName({ flag } as Setting));
    }
  }
});

test("every setting belongs to some command", async () => {
  const helps = await Promise.all(
    [...commands, ""].map(async (name) => (await cli(`${name} --help`.trim().split(" "))).stdout),
  );
  for (const setting of Object.values(settings)) expect(helps.join("")).toContain(setting.flag);
});

test("trace hands conversation and settings on, and lists what was written", async () => {
  const folder = mkdtempSync(join(tmpdir(), "llamav-trace-"));
  const file = join(folder, "c.json");
  writeFileSync(join(folder, "a.png"), Uint8Array.of(1, 2));
  const content = [{ type: "image_url", image_url: { url: "a.png" } }, { type: "text", text: "?" }];
  writeFileSync(file, JSON.stringify({ messages: [{ role: "user", content }], date_string: "26 Jul 2024" }));
  const asked: unknown[] = [];
  const services = {
    pictureLoader: () => Promise.resolve(() => Promise.reject(new Error("nothing is fetched"))),
    traceToFile(options: unknown) {
      asked.push(options);
      return Promise.resolve({ out: "o.safetensors", tensors: [{ name: "logits", shape: [3, 7] }] });
    },
  };
  const run = await cli(["trace", "m", "--messages", file, "--out", "o.safetensors", "-n", "4", "--steps"], {
    services,
    env: { LLAMAV_IMAGE_TILES: "8" },
  });
  rmSync(folder, { recursive: true });
  expect(run).toEqual({ code: 0, stdout: "", stderr: "logits [3, 7]\nWrote 1 tensors to o.safetensors\n" });
  expect(asked).toEqual([{
    model: "m",
    prompt: {
      request: {
        messages: [{
          role: "user",
          content: [{ type: "image", bytes: Uint8Array.of(1, 2) }, { type: "text", text: "?" }],
        }],
        tools: undefined,
        toolsInUserMessage: undefined,
        dateString: "26 Jul 2024",
      },
      addGenerationPrompt: true,
    },
    out: "o.safetensors",
    maxTokens: 4,
    steps: true,
    device: undefined,
    contextLength: undefined,
    imageTiles: 8,
    maxTiles: undefined,
  }]);
  for (const missing of [["--out", "x"], ["--messages", "x"]]) {
    expect((await cli(["trace", "m", ...missing])).code).toBe(2);
  }
});

test("trace refuses a place that cannot be written before it reads or computes anything", async () => {
  for (
    const [out, reason] of [["no/such/x.safetensors", 'there is no folder "no/such"'], [
      ".",
      "it is a folder",
    ]]
  ) {
    expect(await cli(["trace", "m", "--messages", "none.json", "--out", out!])).toEqual({
      code: 2,
      stdout: "",
      stderr: `error: Cannot write "${out}": ${reason}\nName a file in a folder that exists with --out\n`,
    });
  }
});

test("trace refuses to replace a link, a pipe or a device", async () => {
  const folder = mkdtempSync(join(tmpdir(), "llamav-trace-"));
  const link = join(folder, "link");
  const pipe = join(folder, "pipe");
  symlinkSync("nothing", link);
  Bun.spawnSync(["mkfifo", pipe]);
  for (const [out, kind] of [[link, "a link"], [pipe, "no regular file"], ["/dev/null", "no regular file"]]) {
    expect(await cli(["trace", "m", "--messages", "none.json", "--out", out!])).toEqual({
      code: 2,
      stdout: "",
      stderr: `error: Cannot write "${out}": it is ${kind}\nName a file in a folder that exists with --out\n`,
    });
  }
  rmSync(folder, { recursive: true });
});

test("trace --help says which flags it needs", async () => {
  const { stdout } = await cli(["trace", "--help"]);
  expect(stdout).toContain("Usage: llamav trace [model] --messages <file> --out <file> [options]");
});

const inspection: Inspection = {
  path: "m",
  architecture: "MllamaForConditionalGeneration",
  facts: [["text layers", "40 (8 cross-attention)"]],
  tensorCount: 906,
  tensorBytes: 21_340_441_670,
  parts: [{ name: "vision tower", tensorCount: 500, bytes: 1_700_000_000 }],
  plan: {
    device: "llvmpipe",
    contextLength: 8192,
    maxSequences: 8,
    allocations: [{ name: "weights", bytes: 21_000_000_000 }],
    totalBytes: 22_000_000_000,
    availableBytes: 16_000_000_000,
    fits: false,
  },
  planProblem: "The plan needs 22.0 GB, the device has 16.0 GB. Lower --ctx-size",
  warnings: ["No chat template"],
};

test("inspect prints counts, bytes by part and the memory plan", async () => {
  const asked: unknown[] = [];
  const services = {
    inspectModel(options: unknown) {
      asked.push(options);
      return Promise.resolve(inspection);
    },
  };
  const more = ["--max-num-seqs", "2", "--kv-tokens", "16384"];
  const args = ["inspect", "m", "-c", "8192", "--image-tiles", "4", ...more];
  const { code, stdout } = await cli(args, { services });
  expect(code).toBe(0);
  expect(asked).toEqual([{
    model: "m",
    device: undefined,
    contextLength: 8192,
    imageTiles: 4,
    maxSequences: 2,
    kvTokens: 16384,
  }]);
  expect(stdout).toMatch(/^tensors +906, 21,340,441,670 bytes$/m);
  expect(stdout).toMatch(/^ {2}vision tower +500, 1\.7 GB$/m);
  expect(stdout).toMatch(
    /^answers at a time +8, as serve takes them \(--max-num-seqs\); run and chat take 1$/m,
  );
  expect(stdout).toMatch(/^memory +22\.0 GB of 16\.0 GB: does not fit$/m);
  expect(stdout).toMatch(/^problem +The plan needs 22\.0 GB, the device has 16\.0 GB\. Lower --ctx-size$/m);
  expect(stdout).toContain("warning: No chat template");
});

test("inspect without a device says why there is no plan", async () => {
  const { plan: _, ...rest } = inspection;
  const services = { inspectModel: () => Promise.resolve({ ...rest, planProblem: "There is no device" }) };
  const { code, stdout } = await cli(["inspect", "m"], { services });
  expect(code).toBe(0);
  expect(stdout).toMatch(/^problem +There is no device$/m);
  expect(stdout).not.toContain("fits");
});

test("the help states the defaults that follow from model and memory", async () => {
  for (const command of ["run", "serve", "trace", "inspect"]) {
    const help = (await cli([command, "--help"])).stdout.replace(/\s+/g, " ");
    expect(help).toContain("default: 8192, the model's maximum, or what memory allows, whichever is least");
    expect(help).toContain("a whole number from 1 to 4096; default: 16; 8 or 4 where memory is short");
  }
  for (const command of ["run", "chat"]) {
    const help = (await cli([command, "--help"])).stdout.replace(/\s+/g, " ");
    expect(help).toContain(
      "up to 8 times. A large one has 4 tiles, and all have --image-tiles: 16, so 8 large",
    );
  }
});

test("inspect --json prints one object, with the facts in the form of show", async () => {
  const services = { inspectModel: () => Promise.resolve(inspection) };
  const { stdout } = await cli(["inspect", "m", "--json"], { services });
  const facts = { "text layers": "40 (8 cross-attention)" };
  expect(JSON.parse(stdout)).toEqual(JSON.parse(JSON.stringify({ ...inspection, facts })));
});

test("doctor prints a line for each check, the remedies, and ends with 6 when one failed", async () => {
  const checks: Check[] = [
    { name: "loader", status: "ok", detail: "libvulkan.so.1" },
    { name: "memory", status: "warn", detail: "2 GB", remedy: "Close other programs" },
  ];
  const fine = await cli(["doctor"], { services: { runDoctor: () => Promise.resolve(checks) } });
  expect(fine).toEqual({
    code: 0,
    stdout:
      "ok   loader: libvulkan.so.1\nwarn memory: 2 GB\n     Close other programs\n1 ok, 1 warn, 0 fail\n",
    stderr: "",
  });
  const broken: Check[] = [...checks, {
    name: "kernel x",
    status: "fail",
    detail: "wrong",
    remedy: "Update the driver",
  }];
  const run = await cli(["doctor", "--json"], { services: { runDoctor: () => Promise.resolve(broken) } });
  expect(run.code).toBe(6);
  expect(JSON.parse(run.stdout)).toEqual({ checks: broken });
  expect(run.stderr).toBe("error: 1 of 3 checks failed\n");
});

test("output that cannot be written is no success: 1 with the reason, 141 when its reader has gone", async () => {
  const services: Partial<Services> = {
    ...fakeServices("Hello").services,
    inspectModel: () => Promise.resolve(inspection),
    runDoctor: () => Promise.resolve([]),
  };
  for (const command of [["inspect", "m"], ["doctor"], ["run", "./m", "?"], ["--help"], ["--version"]]) {
    const full = await cli(command, { services, stdoutError: "ENOSPC" });
    expect([command, full.code]).toEqual([command, 1]);
    expect(full.stderr).toBe(
      "error: Cannot write to stdout: ENOSPC; the output is not complete\n" +
        "Make room where it goes, or send it elsewhere\n",
    );
    expect([command, await cli(command, { services, stdoutError: "EPIPE" })]).toEqual([
      command,
      { code: 141, stdout: "", stderr: "" },
    ]);
  }
});

test("a command that writes nothing to stdout does not mind that it is broken", async () => {
  expect(await cli(["serve", "a", "--model", "b"], { stdoutError: "ENOSPC" })).toMatchObject({ code: 2 });
});

test("help schema says what README.md says of schemas", async () => {
  const { code, stdout } = await cli(["help", "schema"]);
  const words = (text: string) => text.replace(/`|\*\*/g, "").replace(/\s+/g, " ").trim();
  const start = "**What a schema may have:**";
  const said = repositoryText("README.md").split("\n\n").find((part) => part.startsWith(start))!;
  expect({ code, text: words(stdout) }).toEqual({ code: 0, text: words(said) });
});

test("help prints what --help does, also for a command of a command", async () => {
  for (const command of [[], ["bench"], ["bench", "serve"], ["ls"], ["help"]]) {
    const { stdout } = await cli([...command, "--help"]);
    expect(await cli(["help", ...command])).toEqual({ code: 0, stdout, stderr: "" });
  }
  const { code, stdout, stderr } = await cli(["help", "bench", "nothing"]);
  expect([code, stdout, stderr]).toEqual([
    2,
    "",
    'error: There is no command "bench nothing"\nTry llamav --help\n',
  ]);
});
