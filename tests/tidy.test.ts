import { describe, expect, test } from "bun:test";
import packageJson from "../package.json" with { type: "json" };
import { gpuTests } from "../tools/gate/test_run.ts";
import { importedSpecifiers, repositoryFiles, repositoryText } from "./support/repository.ts";
import { testLimitMs } from "./support/test_limit.ts";

const files = repositoryFiles();
const isGenerated = (path: string) => path.includes(".gen.");
const sources = files.filter((path) => /\.(ts|comp|glsl|sh)$/.test(path) && !isGenerated(path));
const texts = files.filter((path) =>
  /\.(ts|comp|glsl|sh|md|json|html|css|toml|txt)$|^(LICENSE|NOTICE|\.ci\/run|\.gitignore)$/.test(path) &&
  !path.startsWith("tests/goldens/") && path !== "package-lock.json"
);
const documents = files.filter((path) => path.endsWith(".md") && !path.startsWith("tests/goldens/"));

/** Lines of all text files that match, as `path:line: match`. */
function linesMatching(pattern: RegExp, paths = texts): string[] {
  return paths.flatMap((path) =>
    repositoryText(path).split("\n").flatMap((line, index) => {
      const found = line.match(pattern);
      return found ? [`${path}:${index + 1}: ${found[0].trim()}`] : [];
    })
  );
}

describe("files", () => {
  test("tell one story: 400 lines at most, 250 for a shader", () => {
    const long = sources.map((path) => ({ path, lines: repositoryText(path).split("\n").length - 1 }))
      .filter(({ path, lines }) => lines > (/\.(comp|glsl)$/.test(path) ? 250 : 400));
    expect(long).toEqual([]);
  });

  test("have names in snake_case", () => {
    const odd = files.filter((path) => /^(src|ffi|shaders|tests|bench|tools)\//.test(path))
      .filter((path) => !path.startsWith("tests/goldens/"))
      .filter((path) => !/^([a-z0-9_]+\/)*([a-z0-9_.]+|README\.md)$/.test(path));
    expect(odd).toEqual([]);
  });

  test("give no test less time than the gate does: the machine may be busy", () => {
    const hasty = files.filter((path) => path.endsWith(".test.ts")).flatMap((path) =>
      [...repositoryText(path).matchAll(/^(setDefaultTimeout\(| *\}, | +)([\d_]{4,})(,\n *)?\);$/gm)]
        .map(([, , limit]) => Number(limit!.replaceAll("_", "")))
        .filter((limit) => limit < testLimitMs)
        .map((limit) => `${path}: ${limit} ms`)
    );
    expect(hasty).toEqual([]);
  });

  test("hold no unfinished work and no switched-off check", () => {
    // A character in brackets keeps each pattern from finding itself.
    const marks =
      /\b(T[O]DO|F[I]XME|X[X]X|H[A]CK)\b|\bas an[y]\b|@ts-[i]gnore|@ts-exp[e]ct-error|test\.to[d]o\(/;
    expect(linesMatching(marks)).toEqual([]);
    expect(linesMatching(/\b(test|describe|it)\.(s[k]ip|on[l]y)\(/)).toEqual([]);
  });

  test("name no place that exists on one machine only, and no package registry", () => {
    // The package folder of macOS is the one place that is the same on every machine.
    expect(linesMatching(/(?<![\w.~-])\/(w[o]rk|o[p]t(?!\/homebrew)|t[m]p|h[o]me|r[o]ot|Us[e]rs)\/\w/))
      .toEqual([]);
    expect(linesMatching(/:\/\/[a-z0-9.-]*(n[p]m|de[b]ian|py[p]i|pythonh[o]sted|crat[e]s)[a-z0-9.-]*\//))
      .toEqual([]);
  });
});

describe("functions", () => {
  const functionHead = /^( *)(?:export )?(?:async )?function\b/;
  const methodHead = /^( {2})(?:(?:static|async|get|set|override) )*[#*\w]+\(/;

  /** First line and length of each function declaration and method, found by the formatter's indentation. */
  function functionLengths(source: string): { head: string; lines: number }[] {
    const lines = source.split("\n");
    return lines.flatMap((line, start) => {
      const indentation = line.match(functionHead)?.[1] ?? line.match(methodHead)?.[1];
      if (indentation === undefined) return [];
      const rest = lines.slice(start);
      // A call looks like a method's head, but no body opens behind its closing bracket.
      const opening = rest.find((later, index) =>
        later.startsWith(`${indentation})`) || index === 0 && /\)/.test(later)
      );
      if (!/\)(: [^=]+)? \{$/.test(opening ?? "")) return [];
      const length = rest.findIndex((later) => later.startsWith(`${indentation}}`));
      return length > 0 ? [{ head: line.trim(), lines: length + 1 }] : [];
    });
  }

  test("fit a screen: 70 lines at most", () => {
    const long = sources.filter((path) => path.endsWith(".ts")).flatMap((path) =>
      functionLengths(repositoryText(path)).filter(({ lines }) => lines > 70)
        .map(({ head, lines }) => `${path}: ${lines} lines: ${head}`)
    );
    expect(long).toEqual([]);
  });

  test("functionLengths() measures functions and methods", () => {
    const source =
      "export function a(\n  x: X,\n): Y {\n  b({\n    x,\n  });\n}\n\nclass C {\n  #d(): void {\n    e();\n  }\n}\n";
    expect(functionLengths(source)).toEqual([
      { head: "export function a(", lines: 7 },
      { head: "#d(): void {", lines: 3 },
    ]);
  });
});

describe("kernels", () => {
  const shaders = files.flatMap((path) => path.match(/^shaders\/(\w+)\.comp$/)?.[1] ?? []);
  const opFiles = files.filter((path) => /^src\/ops\/\w+\.ts$/.test(path));
  /** Each op file that declares kernels, and the shaders it names. */
  const declarations = opFiles.map((path) => ({
    op: path.replace(/^src\/ops\/|\.ts$/g, ""),
    shaders: [...repositoryText(path).matchAll(/\bshader: "(\w+)"/g)].map((match) => match[1]!),
  })).filter((declaration) => declaration.shaders.length > 0);

  test("each shader is declared by exactly one op", () => {
    expect(shaders.length).toBeGreaterThan(0);
    expect(declarations.flatMap((declaration) => declaration.shaders).sort()).toEqual(
      [...new Set(shaders)].sort(),
    );
  });

  test("each op has a reference, a self-test, a test, a place in the registry and a row in the benchmark", () => {
    const registry = importedSpecifiers(repositoryText("src/ops/registry.ts"));
    const benchmark = files.filter((path) => /^bench\/kernels(\.ts|\/)/.test(path)).map(repositoryText).join(
      "\n",
    );
    const missing = declarations.flatMap(({ op }) => [
      ...files.includes(`src/reference/${op}.ts`) ? [] : [`src/reference/${op}.ts`],
      ...files.includes(`src/selftest/cases/${op}.ts`) ? [] : [`src/selftest/cases/${op}.ts`],
      ...files.includes(`tests/ops/${op}.test.ts`) ? [] : [`tests/ops/${op}.test.ts`],
      ...registry.includes(`./${op}.ts`) ? [] : [`${op} in src/ops/registry.ts`],
      ...benchmark.includes(`src/ops/${op}.ts`) ? [] : [`${op} in bench/kernels`],
    ]);
    expect(missing).toEqual([]);
  });
});

describe("tests", () => {
  test("that open a device stand where the gate runs them on every driver", () => {
    const elsewhere = files.filter((path) => path.endsWith(".test.ts"))
      .filter((path) =>
        importedSpecifiers(repositoryText(path)).some((name) => /support\/gpu\.ts$/.test(name))
      )
      .filter((path) => !gpuTests.some((folder) => path === folder || path.startsWith(`${folder}/`)));
    expect(elsewhere).toEqual([]);
  });
});

describe("documents", () => {
  /** What stands between backticks, and in fenced blocks line by line. */
  function codeOf(path: string): string[] {
    const [prose, fenced] = [[] as string[], [] as string[]];
    repositoryText(path).split("```").forEach((part, index) => (index % 2 ? fenced : prose).push(part));
    return [...prose.join("\n").matchAll(/`([^`\n]+)`/g)].map((match) => match[1]!).concat(
      fenced.join("\n").replaceAll("\\\n", " ").split("\n"),
    );
  }

  test("link to files that exist", () => {
    const broken = documents.flatMap((path) =>
      [...repositoryText(path).matchAll(/\]\((?!https?:|#)([^)#\s]+)[^)]*\)/g)]
        .map((match) => new URL(match[1]!, `file:///${path}`).pathname.slice(1))
        .filter((target) =>
          !files.some((file) => file === target || file.startsWith(`${target.replace(/\/$/, "")}/`))
        )
        .map((target) => `${path} → ${target}`)
    );
    expect(broken).toEqual([]);
  });

  test("name scripts that exist", () => {
    const unknown = documents.flatMap((path) =>
      codeOf(path).flatMap((code) => [...code.matchAll(/\bbun run ([\w:]+)/g)].map((match) => match[1]!))
        .filter((script) => !(script in packageJson.scripts)).map((script) => `${path}: bun run ${script}`)
    );
    expect(unknown).toEqual([]);
  });

  test("name repository paths that exist", () => {
    const unknown = documents.flatMap((path) =>
      codeOf(path).flatMap((code) =>
        code.match(/(?<![\w./-])(?:\.\/)?(?:src|ffi|shaders|tools|tests|bench|docs|\.ci)\/[\w./-]+/g) ?? []
      )
        .map((target) => target.replace(/^\.\/|[./]+$/g, ""))
        .filter((target) => !files.some((file) => file === target || file.startsWith(`${target}/`)))
        .map((target) => `${path}: ${target}`)
    );
    expect(unknown).toEqual([]);
  });

  test("show commands and flags that the program has", async () => {
    const helpOf = async (...command: string[]) => {
      const child = Bun.spawn([process.execPath, "main.ts", ...command, "--help"], { stdout: "pipe" });
      const text = await new Response(child.stdout).text();
      expect(await child.exited).toBe(0);
      return text;
    };
    const listed = (text: string) =>
      [...(/\nCommands:\n(.*?)\n\n/s.exec(text)?.[1] ?? "").matchAll(/^ {2}([a-z]+)[ |]/gm)].map(([, name]) =>
        name!
      );
    const help: Record<string, string> = { "": await helpOf() };
    for (const command of listed(help[""]!)) {
      help[command] = await helpOf(command);
      for (const inner of listed(help[command])) help[`${command} ${inner}`] = await helpOf(command, inner);
    }
    expect(Object.keys(help)).toContain("bench serve");
    const wrong = documents.flatMap((path) =>
      codeOf(path).flatMap((code) =>
        [...code.matchAll(/\bllamav +([^|>&;`]*)/g)].flatMap(([, line]) => {
          const words = line!.trim().split(/\s+/);
          const command = [words.slice(0, 2).join(" "), words[0]!].find((name) => name in help) ?? "";
          if (command === "" && /^[a-z]+$/.test(words[0]!)) return [`${path}: no command ${words[0]}`];
          const flags = words.filter((word) => /^--?[a-z]/.test(word)).map((word) => word.split("=")[0]!);
          return flags.filter((flag) => !new RegExp(`(^|\\s)${flag}[\\s,]`, "m").test(help[command]!))
            .map((flag) => `${path}: llamav ${command} has no ${flag}`);
        })
      )
    );
    expect(wrong).toEqual([]);
  }, testLimitMs);
});
