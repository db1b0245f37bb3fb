import { assert, AssertionError } from "../base/assert.ts";
import { Engine } from "./engine.ts";
import { reportError } from "./error_report.ts";
import type { EngineEvent, FromEngine, ToEngine } from "./protocol.ts";
import { trace } from "./trace.ts";

/**
 * The thread that owns the device. Between steps it looks at its messages; while a step runs it blocks in Vulkan,
 * which is free here.
 */
declare const self: Worker;

let engine: Engine | undefined;
let stepping = false;

self.onmessage = ({ data }: MessageEvent<ToEngine>) => {
  switch (data.type) {
    case "open":
      return open(data.options);
    case "add":
      return tell(data.request.id, () => {
        post({ type: "events", events: [opened().add(data.request)] });
        if (!stepping) void run();
      });
    case "abort":
      return engine?.abort(data.id);
    case "trace":
      return tell(data.request.id, () => {
        post({ type: "traced", id: data.request.id, result: trace(opened(), data.request) });
      });
    case "close":
      engine?.dispose();
      engine = undefined;
      return post({ type: "closed" });
  }
};

function open(options: Extract<ToEngine, { type: "open" }>["options"]): void {
  try {
    engine = Engine.open(options, (done, total) => post({ type: "progress", done, total }));
    post({ type: "ready", info: engine.info });
  } catch (error) {
    post({ type: "failed", error: reportError(error) });
  }
}

/** Steps until there is nothing to do, letting messages in after every step. */
async function run(): Promise<void> {
  stepping = true;
  try {
    while (engine && !engine.idle) {
      const events = engine.step();
      if (events.length > 0) post({ type: "events", events });
      if (engine.failure) post({ type: "failed", error: engine.failure });
      await new Promise((resolve) => setImmediate(resolve));
    }
    engine?.device.pipelines.save(); // new ones were compiled for these requests; a killed process saves nothing
  } finally {
    stepping = false;
  }
}

/** Runs an action for one request; what it throws ends that request only, unless it is a mistake of our own. */
function tell(id: number, action: () => void): void {
  try {
    action();
  } catch (error) {
    if (error instanceof AssertionError) post({ type: "failed", error: reportError(error) });
    const event: EngineEvent = { type: "error", id, error: reportError(error) };
    post({ type: "events", events: [event] });
  }
}

function opened(): Engine {
  assert(engine, "the engine is not open");
  return engine;
}

function post(message: FromEngine): void {
  self.postMessage(message);
}
