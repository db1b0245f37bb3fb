import { expect, test } from "bun:test";
import type { ModelInfo } from "../../src/runtime/request.ts";
import { answer, FakeRuntime } from "../support/fake_runtime.ts";
import { cli, fakeServices } from "./support.ts";

/** A model that has no room for more than this. */
function cutServices(text: string, model: Partial<ModelInfo> = {}) {
  const events = answer(text).map((event) =>
    event.type === "end" ? { ...event, finishReason: "length" as const } : event
  );
  return {
    ...fakeServices().services,
    openRuntime: () => Promise.resolve(new FakeRuntime(() => events, model)),
  };
}

const cut = "The answer is cut off: --max-tokens, or the context, has no room for more";

test("run says so when an answer is cut off", async () => {
  const services = cutServices("There are");
  expect(await cli(["run", "./m", "?"], { services })).toEqual({
    code: 0,
    stdout: "There are\n",
    stderr: `note: ${cut}\n`,
  });
});

test("run calls what cut an answer off as it was set, in a note and in an error alike", async () => {
  const env = { LLAMAV_MAX_TOKENS: "3" };
  const told = cut.replace("--max-tokens", "LLAMAV_MAX_TOKENS");
  const noted = await cli(["run", "./m", "?"], { services: cutServices("There are"), env });
  expect(noted.stderr).toBe(`note: ${told}\n`);
  const args = ["run", "./m", "?", "--json-schema", '{"type":"object"}'];
  const failed = await cli(args, { services: cutServices("{"), env });
  expect(failed.stderr).toStartWith(`error: ${told}\n`);
});

test("run fails when an answer that has to have a form is cut off", async () => {
  const services = cutServices('{"a": ');
  const run = await cli(["run", "./m", "?", "--json-schema", '{"type":"object"}'], { services });
  expect(run).toEqual({
    code: 1,
    stdout: '{"a": \n',
    stderr: `error: ${cut}\nRaise --max-tokens or --ctx-size, or ask for less\n`,
  });
});

test("run does not advise a larger context where the model has no more", async () => {
  const services = cutServices('{"a": ', { contextLength: 8192, longestContext: 8192 });
  const run = await cli(["run", "./m", "?", "--json-schema", '{"type":"object"}'], { services });
  expect(run.stderr).toBe(`error: ${cut}\nRaise --max-tokens, or ask for less\n`);
});
