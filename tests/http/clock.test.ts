/** Row O15 of the security notes: nothing that lasts is timed by a clock that somebody can set. */
import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { goldensRoot } from "../support/goldens.ts";
import { repositoryRoot } from "../support/repository.ts";

/**
 * Where the time of day is meant: it is told to somebody, or compared with another time of day that a file, a server or
 * another process has told. By file, with the number of places.
 */
const timesOfDay: Record<string, number> = {
  "src/base/log.ts": 1, // of a line
  "src/chat/jinja.ts": 1, // the date in a prompt, where nobody gives one
  "src/cli/chat/file_commands.ts": 1, // when a conversation began, for a person
  "src/cli/chat/session.ts": 1, // the name of a saved conversation
  "src/cli/chat/session_store.ts": 2, // files that are touched, or older than a week
  "src/cli/load/ask.ts": 1, // a Retry-After that is a date
  "src/cli/ps.ts": 1, // since another process has started
  "src/http/app.ts": 1, // "created" of the model
  "src/http/chat_completions.ts": 1, // "created" of an answer
  "src/http/completions.ts": 1, // the same
  "src/http/responses_draft.ts": 1, // "completed_at"
  "src/http/responses_head.ts": 1, // "created_at"
  "src/hub/client.ts": 1, // a Retry-After that is a date
  "src/hub/pull.ts": 1, // files that somebody left behind
  "src/runtime/models.ts": 1, // when a model's files were changed
};

test("no duration is measured with the time of day: what asks for it is listed, and why (O15)", () => {
  const found: Record<string, number> = {};
  for (const path of ["main.ts", ...new Bun.Glob("src/**/*.ts").scanSync({ cwd: repositoryRoot })]) {
    const source = readFileSync(join(repositoryRoot, path), "utf8");
    const lines = source.split("\n").filter((line) => /Date\.now\(|new Date\(/.test(line));
    if (lines.length > 0) found[path] = lines.length;
  }
  expect(found).toEqual(timesOfDay);
});

/** What a process in another time zone, or with another date, makes of a conversation. */
function promptIn(env: Record<string, string>, dateString?: string): string {
  const source = `
    import { openFrontend } from "./src/runtime/prompt.ts";
    import { ModelTexts } from "./src/runtime/texts.ts";
    const frontend = openFrontend(${JSON.stringify(join(goldensRoot, "checkpoints/tiny-mllama"))});
    const messages = [{ role: "user", content: [{ type: "text", text: "Hi" }] }];
    const dateString = ${JSON.stringify(dateString) ?? "undefined"};
    console.log(new ModelTexts(frontend).applyTemplate({ messages, dateString }));
    frontend.pictures.close();
  `;
  const { stdout, stderr } = Bun.spawnSync([process.execPath, "-e", source], {
    cwd: repositoryRoot,
    env: { PATH: process.env.PATH ?? "", ...env },
  });
  expect(stderr.toString()).toBe("");
  return stdout.toString();
}

test("a date that a request gives is the prompt's in every time zone (O15)", () => {
  const zones = ["Pacific/Kiritimati", "Pacific/Pago_Pago", "UTC", "No/Such_Zone"];
  const prompts = zones.map((TZ) => promptIn({ TZ }, "26 Jul 2024"));
  expect(prompts[0]).toContain("Today Date: 26 Jul 2024");
  expect(new Set(prompts).size).toBe(1);
});

test("where nobody gives a date the prompt has the template's, and a time zone changes nothing else (O15)", () => {
  // Twenty-five hours apart: never on the same day.
  const [east, west] = ["Pacific/Kiritimati", "Pacific/Pago_Pago"].map((TZ) => promptIn({ TZ }));
  const undated = (prompt: string) => prompt.replace(/Today Date: \d\d \w{3} \d{4}/, "Today Date: X");
  expect(undated(east!)).toContain("Today Date: X");
  expect(undated(east!)).toBe(undated(west!));
});
