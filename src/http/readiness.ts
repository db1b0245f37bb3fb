import type { Runtime } from "../runtime/request.ts";
import { describeError, type ErrorBody, HttpError } from "./errors.ts";

/** Every state, in the order of a server's life. `hung`: the engine has given no sign of life for too long. */
export const serverStates = ["loading", "ready", "recovering", "draining", "hung", "failed"] as const;

export type ServerState = typeof serverStates[number];

/** What the probes tell; `progress` goes from 0 to 1 while the model is loaded. */
export interface ReadinessBody {
  readonly status: ServerState;
  readonly progress?: number;
  /** What a client of the API would be told, in every state but `ready`. */
  readonly error?: ErrorBody["error"];
}

type Trouble = Exclude<ServerState, "ready">;

/** What each state but `ready` is called where one is told of it: in words, and as a code. */
const troubles: Readonly<Record<Trouble, readonly [message: string, code: string]>> = {
  loading: ["The model is being loaded", "model_loading"],
  recovering: ["The model is being loaded again", "model_loading"],
  draining: ["The server is shutting down", "shutting_down"],
  hung: ["The engine gives no sign of life", "engine_hung"],
  failed: ["The model is lost for good; the server's log says more", "model_lost"],
};

/** The engine answers between two steps: on a CPU one of them may take minutes. */
const hungSecondsOf = { cpu: 600, gpu: 30 };

/** Longest pause that a client is asked for, in s: what takes longer is worth a look in between. */
const longestPause = 60;

/** Whether questions can be answered, and if not, why and when to come back. */
export class Readiness {
  readonly #startedAt = performance.now();
  #runtime: Runtime | undefined;
  #progress = 0;
  /** The server was told to stop: balancers shall look elsewhere. */
  leaving = false;
  /** And takes no more questions. */
  closed = false;

  /** @param hungSeconds silence of the engine after which it counts as hung; left out, by the kind of device */
  constructor(readonly hungSeconds?: number) {}

  /** @param share of the model that is loaded, 0 to 1 */
  loaded(share: number): void {
    this.#progress = share;
  }

  open(runtime: Runtime): void {
    this.#runtime = runtime;
  }

  get state(): ServerState {
    const state = this.#runtime?.state ?? "loading";
    // The worst comes first: a server that drains and has lost its model will not answer what still runs.
    if (state === "failed") return state;
    if (this.#isHung()) return "hung";
    return this.leaving ? "draining" : state;
  }

  get body(): ReadinessBody {
    const status = this.state;
    if (status === "ready") return { status };
    const { error } = describeError(unavailable(status)).body;
    return status === "loading"
      ? { status, progress: Math.floor(this.#progress * 100) / 100, error }
      : { status, error };
  }

  /** The runtime, in whatever state it is. */
  get runtime(): Runtime | undefined {
    return this.#runtime;
  }

  /**
   * The runtime, if it answers questions now.
   *
   * @throws {HttpError} 503 with Retry-After.
   */
  require(): Runtime {
    const runtime = this.#runtime;
    if (this.closed) throw shuttingDown();
    if (runtime === undefined) {
      throw unavailable("loading", this.#loadSeconds());
    }
    // The device driver of a machine that lost its device is back in seconds; the weights are in the page cache.
    if (runtime.state === "recovering") {
      throw unavailable("recovering");
    }
    return runtime;
  }

  #isHung(): boolean {
    const runtime = this.#runtime;
    if (runtime === undefined) return false;
    const seconds = this.hungSeconds ?? hungSecondsOf[runtime.model.isCpu ? "cpu" : "gpu"];
    return runtime.silentMs >= seconds * 1000;
  }

  /** Seconds that the rest of the model will take, if it comes as fast as what is there. */
  #loadSeconds(): number {
    const passed = (performance.now() - this.#startedAt) / 1000;
    const rest = this.#progress > 0 ? passed / this.#progress * (1 - this.#progress) : 5;
    return Math.min(longestPause, Math.max(1, Math.ceil(rest)));
  }
}

export function shuttingDown(): HttpError {
  return unavailable("draining");
}

/** @param seconds to come back after */
function unavailable(state: Trouble, seconds = 5): HttpError {
  const [message, code] = troubles[state];
  return new HttpError(503, message, { code, headers: { "retry-after": String(seconds) } });
}
