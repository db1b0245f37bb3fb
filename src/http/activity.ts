import { InterruptedRequestError, RequestError } from "../base/errors.ts";
import type { LoadPicture } from "../runtime/pictures.ts";
import type { GenerateEvent, GenerateRequest, Runtime } from "../runtime/request.ts";
import { DrainRate } from "./drain_rate.ts";
import { HttpError } from "./errors.ts";
import type { HistogramValues } from "./prometheus.ts";

/** Upper bounds of how long a request takes, in s. */
const durations = [0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600];

/** What the server has counted of its requests: those that went to the model, and all that were answered. */
export class Activity {
  readonly drainRate = new DrainRate();
  /** Choices that ended, by their finish reason. */
  readonly finished = new Map<string, number>();
  /** Requests that the model did not answer to the end, by the error's code, or `aborted`. */
  readonly failed = new Map<string, number>();
  /** Pictures that requests named by URL: `fetched`, `refused` by the policy, or `failed`. */
  readonly imageFetches = new Map<string, number>();
  /** Answers of the server, by route, method and status; the key is JSON of the three. */
  readonly answered = new Map<string, number>();
  /** From the arrival at the model to the last event, in s. */
  readonly requestSeconds: HistogramValues & { counts: number[]; sum: number } = {
    bounds: durations,
    counts: new Array<number>(durations.length + 1).fill(0),
    sum: 0,
  };

  /** A request was refused before the model heard of it. */
  refuse(error: unknown): void {
    increment(this.failed, codeOf(error));
  }

  /** Follows pictures that are fetched; those in `data:` URLs are there already. */
  following(load: LoadPicture): LoadPicture {
    return async (url, signal, client) => {
      const loading = load(url, signal, client);
      if (/^data:/i.test(url)) return await loading;
      try {
        const bytes = await loading;
        increment(this.imageFetches, "fetched");
        return bytes;
      } catch (error) {
        increment(this.imageFetches, codeOf(error) === "image_url_not_allowed" ? "refused" : "failed");
        throw error;
      }
    };
  }

  /** An answer of the server is complete. */
  answer(route: string, method: string, status: number): void {
    // Anything can be a method: what no route has is one of a kind here.
    const known = method === "GET" || method === "POST" || method === "OPTIONS" ? method : "other";
    increment(this.answered, JSON.stringify([route, known, status]));
  }

  /** Follows one request through the model. */
  async *follow(events: AsyncGenerator<GenerateEvent>): AsyncGenerator<GenerateEvent> {
    const startedAt = performance.now();
    let failure: string | undefined = "aborted";
    let completed = false;
    this.drainRate.started();
    try {
      for await (const event of events) {
        if (event.type === "end") {
          increment(this.finished, event.finishReason);
          completed = true;
        }
        yield event;
      }
      failure = undefined;
    } catch (error) {
      if (!isAbort(error)) failure = codeOf(error);
      throw error;
    } finally {
      // Who has the last choice may leave before the generator says that there is no more.
      if (failure !== undefined && !(failure === "aborted" && completed)) increment(this.failed, failure);
      else this.#took((performance.now() - startedAt) / 1000);
      this.drainRate.ended(completed);
    }
  }

  #took(seconds: number): void {
    const { bounds, counts } = this.requestSeconds;
    const index = bounds.findIndex((bound) => seconds <= bound);
    counts[index < 0 ? bounds.length : index]!++;
    this.requestSeconds.sum += seconds;
  }
}

/** A runtime whose answers are counted; all else is the runtime's own. */
export function counted(runtime: Runtime, activity: Activity): Runtime {
  return new Proxy(runtime, {
    get(target, name) {
      if (name === "generate") {
        return (request: GenerateRequest, signal?: AbortSignal) =>
          activity.follow(target.generate(request, signal));
      }
      // Its getters read private fields, which the proxy has not.
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
}

function increment(counts: Map<string, number>, key: string): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}

function isAbort(error: unknown): boolean {
  return error instanceof DOMException && error.name === "AbortError";
}

/** Codes are ours and few: they may be labels. */
function codeOf(error: unknown): string {
  if (error instanceof HttpError) return error.details.code ?? "refused";
  if (error instanceof RequestError) return error.details.code ?? "invalid_request";
  if (error instanceof InterruptedRequestError) return error.code;
  return "internal_error";
}
