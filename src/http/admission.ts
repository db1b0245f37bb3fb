import { RequestError } from "../base/errors.ts";
import type { Runtime } from "../runtime/request.ts";
import { limits } from "./limits.ts";

/** What a request has taken. Each is to be called once. */
export interface Place {
  /** Its body is not needed any more. */
  handled(): void;
  /** Its answer is complete. Comes last. */
  leave(): void;
}

/**
 * Which questions are taken on: no more at a time than may run and wait, of each client no more than the operator says,
 * and no more than there is memory for their bodies. Decided before a body is read, so that a refusal costs nothing.
 */
export class Admission {
  readonly #perClient: number;
  readonly #ofClients = new Map<string, number>();
  #taken = 0;
  #bytes = 0;

  /** @param perClient requests that one client may have at a time; left out, any number */
  constructor(perClient = Infinity) {
    this.#perClient = perClient;
  }

  /**
   * Takes a request on, or refuses it.
   *
   * @param client whose it is
   * @param bodyBytes how large its body may become
   * @throws {RequestError} With the code "queue_full" or "too_many_requests".
   */
  enter(client: string, bodyBytes: number, { full, model }: Pick<Runtime, "full" | "model">): Place {
    const own = this.#ofClients.get(client) ?? 0;
    if (own >= this.#perClient) {
      throw new RequestError(`${own} requests of this client are under way, which is the limit`, {
        code: "too_many_requests",
        remedy: "Wait for one of them, or raise --max-requests-per-client",
      });
    }
    if (full || this.#taken >= model.maxRequests) {
      throw new RequestError(`${this.#taken} requests run and wait, and no more may wait`, {
        code: "queue_full",
        remedy: "Try again later, or raise --max-num-queued-reqs",
      });
    }
    if (this.#taken > 0 && this.#bytes + bodyBytes > limits.bodiesBytes) {
      throw new RequestError(
        `Requests of ${this.#bytes} bytes are under way, ${bodyBytes} more exceed the limit of ${limits.bodiesBytes}`,
        { code: "queue_full", remedy: "Try again later" },
      );
    }
    this.#taken++;
    this.#bytes += bodyBytes;
    this.#ofClients.set(client, own + 1);
    return { handled: () => this.#bytes -= bodyBytes, leave: () => this.#leave(client) };
  }

  #leave(client: string): void {
    this.#taken--;
    const left = this.#ofClients.get(client)! - 1;
    if (left > 0) this.#ofClients.set(client, left);
    else this.#ofClients.delete(client); // clients come and go, the map must not grow
  }
}
