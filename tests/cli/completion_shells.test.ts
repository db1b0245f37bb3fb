/** The completion scripts in the shells that they are for; that of bash is in completion.test.ts. */
import { expect, setDefaultTimeout, test } from "bun:test";
import { Pty } from "../support/pty.ts";
import { testLimitMs } from "../support/test_limit.ts";
import { TemporaryFolder } from "../support/temporary_folder.ts";
import { cli } from "./support.ts";

setDefaultTimeout(testLimitMs);

const list = "printf '%s\\n' 'NAME  SIZE' 'demo  1 MB' 'acme/tiny-vision  2 GB'";

/** What fish offers behind each of these command lines, without the descriptions. */
async function fishOffers(lines: readonly string[]): Promise<string[][]> {
  const { stdout } = await cli(["completion", "fish"]);
  using folder = new TemporaryFolder({ "llamav.fish": stdout, "cat.png": "" });
  const script = [
    `function llamav; ${list}; end`,
    "source llamav.fish",
    ...lines.map((line) => `complete -C '${line}'; echo ::`),
  ].join("\n");
  const fish = Bun.spawnSync(["fish", "--no-config", "-c", script], {
    cwd: folder.path,
    env: { PATH: process.env["PATH"], HOME: folder.path, TERM: "dumb" },
  });
  expect({ code: fish.exitCode, stderr: fish.stderr.toString() }).toEqual({ code: 0, stderr: "" });
  return fish.stdout.toString().split("::\n").slice(0, -1).map((part) =>
    part.split("\n").filter((line) => line !== "").map((line) => line.split("\t")[0]!)
  );
}

test.skipIf(Bun.which("fish") === null)(
  "completion fish completes commands, flags, choices, models and files in fish",
  async () => {
    const lines = [
      "llamav ser",
      "llamav run --top",
      "llamav serve --log-format ",
      "llamav completion f",
      "llamav run ac",
      "llamav bench se",
      "llamav bench serve --ra",
      "llamav bench --ra",
      "llamav run --image ca",
    ];
    const [commands, flags, choices, shells, models, inner, innerFlags, outerFlags, files] = await fishOffers(
      lines,
    );
    expect(commands).toEqual(["serve"]);
    expect(flags).toEqual(["--top-k", "--top-p"]);
    expect(choices!.toSorted()).toEqual(["json", "text"]);
    expect(shells).toEqual(["fish"]);
    expect(models).toEqual(["acme/tiny-vision"]);
    expect(inner).toContain("serve");
    expect(innerFlags).toEqual(["--rate"]);
    expect(outerFlags).toEqual([]);
    expect(files).toEqual(["cat.png"]);
  },
);

/** What becomes of command lines when Tab is pressed behind them, in a zsh that has the script in its `fpath`. */
async function zshCompletes(cases: readonly (readonly [typed: string, completed: string])[]): Promise<void> {
  const { stdout } = await cli(["completion", "zsh"]);
  using folder = new TemporaryFolder({ "functions/_llamav": stdout, "work/cat.png": "" });
  const env = { HOME: folder.path, ZDOTDIR: folder.path, TERM: "xterm" };
  await using pty = new Pty(["zsh", "-f", "-i"], { cwd: `${folder.path}/work`, env, columns: 120, rows: 40 });
  // Without the mark that zsh puts behind output that does not end its line.
  const setUp = [
    "PS1='ready> '",
    "unsetopt prompt_sp beep",
    "fpath=(../functions $fpath)",
    "autoload -Uz compinit",
    "compinit -D -u",
    `llamav() { ${list} }`,
    "clear",
  ];
  pty.type(`${setUp.join("; ")}\r`);
  await pty.until(({ text }) => text.length === 1 && text[0] === "ready>");
  for (const [typed, completed] of cases) {
    pty.type(`${typed}\t`);
    await pty.until(({ text }) => text.some((row) => row === `ready> ${completed}`));
    // Empties the line, and the screen of what was offered.
    pty.type("\x15\x0c");
    await pty.until(({ text }) => text.length === 1 && text[0] === "ready>");
  }
  for (
    const [typed, offered] of [["llamav serve --log-format ", ["json", "text"]], [
      "llamav help be",
      [],
    ]] as const
  ) {
    pty.type(`${typed}\t`);
    await pty.until(({ text }) => offered.every((word) => text.join(" ").split(/\s+/).includes(word)));
    pty.type("\x15\x0c");
    await pty.until(({ text }) => text.length === 1 && text[0] === "ready>");
  }
}

test.skipIf(Bun.which("zsh") === null)(
  "completion zsh completes commands, flags, choices, models and files in zsh",
  async () => {
    await zshCompletes([
      ["llamav ser", "llamav serve"],
      ["llamav run --top-k", "llamav run --top-k"],
      ["llamav run --ima", "llamav run --image"],
      ["llamav completion fi", "llamav completion fish"],
      ["llamav run ac", "llamav run acme/tiny-vision"],
      ["llamav serve --model ac", "llamav serve --model acme/tiny-vision"],
      ["llamav bench se", "llamav bench serve"],
      ["llamav bench serve --rat", "llamav bench serve --rate"],
      ["llamav run --image ca", "llamav run --image cat.png"],
    ]);
  },
);
