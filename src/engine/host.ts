import process from "node:process";
import { assert } from "../base/assert.ts";
import { Engine } from "./engine.ts";
import type { EngineCore } from "./engine_core.ts";
import { endsEngine } from "./engine_failure.ts";
import { reportError } from "./error_report.ts";
import { packEvents } from "./packed_events.ts";
import type { EngineEvent, ErrorReport, FromEngine, ToEngine } from "./protocol.ts";

/** Time between two reports of the engine's counters. */
const statsMs = 250;
/** How often an engine in which every sequence waits for its mask looks at its deadlines. */
const stalledMs = 50;

/** What a host needs of an engine; a simulated one has it, too. */
export type HostedEngine =
  & Omit<EngineCore, "scheduler" | "sequence">
  & Pick<Engine, "info" | "trace" | "rest" | "dispose">;

/** Opens the engine of a host. */
export type OpenEngine = (...args: Parameters<typeof Engine.open>) => HostedEngine;

/** Makes this thread the engine's: its messages go to a host. */
export function hostEngine(thread: Worker, openEngine?: OpenEngine): void {
  const host = new EngineHost((message) => thread.postMessage(message), openEngine);
  thread.onmessage = ({ data }: MessageEvent<ToEngine>) => host.receive(data);
  // An uncaught exception ends the thread, not the process: what the device holds would stay.
  process.on("exit", () => host.dispose());
}

/**
 * Runs one engine by messages, on the thread that owns the device. Between steps it looks at its messages; while a
 * step runs it blocks in Vulkan, which is free here.
 *
 * An engine that fails ends the requests that run, is freed at once, and is told as `failed`; an `open` brings the
 * next one. In between there is nobody to answer: what arrives is dropped, and the client sends it again.
 */
class EngineHost {
  readonly #post: (message: FromEngine) => void;
  readonly #openEngine: OpenEngine;
  #engine: HostedEngine | undefined;
  /** Whether the next step is on its way, behind the messages that are here already. */
  #due = false;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #statsAt = 0;

  constructor(post: (message: FromEngine) => void, openEngine: OpenEngine = Engine.open) {
    this.#post = post;
    this.#openEngine = openEngine;
  }

  receive(message: ToEngine): void {
    try {
      this.#handle(message);
    } catch (error) {
      this.#fail(error);
    }
  }

  /** Frees the engine. */
  dispose(): void {
    const engine = this.#engine;
    this.#engine = undefined;
    engine?.dispose();
  }

  #handle(message: ToEngine): void {
    switch (message.type) {
      case "open":
        return this.#open(message.options);
      case "add":
        return this.#answer(message.request.id, (engine) => {
          this.#tell([engine.add(message.request)]);
          this.#stepSoon();
        });
      case "abort":
        return this.#engine?.abort(message.id);
      case "mask":
        this.#tell(this.#engine?.mask(message));
        return this.#stepSoon();
      case "stop":
        return this.#tell(this.#engine?.stop(message.id, message.choice));
      case "trace":
        return this.#answer(message.request.id, (engine) => {
          this.#post({ type: "traced", id: message.request.id, result: engine.trace(message.request) });
        });
      case "ping":
        return this.#post({ type: "alive" });
      case "close":
        this.dispose();
        return this.#post({ type: "closed" });
    }
  }

  #open(options: Extract<ToEngine, { type: "open" }>["options"]): void {
    assert(!this.#engine, "the engine before was not freed");
    try {
      this.#engine = this.#openEngine(
        options,
        (done, total, stage) => this.#post({ type: "progress", done, total, stage }),
      );
      this.#post({ type: "ready", info: this.#engine.info });
    } catch (error) {
      this.#post({ type: "failed", error: reportError(error) });
    }
  }

  /** Runs an action for one request. What it throws ends that request, and the engine if it is more than a refusal. */
  #answer(id: number, action: (engine: HostedEngine) => void): void {
    if (!this.#engine) return;
    try {
      action(this.#engine);
    } catch (error) {
      this.#tell([{ type: "error", id, error: reportError(error) }]);
      if (endsEngine(error)) this.#fail(error);
    }
  }

  #stepSoon(): void {
    clearTimeout(this.#timer);
    if (this.#due) return;
    this.#due = true;
    setImmediate(this.#step);
  }

  /** One step, and the next one after the messages that came meanwhile, until there is nothing to do. */
  readonly #step = (): void => {
    this.#due = false;
    const engine = this.#engine;
    if (!engine) return;
    try {
      this.#tell(engine.step());
      this.#tellStats(engine);
      if (engine.failure) return this.#lose(engine.failure);
      if (engine.idle) return engine.rest();
      // A mask or a request ends the waiting; only a deadline comes by itself.
      if (engine.stalled) this.#timer = setTimeout(this.#step, stalledMs);
      else this.#stepSoon();
    } catch (error) {
      this.#fail(error);
    }
  };

  #tell(events: readonly EngineEvent[] = []): void {
    if (events.length > 0) this.#post({ type: "events", events: packEvents(events) });
  }

  #tellStats(engine: HostedEngine): void {
    const now = performance.now();
    if (now - this.#statsAt < statsMs && !engine.idle) return;
    this.#statsAt = now;
    this.#post({ type: "stats", stats: engine.stats });
  }

  /** After an error that no part of the engine has taken for its own. */
  #fail(error: unknown): void {
    if (!this.#engine) throw error;
    this.#tell(this.#engine.fail(error));
    this.#lose(reportError(error));
  }

  /**
   * Frees first and tells then, so that the next engine finds the memory. An engine that cannot be freed ends the
   * thread by what `dispose` throws: nothing else would give its memory back.
   */
  #lose(error: ErrorReport): void {
    this.dispose();
    this.#post({ type: "failed", error });
  }
}
