import { RequestError } from "../base/errors.ts";
import type { Runtime } from "../runtime/request.ts";
import { BodyMemory } from "./body_memory.ts";
import { limits } from "./limits.ts";
import { TurnedAway } from "./turned_away.ts";

/** What a request has taken. `handled` and `leave` are to be called once. */
export interface Place {
  /** So many bytes of its body have arrived. Says whether there is memory for them; they count if there is. */
  arrived(bytes: number): boolean;
  /** Its body is not needed any more. `refused` says that the engine had no room for it. */
  handled(refused?: boolean): void;
  /** Its answer is complete. Comes last. */
  leave(): void;
}

/**
 * Which questions are taken on: no more at a time than may run and wait, of each client no more than the operator says,
 * and no more than there is memory for their bodies. Decided before a body is read, so that a refusal costs nothing,
 * and again as it arrives: a body counts by what of it is there, so that nobody keeps others out with bodies that he
 * announces and does not send. Who asks for much does not keep out who asks for little (`TurnedAway`, `BodyMemory`).
 */
export class Admission {
  readonly #perClient: number;
  readonly #bodies: BodyMemory;
  readonly #ofClients = new Map<string, number>();
  readonly #turnedAway: TurnedAway;
  #taken = 0;
  /**
   * Requests that were under way when the engine refused one of a client that had little. What it counts (tokens)
   * is not known here: until that client is served, others fill no more than was too much.
   */
  #tooMuch = Infinity;

  /**
   * @param perClient requests that one client may have at a time; left out, any number
   * @param mostBytes of all bodies that are there at a time
   * @param now a clock in ms
   */
  constructor(perClient = Infinity, mostBytes: number = limits.bodiesBytes, now?: () => number) {
    this.#turnedAway = new TurnedAway(now);
    this.#perClient = perClient;
    this.#bodies = new BodyMemory(mostBytes);
  }

  /**
   * Takes a request on, or refuses it.
   *
   * @param client whose it is
   * @param announced bytes that its body will have, by its sender's word
   * @throws {RequestError} With the code "queue_full" or "too_many_requests".
   */
  enter(
    client: string,
    announced: number,
    { queueRoom, model }: Pick<Runtime, "queueRoom" | "model">,
  ): Place {
    const own = this.#ofClients.get(client) ?? 0;
    if (own >= this.#perClient) {
      throw new RequestError(`${own} requests of this client are under way, which is the limit`, {
        code: "too_many_requests",
        remedy: "Wait for one of them, or raise --max-requests-per-client",
      });
    }
    // The queue may be full of fewer requests than may run and wait: those with many choices or long prompts.
    const places = Math.min(model.maxRequests, this.#taken + queueRoom);
    const kept = this.#turnedAway.kept(places, model.maxRequests);
    if (kept === 0) this.#tooMuch = Infinity;
    const toFill = Math.min(places, this.#tooMuch);
    // A place that is kept for this client itself is nobody else's.
    const others = Math.max(0, kept - (this.#turnedAway.has(client) ? 1 : 0));
    const hasLittle = own < toFill / (this.#ofClients.size + others + (own === 0 ? 1 : 0));
    if (this.#taken >= places) {
      if (hasLittle) this.#turnedAway.add(client);
      throw new RequestError(`${this.#taken} requests run and wait, and no more may wait`, {
        code: "queue_full",
        remedy: "Try again later, or raise --max-num-queued-reqs",
      });
    }
    if (!hasLittle && this.#taken + others >= toFill) {
      throw new RequestError(
        `${this.#taken} requests run and wait, and free places are kept for clients that were turned away`,
        { code: "queue_full", remedy: "Try again later" },
      );
    }
    this.#checkBody(client, announced);
    this.#taken++;
    this.#ofClients.set(client, own + 1);
    const body = this.#bodies.open(client);
    const cameBack = this.#turnedAway.has(client);
    return {
      arrived: body.arrived,
      handled: (refused = false) => {
        body.close();
        // Not sooner: on its way to the engine it could be overtaken.
        if (cameBack) this.#turnedAway.remove(client);
        if (refused) this.#turnAway(client);
      },
      leave: () => this.#leave(client),
    };
  }

  #checkBody(client: string, announced: number): void {
    if (this.#bodies.hasRoom(client, announced)) return;
    const { bytes, most } = this.#bodies;
    throw new RequestError(
      `Bodies of ${bytes} bytes are under way, ${this.#bodies.of(client)} bytes of this client's, ` +
        `and ${announced} more leave too little of ${most} to others`,
      { code: "queue_full", remedy: "Try again later" },
    );
  }

  /** The engine had no room for a request of this client, which still counts as taken; the others were too many. */
  #turnAway(client: string): void {
    const own = this.#ofClients.get(client)! - 1;
    const taken = this.#taken - 1;
    if (own >= taken / this.#ofClients.size) return;
    this.#turnedAway.add(client);
    this.#tooMuch = taken;
  }

  #leave(client: string): void {
    this.#taken--;
    const left = this.#ofClients.get(client)! - 1;
    if (left > 0) this.#ofClients.set(client, left);
    else this.#ofClients.delete(client); // clients come and go, the map must not grow
  }
}
