import { expect, test } from "bun:test";
import { UsageError } from "../../src/cli/exit_codes.ts";
import { readJsonSchema } from "../../src/cli/json_schema.ts";
import { TemporaryFolder } from "../support/temporary_folder.ts";
import { cli, fakeServices } from "./support.ts";

const schema = { type: "object", properties: { shape: { enum: ["circle"] } } };

test("run holds the answer to the schema after --json-schema, or in the file that it names", async () => {
  using folder = new TemporaryFolder();
  const file = folder.write("schema.json", JSON.stringify(schema));
  for (const given of [JSON.stringify(schema), ` ${JSON.stringify(schema)}`, file]) {
    const { runtime, services } = fakeServices("{}");
    expect(await cli(["run", "./m", "?", "--json-schema", given], { services })).toMatchObject({ code: 0 });
    expect(runtime.requests[0]!.constraint).toEqual({ type: "json_schema", schema });
  }
});

test("what is no JSON is a usage error that names it", async () => {
  expect(await readJsonSchema(undefined)).toBeUndefined();
  await expect(readJsonSchema("{type")).rejects.toThrow("Cannot read the JSON schema after --json-schema");
  await expect(readJsonSchema("no_such_schema.json")).rejects.toThrow(UsageError);
});
