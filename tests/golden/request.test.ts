import { afterAll, expect, test } from "bun:test";
import { dirname, join } from "node:path";
import { readConversation } from "../../src/cli/conversation_file.ts";
import { buildPrompt, buildRawPrompt, type Frontend, openFrontend } from "../../src/runtime/prompt.ts";
import { goldenImagePath } from "../support/goldens.ts";
import { goldenRuns } from "./golden_engine.ts";

const frontends = new Map<string, Frontend>();
afterAll(() => {
  for (const { pictures } of frontends.values()) pictures.close();
});

function frontendOf(directory: string): Frontend {
  const frontend = frontends.get(directory) ?? openFrontend(directory);
  frontends.set(directory, frontend);
  return frontend;
}

function refuseUrl(): never {
  throw new Error("The cases name files");
}

for (const { label, golden, checkpoint } of goldenRuns()) {
  test(`${label}: the request gives the golden's ids and tiles`, async () => {
    const frontend = frontendOf(checkpoint.directory);
    const folder = dirname(goldenImagePath("any"));
    const prompt = await readConversation(join(golden.directory, "case.json"), folder, refuseUrl);
    const { tokens, images } = "text" in prompt
      ? await buildRawPrompt(frontend, prompt.text, prompt.pictures)
      : await buildPrompt(frontend, prompt.request, golden.file.input_ids.length);
    expect(tokens).toEqual(golden.file.input_ids.slice());
    expect(images.map(({ rows, columns, aspectRatioId, width, height }) => ({
      rows,
      columns,
      aspectRatioId,
      resized: [width, height],
    }))).toEqual(golden.file.images.map((image) => ({
      rows: image.rows,
      columns: image.cols,
      aspectRatioId: image.aspect_ratio_id,
      resized: [...image.resized] as [number, number],
    })));
  });
}
