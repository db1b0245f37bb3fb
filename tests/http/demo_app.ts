import { afterAll } from "bun:test";
import process from "node:process";
import { silentLog } from "../../src/base/log.ts";
import { type App, type AppOptions, createApp } from "../../src/http/app.ts";
import { pictureLoader } from "../../src/runtime/pictures.ts";
import type { Runtime } from "../../src/runtime/request.ts";
import { openRuntime } from "../../src/runtime/runtime.ts";
import { buildShaders } from "../../tools/build_shaders.ts";

/** An app over the demo model, for the tests of the file that opens it; the model is closed after them. */
export async function openDemoApp(
  options: Pick<AppOptions, "strict"> = {},
): Promise<{ readonly app: App; readonly runtime: Runtime }> {
  buildShaders();
  const runtime = await openRuntime({
    model: "demo",
    device: process.env["LLAMAV_DEVICE"],
    pipelineCache: undefined,
    contextLength: 512,
    imageTiles: 4,
  });
  afterAll(() => runtime.close());
  const app = createApp({
    ...options,
    version: "1.2.3",
    log: silentLog,
    loadPicture: pictureLoader({ allowRemote: false, allowPrivate: false }),
  });
  app.serve(runtime);
  return { app, runtime };
}
