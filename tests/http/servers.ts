import OpenAI from "openai";
import { acceptedHosts } from "../../src/http/guard.ts";
import { type Server, startServer } from "../../src/http/server.ts";
import { testApp } from "./support.ts";

/** Servers of one test file, each on a free port of this machine. */
export class Servers {
  readonly #running: Server[] = [];

  /** A server over a fake runtime, and a client of it. */
  start(script?: Parameters<typeof testApp>[0], options: Parameters<typeof testApp>[1] = {}) {
    const host = "127.0.0.1";
    const test = testApp(script, { hosts: acceptedHosts(host), ...options });
    const server = startServer(test.app, host, 0);
    this.#running.push(server);
    const client = new OpenAI({ baseURL: `${server.url}/v1`, apiKey: "none", maxRetries: 0 });
    return { ...test, server, client };
  }

  async stop(): Promise<void> {
    await Promise.all(this.#running.splice(0).map((server) => server.stop(0)));
  }
}

/** What a promise fails with. The client's own promises are lazy, and `expect().rejects` does not wait for them. */
export async function failure(promise: PromiseLike<unknown>): Promise<unknown> {
  try {
    await promise;
  } catch (error) {
    return error;
  }
  throw new Error("It should have failed");
}
