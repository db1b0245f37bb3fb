import { afterAll } from "bun:test";
import { silentLog } from "../../src/base/log.ts";
import { type App, createApp } from "../../src/http/app.ts";
import { pictureLoader } from "../../src/runtime/pictures.ts";
import type { Runtime } from "../../src/runtime/request.ts";
import { openGoldenRuntime } from "../support/golden_runtime.ts";
import type { GoldenCheckpoint } from "../support/goldens.ts";
import { buildShaders } from "../../tools/build_shaders.ts";

/** An application over a golden checkpoint, for the tests of the file that opens it; the model is closed after them. */
export async function openGoldenApp(checkpoint: GoldenCheckpoint): Promise<{ app: App; runtime: Runtime }> {
  buildShaders();
  const runtime = await openGoldenRuntime(checkpoint, { contextLength: 192, imageTiles: 16 });
  afterAll(() => runtime.close());
  const app = createApp({
    version: "1.2.3",
    log: silentLog,
    loadPicture: pictureLoader({ allowRemote: false, allowPrivate: false }),
  });
  app.serve(runtime);
  return { app, runtime };
}

/** A question whose answer has letters of all kinds, and ends by its length. */
export const wildQuestion = {
  model: "default",
  messages: [{ role: "user", content: "Hello" }] as unknown[],
  temperature: 2,
  seed: 17,
  ignore_eos: true,
  max_tokens: 24,
};
