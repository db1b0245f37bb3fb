import type { MatcherAnswer, MatcherCall } from "./matcher_protocol.ts";

/** What the DOM's type of a worker does not have: whether it keeps the process alive. */
type CountedWorker = Worker & { ref(): void; unref(): void };

/** The thread has ended. `culprit`: while it worked on this call, which took too long or which it did not survive. */
export class ThreadEnded extends Error {
  constructor(readonly culprit: boolean, reason: string) {
    super(`The grammar thread has ended: ${reason}`);
  }
}

interface PendingCall {
  readonly deadlineMs: number;
  resolve(answer: MatcherAnswer): void;
  reject(error: ThreadEnded): void;
}

/** The main thread's end of a thread that compiles and matches. It is ended when one call takes too long. */
export class MatcherThread {
  readonly #worker: CountedWorker;
  /** In the order in which they are answered; only the first is being worked on. */
  readonly #pending: PendingCall[] = [];
  readonly #onEnd: () => void;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #ended = false;

  constructor(onEnd: () => void) {
    this.#onEnd = onEnd;
    this.#worker = new Worker(new URL("./grammar_worker.ts", import.meta.url)) as CountedWorker;
    this.#worker.unref();
    this.#worker.onmessage = ({ data }: MessageEvent<MatcherAnswer>) => this.#receive(data);
    this.#worker.onerror = (event) => {
      event.preventDefault();
      this.#fail(event.message);
    };
  }

  get ended(): boolean {
    return this.#ended;
  }

  /**
   * Asks, and waits for the answer.
   *
   * @param deadlineMs how long the thread may work on it, the calls before it not counted
   * @throws {ThreadEnded} If it took longer, or the thread ended before it was answered.
   */
  call(message: MatcherCall, deadlineMs: number): Promise<MatcherAnswer> {
    if (this.#ended) return Promise.reject(new ThreadEnded(false, "earlier"));
    const { promise, resolve, reject } = Promise.withResolvers<MatcherAnswer>();
    this.#pending.push({ deadlineMs, resolve, reject });
    this.#worker.postMessage(message);
    if (this.#pending.length === 1) this.#watch();
    return promise;
  }

  /** Ends the thread. No call is to blame. */
  end(reason: string): void {
    this.#end(reason, undefined);
  }

  /** The call that it works on is the one to blame. */
  #fail(reason: string): void {
    this.#end(reason, this.#pending[0]);
  }

  #end(reason: string, culprit: PendingCall | undefined): void {
    if (this.#ended) return;
    this.#ended = true;
    clearTimeout(this.#timer);
    this.#worker.terminate();
    for (const call of this.#pending.splice(0)) call.reject(new ThreadEnded(call === culprit, reason));
    this.#onEnd();
  }

  #receive(answer: MatcherAnswer): void {
    if (answer.failure !== undefined) return this.#fail(answer.failure);
    this.#pending.shift()?.resolve(answer);
    this.#watch();
  }

  #watch(): void {
    clearTimeout(this.#timer);
    const [first] = this.#pending;
    if (!first) return this.#worker.unref();
    this.#worker.ref();
    this.#timer = setTimeout(
      () => this.#fail(`one call took more than ${first.deadlineMs} ms`),
      first.deadlineMs,
    );
  }
}
