import { describe, expect, test } from "bun:test";
import { cpSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import packageJson from "../../package.json" with { type: "json" };
import {
  checkpointDirectory,
  emptyDirectory,
  greedyAnswer,
  picturePath,
  runExecutable,
} from "../support/executable.ts";

const model = checkpointDirectory("tiny-mllama");
const answer = greedyAnswer("tiny-mllama", "one_image");
const question = ["--image", picturePath("s_24x20.png"), "Describe this image in two sentences. Thank you."];
const greedy = ["--temp", "0", "--max-tokens", String(answer.tokenCount)];

describe("llamav, in an empty folder with an empty environment", () => {
  test("--version prints the version and nothing else", async () => {
    expect(await runExecutable(["--version"])).toEqual({
      code: 0,
      stdout: `llamav ${packageJson.version}\n`,
      stderr: "",
    });
  });

  test("--help names every command and says what it is built with", async () => {
    const { code, stdout } = await runExecutable(["--help"]);
    expect(code).toBe(0);
    for (const word of ["run", "serve", "trace", "inspect", "bench", "doctor", "Built with Llama"]) {
      expect(stdout).toContain(word);
    }
  });

  test("run answers a question about a picture with the reference's words", async () => {
    const { code, stdout } = await runExecutable(["run", model, ...greedy, ...question]);
    expect({ code, stdout: stdout.replace(/\n$/, "") }).toEqual({ code: 0, stdout: answer.text });
  });

  test("run takes the prompt from a pipe", async () => {
    const { stdout } = await runExecutable(["run", model, ...greedy, ...question.slice(0, 2)], {
      stdin: question[2]!,
    });
    expect(stdout.replace(/\n$/, "")).toBe(answer.text);
  });

  test("inspect counts the tensors of a checkpoint", async () => {
    const { code, stdout } = await runExecutable(["inspect", model]);
    expect(code).toBe(0);
    expect(stdout).toContain("MllamaForConditionalGeneration");
  });

  test("bench measures every stage", async () => {
    const sizes = ["--prompt", "8", "--batch", "2", "-n", "4", "--repeat", "1"];
    const { code, stdout } = await runExecutable(["bench", model, ...sizes, "--json"]);
    const rows = JSON.parse(stdout).rows as { stage: string; rate: number }[];
    expect([...new Set(rows.map(({ stage }) => stage))]).toEqual([
      "stream",
      "load",
      "image",
      "prefill",
      "decode",
    ]);
    expect(rows.filter(({ rate }) => !(rate > 0))).toEqual([]);
    expect(code).toBe(0);
  });

  test("doctor finds every kernel right on this driver", async () => {
    const { code, stdout } = await runExecutable(["doctor", "--json"]);
    const checks = JSON.parse(stdout).checks as { name: string; status: string }[];
    expect(checks.filter((check) => check.status === "fail")).toEqual([]);
    expect(checks.length).toBeGreaterThan(10);
    expect(code).toBe(0);
  });
});

describe("llamav, where somebody left files for it", () => {
  test("runs no code and takes no settings from the current folder", async () => {
    using folder = emptyDirectory();
    writeFileSync(join(folder.path, "preload.ts"), 'console.log("preloaded"); process.exit(66);');
    writeFileSync(join(folder.path, "bunfig.toml"), 'preload = ["./preload.ts"]\n');
    writeFileSync(join(folder.path, ".env"), "LLAMAV_MAX_TOKENS=1\nLLAMAV_DEVICE=no-such-device\n");
    const { code, stdout } = await runExecutable(["run", model, ...greedy, ...question], {
      cwd: folder.path,
    });
    expect({ code, stdout: stdout.replace(/\n$/, "") }).toEqual({ code: 0, stdout: answer.text });
  });
});

describe("exit codes", () => {
  test("2 for a flag that does not exist, naming it", async () => {
    const { code, stdout, stderr } = await runExecutable(["run", model, "--no-such-flag"]);
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    expect(stderr).toContain("--no-such-flag");
  });

  test("2 for a value out of its limits, naming limit and value", async () => {
    const { code, stderr } = await runExecutable(["run", model, "--temp", "99", "Hello"]);
    expect(code).toBe(2);
    expect(stderr).toContain("99");
  });

  test("3 for a model that is not there, naming it", async () => {
    const { code, stderr } = await runExecutable(["run", "no/such/model", "Hello"]);
    expect(code).toBe(3);
    expect(stderr).toContain("no/such/model");
  });

  test("6 for a device that is not there", async () => {
    const { code, stderr } = await runExecutable(["run", model, "--device", "no-such-device", "Hello"]);
    expect(code).toBe(6);
    expect(stderr).toContain("no-such-device");
  });

  test("7 for a shard that was cut off, naming it", async () => {
    using folder = emptyDirectory();
    cpSync(model, folder.path, { recursive: true });
    truncateSync(join(folder.path, "model-00002-of-00002.safetensors"), 2000);
    const { code, stderr } = await runExecutable(["run", folder.path, "Hello"]);
    expect(code).toBe(7);
    expect(stderr).toContain("model-00002-of-00002.safetensors");
    expect(stderr).not.toContain("    at ");
  });
});
