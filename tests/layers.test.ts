import { describe, expect, test } from "bun:test";
import packageJson from "../package.json" with { type: "json" };
import {
  type ImportEdge,
  importEdges,
  importedSpecifiers,
  repositoryFiles,
  repositoryText,
} from "./support/repository.ts";

/**
 * The floors of ARCHITECTURE.md. A room may import from rooms on lower floors only; the exceptions are named
 * here, so that a new one is a decision and not an accident.
 */
const floors: readonly (readonly string[])[] = [
  ["ffi", "src/base", "src/reference"],
  [
    "src/gpu",
    "src/weights",
    "src/tokenizer",
    "src/chat",
    "src/images",
    "src/grammar",
    "src/hub",
    "src/terminal",
  ],
  ["src/ops"],
  ["src/model", "src/selftest"],
  ["src/engine"],
  ["src/runtime"],
  ["src/cli", "src/http", "main.ts"],
];

/**
 * Rooms of one floor that may see each other, the first the second: ffi asserts, the entry opens the commands,
 * `serve` opens the server and `trace` reads conversations as it does.
 */
const sameFloor = [["ffi", "src/base"], ["main.ts", "src/cli"], ["src/cli", "src/http"]];

/** Rooms that may import this one, besides itself; every other room may not, however high it stands. */
const visibleOnlyTo: Readonly<Record<string, readonly string[]>> = {
  "ffi": ["src/gpu", "src/weights"],
  "src/reference": ["src/selftest"],
  "src/hub": ["src/runtime"],
  "src/selftest": ["src/runtime"],
  "src/terminal": ["src/cli"],
};

/** All that a room may import, besides itself, where that is less than every floor below. */
const mayOnlySee: Readonly<Record<string, readonly string[]>> = {
  "src/base": [],
  // A reference that shares code with what it judges proves nothing.
  "src/reference": [],
  "src/cli": ["src/base", "src/terminal", "src/runtime", "src/http"],
  "src/http": ["src/base", "src/runtime"],
  "main.ts": ["src/base", "src/cli"],
};

/** The rooms that may use a package; one that is not listed here is not used at all. */
const packageRooms: Readonly<Record<string, readonly string[]>> = {
  "bun:ffi": ["ffi", "src/gpu", "src/weights"],
  "bun:sqlite": ["src/hub"],
  "@huggingface/jinja": ["src/chat"],
  "@huggingface/tokenizers": ["src/tokenizer"],
  "@mlc-ai/web-xgrammar": ["src/grammar"],
  "ipaddr.js": ["src/images"],
  "zod": ["src/http"],
  "commander": ["src/cli"],
};

const rooms = floors.flat();
const productFiles = repositoryFiles().filter((path) =>
  path.endsWith(".ts") && rooms.some((room) => isInRoom(path, room))
);

const edges = importEdges(productFiles);

function isInRoom(path: string, room: string): boolean {
  return path === room || path.startsWith(`${room}/`);
}

function roomOf(path: string): string | undefined {
  return rooms.find((room) => isInRoom(path, room));
}

function floorOf(room: string): number {
  return floors.findIndex((floor) => floor.includes(room));
}

/** Why this import breaks a rule of the floors, or `undefined`. */
function violation({ from, to }: ImportEdge): string | undefined {
  const [importer, imported] = [roomOf(from)!, roomOf(to)];
  if (/^(tests|bench|tools|docs)\//.test(to)) {
    return `${from} imports ${to}: the product needs no ${to.split("/")[0]}`;
  }
  if (imported === undefined || importer === imported) return undefined;
  const onSameFloor = sameFloor.some(([upper, lower]) => importer === upper && imported === lower);
  if (floorOf(imported) >= floorOf(importer) && !onSameFloor) {
    return `${from} imports ${to}: not a lower floor`;
  }
  if (visibleOnlyTo[imported]?.includes(importer) === false) {
    return `${from} imports ${to}: not for ${importer}`;
  }
  if (mayOnlySee[importer]?.includes(imported) === false) return `${from} imports ${to}: may not know it`;
  return undefined;
}

/** Why this package may not be used here, or `undefined`. What the runtime brings along is free to all. */
function packageViolation({ from, to }: ImportEdge): string | undefined {
  if (to === "bun" || to.startsWith("node:")) return undefined;
  const allowed = packageRooms[to];
  return allowed?.includes(roomOf(from)!)
    ? undefined
    : `${from} uses ${to}, allowed in ${allowed ?? "no room"}`;
}

describe("floors", () => {
  test("every source file stands in a room", () => {
    const homeless = repositoryFiles().filter((path) =>
      /^(src|ffi)\/.*\.ts$/.test(path) && roomOf(path) === undefined
    );
    expect(homeless).toEqual([]);
    expect(productFiles.length).toBeGreaterThan(20);
  });

  test("imports go down only", () => {
    const violations = edges.filter((edge) => !edge.isPackage).map(violation).filter((reason) =>
      reason !== undefined
    );
    expect(violations).toEqual([]);
  });

  test("each package is used in its room only", () => {
    const violations = edges.filter((edge) => edge.isPackage).map(packageViolation).filter((reason) =>
      reason !== undefined
    );
    expect(violations).toEqual([]);
    const listed = Object.keys(packageRooms).filter((name) => !name.startsWith("bun:"));
    expect(listed.sort()).toEqual(Object.keys(packageJson.dependencies).sort());
  });

  test("shaders are named by ops only", () => {
    const shaders = new Set(
      repositoryFiles().flatMap((path) => path.match(/^shaders\/(\w+)\.comp$/)?.[1] ?? []),
    );
    const elsewhere = productFiles.filter((path) => !path.startsWith("src/ops/")).flatMap((path) =>
      [...repositoryText(path).matchAll(/\bshader: "(\w+)"/g)].filter(([, name]) => shaders.has(name!))
        .map(([, name]) => `${path} names ${name}`)
    );
    expect(elsewhere).toEqual([]);
  });
});

describe("violation()", () => {
  const cases: [from: string, to: string, broken: boolean][] = [
    ["src/model/text.ts", "src/ops/matmul.ts", false],
    ["src/ops/matmul.ts", "src/model/text.ts", true],
    ["src/gpu/device.ts", "ffi/vulkan.ts", false],
    ["src/ops/matmul.ts", "ffi/vulkan.ts", true],
    ["src/chat/template.ts", "src/tokenizer/tokenizer.ts", true],
    ["src/http/app.ts", "src/runtime/request.ts", false],
    ["src/http/app.ts", "src/engine/sampling.ts", true],
    ["src/cli/serve.ts", "src/http/server.ts", false],
    ["src/http/server.ts", "src/cli/serve.ts", true],
    ["src/engine/worker.ts", "tests/support/random.ts", true],
  ];
  test.each(cases)("%s → %s", (from, to, broken) => {
    expect(violation({ from, to, isPackage: false }) !== undefined).toBe(broken);
  });
});

describe("importedSpecifiers()", () => {
  test("finds static, type-only, re-exported, dynamic and worker imports", () => {
    const quote = '"';
    const source = [
      'import a, { type B } from "./a.ts";',
      'import type { C } from "./c.ts";',
      "export {\n  d,\n  e,\n} from './d.ts';".replaceAll("'", quote),
      'export * from "./e.ts";',
      'import * as f from "./f.ts" with { type: "file" };',
      'import "./g.ts";',
      'const h = await import("./h.ts");',
      'new Worker(new URL("./i.worker.ts", import.meta.url));',
      '// see import { x } from "./comment.ts"',
    ].join("\n");
    expect(importedSpecifiers(source).sort()).toEqual(
      ["a", "c", "d", "e", "f", "g", "h"].map((name) => `./${name}.ts`).concat("./i.worker.ts"),
    );
  });

  test("finds what Bun's own parser finds in every source file", () => {
    const transpiler = new Bun.Transpiler({ loader: "ts" });
    const missed = productFiles.flatMap((path) => {
      const source = repositoryText(path);
      const found = new Set(importedSpecifiers(source));
      return transpiler.scanImports(source).filter((row) => !found.has(row.path)).map((row) =>
        `${path}: ${row.path}`
      );
    });
    expect(missed).toEqual([]);
  });
});
