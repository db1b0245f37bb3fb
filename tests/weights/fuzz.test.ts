import { afterAll, describe, expect, test } from "bun:test";
import fc from "fast-check";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { ModelError } from "../../src/base/errors.ts";
import { readConfig } from "../../src/model/config.ts";
import { openWeightFile } from "../../src/weights/file.ts";
import { readSafetensorsHeader } from "../../src/weights/safetensors.ts";
import { safetensorsBytes } from "../support/safetensors_file.ts";
import { TemporaryFolder } from "../support/temporary_folder.ts";

const seed = 20240925;
const folder = new TemporaryFolder();
afterAll(() => folder[Symbol.dispose]());

/** Accepts, or refuses with a ModelError; an accepted file's tensors must lie inside it and cover it. */
function expectAcceptedOrRefused(bytes: Uint8Array): "accepted" | "refused" {
  const file = openWeightFile(folder.write("x.safetensors", bytes));
  try {
    const tensors = [...readSafetensorsHeader(file).values()];
    for (const tensor of tensors) expect(file.read(tensor.position, tensor.bytes).length).toBe(tensor.bytes);
    return "accepted";
  } catch (error) {
    expect(error).toBeInstanceOf(ModelError);
    return "refused";
  } finally {
    file.close();
  }
}

const valid = safetensorsBytes(
  JSON.stringify({
    __metadata__: { format: "pt" },
    "a.weight": { dtype: "BF16", shape: [2, 3], data_offsets: [0, 12] },
    "b.weight": { dtype: "F32", shape: [1], data_offsets: [12, 16] },
    "c": { dtype: "I64", shape: [], data_offsets: [16, 24] },
  }),
  new Uint8Array(24),
);

describe("readSafetensorsHeader() accepts or refuses, and never fails otherwise, on", () => {
  test("a file with bytes changed, cut out or put in", () => {
    const edit = fc.record({
      at: fc.nat(valid.length),
      remove: fc.nat(8),
      insert: fc.oneof(
        fc.uint8Array({ maxLength: 8 }),
        fc.constantFrom('"', "9", "[", "}", "-", "e9", "0", " ", ":"),
      ),
    });
    let refused = 0;
    fc.assert(
      fc.property(fc.array(edit, { minLength: 1, maxLength: 4 }), (edits) => {
        let bytes = Buffer.from(valid);
        for (const { at, remove, insert } of edits) {
          bytes = Buffer.concat([
            bytes.subarray(0, at),
            Buffer.from(insert as string),
            bytes.subarray(at + remove),
          ]);
        }
        if (expectAcceptedOrRefused(bytes) === "refused") refused++;
      }),
      { seed, numRuns: 3000 },
    );
    // Were everything accepted, or nothing ever reached the checks, this test would say nothing.
    expect(refused).toBeGreaterThan(1000);
  });

  test("headers of plausible entries with wild numbers", () => {
    const number = fc.oneof(
      fc.nat(24),
      fc.constantFrom(0, -1, 1.5, 2 ** 31, 2 ** 32, 2 ** 53, 2 ** 53 - 1, 2 ** 63, 1e308),
    );
    const entry = fc.record({
      dtype: fc.constantFrom("F32", "BF16", "U8", "F64", "Q4", ""),
      shape: fc.array(number, { maxLength: 4 }),
      data_offsets: fc.array(number, { minLength: 1, maxLength: 3 }),
    }, { requiredKeys: [] });
    const header = fc.dictionary(fc.string({ maxLength: 4 }), fc.oneof(entry, fc.jsonValue()), {
      maxKeys: 4,
    });
    fc.assert(
      fc.property(header, fc.nat(24), (json, dataBytes) => {
        expectAcceptedOrRefused(safetensorsBytes(JSON.stringify(json), new Uint8Array(dataBytes)));
      }),
      { seed, numRuns: 2000 },
    );
  });
});

describe("readConfig() accepts or refuses, and never fails otherwise, on", () => {
  test("a published configuration with bytes changed", () => {
    const fixture = join(import.meta.dir, "../model/fixtures/11b");
    const names = ["config.json", "generation_config.json", "preprocessor_config.json"];
    const files = new Map(names.map((name) => [name, readFileSync(join(fixture, name))]));
    const edit = fc.record({
      name: fc.constantFrom(...names),
      at: fc.nat(4000),
      remove: fc.nat(4),
      insert: fc.constantFrom("", "0", "9", "-", '"', "[", "null", "{}", "\xff", ","),
    });
    fc.assert(
      fc.property(edit, ({ name, at, remove, insert }) => {
        for (const [file, bytes] of files) {
          const changed = Buffer.concat([
            bytes.subarray(0, at),
            Buffer.from(insert),
            bytes.subarray(at + remove),
          ]);
          folder.write(file, file === name ? changed : bytes);
        }
        try {
          const { text } = readConfig(folder.path);
          expect(text.hiddenSize).toBeLessThanOrEqual(65_536);
        } catch (error) {
          expect(error).toBeInstanceOf(ModelError);
        }
      }),
      { seed, numRuns: 1000 },
    );
  });
});
