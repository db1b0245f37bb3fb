/** What one body counts for. */
export interface BodyAccount {
  /** So many of its bytes are there. Says whether there is memory for them; they count if there is. */
  arrived(bytes: number): boolean;
  /** It is not needed any more: it counts for nothing, nor does what still arrives of it. */
  close(): void;
}

/**
 * Memory for bodies, by whose they are. A client's bodies may take no more than they leave free: one alone has half of
 * it, a second one half of the rest, and there is room for the next however many there are.
 */
export class BodyMemory {
  readonly #ofClients = new Map<string, number>();
  #bytes = 0;

  /** @param most bytes of all bodies at a time; one that is alone may be of any size */
  constructor(readonly most: number) {}

  /** Bytes of all bodies. */
  get bytes(): number {
    return this.#bytes;
  }

  of(client: string): number {
    return this.#ofClients.get(client) ?? 0;
  }

  /** Whether a client's bodies may take `bytes` more, for one that has `charged` of all already. */
  hasRoom(client: string, bytes: number, charged = 0): boolean {
    const all = this.#bytes - charged;
    const own = this.of(client) - charged + bytes;
    return all === 0 || own <= this.most - (all + bytes);
  }

  /** For one body of a client. */
  open(client: string): BodyAccount {
    let charged = 0;
    let needed = true;
    const charge = (bytes: number) => {
      this.#charge(client, bytes - charged);
      charged = bytes;
    };
    return {
      arrived: (bytes) => {
        if (!needed) return true;
        if (!this.hasRoom(client, bytes, charged)) return false;
        charge(bytes);
        return true;
      },
      close: () => {
        needed = false;
        charge(0);
      },
    };
  }

  #charge(client: string, bytes: number): void {
    this.#bytes += bytes;
    const own = this.of(client) + bytes;
    if (own > 0) this.#ofClients.set(client, own);
    else this.#ofClients.delete(client); // clients come and go, the map must not grow
  }
}
