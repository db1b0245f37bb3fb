import { RequestError } from "../base/errors.ts";
import type { Runtime } from "../runtime/request.ts";
import { limits } from "./limits.ts";
import { TurnedAway } from "./turned_away.ts";

/** What a request has taken. `handled` and `leave` are to be called once. */
export interface Place {
  /** So many bytes of its body have arrived. Says whether there is memory for them; they count if there is. */
  arrived(bytes: number): boolean;
  /** Its body is not needed any more. */
  handled(): void;
  /** Its answer is complete. Comes last. */
  leave(): void;
}

/**
 * Which questions are taken on: no more at a time than may run and wait, of each client no more than the operator says,
 * and no more than there is memory for their bodies. Decided before a body is read, so that a refusal costs nothing,
 * and again as it arrives: a body counts by what of it is there, so that nobody keeps others out with bodies that he
 * announces and does not send. Who asks for much does not keep out who asks for little (`TurnedAway`).
 */
export class Admission {
  readonly #perClient: number;
  readonly #mostBytes: number;
  readonly #ofClients = new Map<string, number>();
  readonly #turnedAway: TurnedAway;
  #taken = 0;
  #bytes = 0;

  /**
   * @param perClient requests that one client may have at a time; left out, any number
   * @param mostBytes of all bodies that are there at a time
   * @param now a clock in ms
   */
  constructor(perClient = Infinity, mostBytes: number = limits.bodiesBytes, now?: () => number) {
    this.#turnedAway = new TurnedAway(now);
    this.#perClient = perClient;
    this.#mostBytes = mostBytes;
  }

  /**
   * Takes a request on, or refuses it.
   *
   * @param client whose it is
   * @param announced bytes that its body will have, by its sender's word
   * @throws {RequestError} With the code "queue_full" or "too_many_requests".
   */
  enter(client: string, announced: number, { full, model }: Pick<Runtime, "full" | "model">): Place {
    const own = this.#ofClients.get(client) ?? 0;
    if (own >= this.#perClient) {
      throw new RequestError(`${own} requests of this client are under way, which is the limit`, {
        code: "too_many_requests",
        remedy: "Wait for one of them, or raise --max-requests-per-client",
      });
    }
    const places = model.maxRequests;
    const kept = this.#turnedAway.kept(places);
    const hasLittle = own < places / (this.#ofClients.size + kept + (own === 0 ? 1 : 0));
    if (full || this.#taken + (hasLittle ? 0 : kept) >= places) {
      if (hasLittle) this.#turnedAway.add(client);
      throw new RequestError(`${this.#taken} requests run and wait, and no more may wait`, {
        code: "queue_full",
        remedy: "Try again later, or raise --max-num-queued-reqs",
      });
    }
    if (!this.#hasRoom(announced, 0)) {
      throw new RequestError(
        `Requests of ${this.#bytes} bytes are under way, ${announced} more exceed the limit of ${this.#mostBytes}`,
        { code: "queue_full", remedy: "Try again later" },
      );
    }
    this.#turnedAway.remove(client);
    this.#taken++;
    this.#ofClients.set(client, own + 1);
    return { ...this.#account(), leave: () => this.#leave(client) };
  }

  /** What one body counts for. Chunks that arrive when it is not needed any more do not count. */
  #account(): Pick<Place, "arrived" | "handled"> {
    let charged = 0;
    let needed = true;
    const charge = (bytes: number) => {
      this.#bytes += bytes - charged;
      charged = bytes;
    };
    return {
      arrived: (bytes) => {
        if (!needed) return true;
        if (!this.#hasRoom(bytes, charged)) return false;
        charge(bytes);
        return true;
      },
      handled: () => {
        needed = false;
        charge(0);
      },
    };
  }

  /** Whether a body may count for `bytes`, of which it has `charged` already. One that is alone may be of any size. */
  #hasRoom(bytes: number, charged: number): boolean {
    const others = this.#bytes - charged;
    return others === 0 || others + bytes <= this.#mostBytes;
  }

  #leave(client: string): void {
    this.#taken--;
    const left = this.#ofClients.get(client)! - 1;
    if (left > 0) this.#ofClients.set(client, left);
    else this.#ofClients.delete(client); // clients come and go, the map must not grow
  }
}
