/** Flags, variables and keys as people know them from other programs. */
import { describe, expect, test } from "bun:test";
import { TemporaryFolder } from "../support/temporary_folder.ts";
import { cli } from "./support.ts";

/** What `serve` asks of the runtime and of the pictures, before the runtime says that there is no more. */
async function served(args: readonly string[], env: Record<string, string> = {}) {
  const asked: { maxSequences?: number; contextLength?: number; allowedDomains?: readonly string[] } = {};
  const run = await cli(["serve", "m", "--port", "0", ...args], {
    env,
    services: {
      pictureLoader: ({ allowedDomains }) => {
        Object.assign(asked, { allowedDomains });
        return Promise.resolve(() => Promise.reject(new Error("No picture was to be loaded")));
      },
      openRuntime: ({ maxSequences, contextLength }) => {
        Object.assign(asked, { maxSequences, contextLength });
        return Promise.reject(new Error("That was all"));
      },
    },
  });
  return { ...run, asked };
}

describe("-np", () => {
  test.each([[["-np", "3"]], [["-np=3"]], [["--parallel", "3"]], [["--max-num-sequences", "3"]]])(
    "serve takes %j for --max-num-seqs",
    async (args) => {
      expect((await served(args)).asked.maxSequences).toBe(3);
    },
  );

  test("serve's help shows it", async () => {
    expect((await cli(["serve", "--help"])).stdout.replace(/\s+/g, " ")).toMatch(
      /--max-num-seqs <n> answers that are computed at the same time \([^)]*also -np; LLAMAV_MAX_NUM_SEQS\)/,
    );
  });

  test("may stand behind a flag of the program itself", async () => {
    expect((await cli(["--debug", "serve", "m", "-np", "0"])).stderr).toContain(
      "must be a whole number from 1 to 256",
    );
  });

  test("stays what it is as a value, behind -- and where the flag means nothing", async () => {
    expect((await served(["--device", "-np"])).stderr).toContain("That was all");
    expect((await cli(["serve", "m", "--", "-np"])).stderr).toContain("too many arguments");
    // Of run, -n is --max-tokens.
    expect((await cli(["run", "m/", "-np", "3"])).stderr).toStartWith("error: --max-tokens must be");
  });

  test("a wrong value is told by the long flag", async () => {
    const { code, stderr } = await served(["-np", "0"]);
    expect(code).toBe(2);
    expect(stderr).toContain("must be a whole number from 1 to 256");
  });
});

describe("another spelling of a flag", () => {
  const cases = [
    ["parallel", "7", { maxSequences: 7 }],
    ["max-num-sequences", "7", { maxSequences: 7 }],
    ["max-model-len", "64", { contextLength: 64 }],
  ] as const;

  test.each(cases)(
    "--%s %s counts as a variable and as a key of the settings file",
    async (name, text, asked) => {
      const variable = `LLAMAV_${name.toUpperCase().replaceAll("-", "_")}`;
      expect((await served([], { [variable]: text })).asked).toMatchObject(asked);
      using folder = new TemporaryFolder({ "llamav/config.toml": `${name} = ${text}\n` });
      expect((await served([], { XDG_CONFIG_HOME: folder.path })).asked).toMatchObject(asked);
    },
  );

  test("--cors-origins and --temperature do, too", async () => {
    const wrong = await served([], { LLAMAV_CORS_ORIGINS: "https://a.example,nowhere" });
    expect(wrong.stderr).toContain('must be an origin such as https://chat.example, not "nowhere"');
    using folder = new TemporaryFolder({
      "llamav/config.toml": 'cors-origins = ["https://a.example", "here"]\n',
    });
    expect((await served([], { XDG_CONFIG_HOME: folder.path })).stderr).toContain('not "here"');
    const hot = await cli(["run", "m/", "Hello"], { env: { LLAMAV_TEMPERATURE: "9" } });
    expect([hot.code, hot.stderr]).toEqual([
      2,
      'error: LLAMAV_TEMPERATURE must be a number from 0 to 2, not "9"\n',
    ]);
  });

  test("the name itself wins, the flag over variables and these over the file", async () => {
    const both = { LLAMAV_PARALLEL: "7", LLAMAV_MAX_NUM_SEQS: "5" };
    expect((await served([], both)).asked.maxSequences).toBe(5);
    expect((await served(["--parallel", "2"], both)).asked.maxSequences).toBe(2);
    using folder = new TemporaryFolder({ "llamav/config.toml": "max-num-seqs = 9\n" });
    const env = { XDG_CONFIG_HOME: folder.path };
    expect((await served([], { ...env, LLAMAV_PARALLEL: "7" })).asked.maxSequences).toBe(7);
    expect((await served([], { ...env, LLAMAV_PARALLEL: "" })).asked.maxSequences).toBe(9);
  });

  test("two spellings in the settings file are a mistake that names both", async () => {
    using folder = new TemporaryFolder({ "llamav/config.toml": "parallel = 4\nmax-num-seqs = 8\n" });
    const { code, stderr } = await served([], { XDG_CONFIG_HOME: folder.path });
    expect(code).toBe(2);
    expect(stderr).toContain("line 2: parallel and max-num-seqs are one setting; keep one of them");
  });

  test("config tells the spelling that says it", async () => {
    const { stdout } = await cli(["config", "--json"], { env: { LLAMAV_PARALLEL: "7" } });
    expect(JSON.parse(stdout).settings).toContainEqual({
      name: "max-num-seqs",
      variable: "LLAMAV_PARALLEL",
      value: "7",
      source: "variable",
    });
  });
});

describe("a list", () => {
  const both = ["a.example", "b.example"];

  test("takes commas in a flag, in a variable and in the file, and a flag several times", async () => {
    const forms = [
      ["--allowed-media-domains", "a.example,b.example"],
      ["--allowed-media-domains", "a.example, b.example"],
      ["--allowed-media-domains", "a.example", "--allowed-media-domains", "b.example"],
    ];
    for (const args of forms) expect((await served(args)).asked.allowedDomains).toEqual(both);
    const three = await served([
      "--allowed-media-domains",
      "a.example,b.example",
      "--allowed-media-domains",
      "c",
    ]);
    expect(three.asked.allowedDomains).toEqual([...both, "c"]);
    const env = { LLAMAV_ALLOWED_MEDIA_DOMAINS: "a.example,b.example" };
    expect((await served([], env)).asked.allowedDomains).toEqual(both);
    for (const value of ['"a.example,b.example"', '["a.example", "b.example"]']) {
      using folder = new TemporaryFolder({ "llamav/config.toml": `allowed-media-domains = ${value}\n` });
      expect((await served([], { XDG_CONFIG_HOME: folder.path })).asked.allowedDomains).toEqual(both);
    }
  });

  test("of origins takes commas", async () => {
    const { stderr } = await served(["--cors-origins", "https://a.example,https://b.example"]);
    expect(stderr).toContain("That was all");
  });

  test("with nothing beside a comma is a mistake", async () => {
    const { code, stderr } = await served(["--allowed-hosts", "a,,b"]);
    expect(code).toBe(2);
    expect(stderr).toContain('must have a value before and behind each comma, not "a,,b"');
  });

  test("of texts that may have commas takes none", async () => {
    const { stderr } = await served(["--api-key", "one,two,"]);
    expect(stderr).toContain("That was all");
  });
});
