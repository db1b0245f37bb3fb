import { expect, test } from "bun:test";
import { TemporaryFolder } from "../support/temporary_folder.ts";
import { cli } from "./support.ts";

/** What bash offers for a command line whose last word is being typed. */
async function offered(...words: string[]): Promise<string[]> {
  const { stdout } = await cli(["completion", "bash"]);
  using folder = new TemporaryFolder({ "llamav.bash": stdout, "cat.png": "", "My cat.png": "" });
  const typed = words.map((word) => `'${word}'`).join(" ");
  const list = "printf '%s\\n' 'NAME  SIZE' 'demo  1 MB' 'acme/tiny-vision  2 GB'";
  const script =
    `llamav() { ${list}; }; source ./llamav.bash; COMP_WORDS=(llamav ${typed}); COMP_CWORD=${words.length}; _llamav; ` +
    'printf "%s\\n" "${COMPREPLY[@]}"';
  const bash = Bun.spawnSync(["bash", "--norc", "-c", script], { cwd: folder.path });
  expect(bash.stderr.toString()).toBe("");
  return bash.stdout.toString().trim().split("\n");
}

test.skipIf(Bun.which("bash") === null)(
  "completion bash completes commands, flags, choices and files",
  async () => {
    expect(await offered("se")).toEqual(["serve"]);
    expect(await offered("pu")).toEqual(["pull"]);
    expect(await offered("run", "--top")).toEqual(["--top-k", "--top-p"]);
    expect(await offered("completion", "f")).toEqual(["fish"]);
    expect(await offered("serve", "--log-format", "")).toEqual(["text", "json"]);
    expect(await offered("run", "--device", "c")).toEqual(["cpu"]);
    expect(await offered("run", "--image", "c")).toEqual(["cat.png"]);
    expect(await offered("run", "--image", "My")).toEqual(["My cat.png"]);
    expect(await offered("run", "demo", "c")).toEqual(["cat.png"]);
    expect(await offered("help", "be")).toEqual(["bench"]);
    expect(await offered("bench", "se")).toEqual(["serve"]);
    expect(await offered("bench", "--ti")).toEqual(["--tiles"]);
    expect(await offered("bench", "serve", "--r")).toEqual(["--requests", "--rate"]);
    expect(await offered("bench", "serve", "--pictures", "")).toEqual(["none", "shared", "distinct"]);
    expect(await offered("serve", "--r")).not.toContain("--requests");
  },
);

test.skipIf(Bun.which("bash") === null)(
  "completion bash completes models, those of list included",
  async () => {
    for (const command of ["run", "chat", "serve", "show", "rm"]) {
      expect(await offered(command, "")).toEqual([
        ...["demo", "acme/tiny-vision", "11b", "90b"],
        ...["My cat.png", "cat.png", "llamav.bash"],
      ]);
    }
    expect(await offered("run", "ac")).toEqual(["acme/tiny-vision"]);
    expect(await offered("serve", "--model", "d")).toEqual(["demo"]);
    expect(await offered("pull", "1")).toEqual(["11b"]);
  },
);

test.each([
  ["zsh", [
    "[text for people or json for programs, one line each]:value:(text json)",
    "'1:word:_llamav_models'",
    "llamav list 2> /dev/null",
  ]],
  ["fish", [
    "-l log-format -x -a 'text json'",
    "from run' -a '(__llamav_models)'",
    "llamav list 2> /dev/null",
  ]],
])("completion %s offers models and the words of choices", async (shell, pieces) => {
  const { stdout } = await cli(["completion", shell]);
  for (const piece of pieces) expect(stdout).toContain(piece);
});

test.each(["zsh", "fish"])(
  "completion %s names every command and flag once, with nothing that the shell obeys",
  async (shell) => {
    const { code, stdout } = await cli(["completion", shell]);
    expect(code).toBe(0);
    for (const word of ["pull", "completion", shell === "zsh" ? "--ctx-size" : "-l ctx-size"]) {
      expect(stdout)
        .toContain(word);
    }
    // Texts stand in single quotes, so there is nothing to expand in them.
    const outside = stdout.split("\n").filter((line) => !line.startsWith("#")).map((line) =>
      line.replace(/'[^']*'/g, "")
    );
    expect(outside.filter((line) => line.includes("`"))).toEqual([]);
    expect(stdout).not.toContain("repeat-penalty");
  },
);

test("completion refuses a shell that it does not know", async () => {
  expect(await cli(["completion", "csh"])).toMatchObject({ code: 2, stdout: "" });
});
