import { Shares } from "../base/shares.ts";

/** What one body counts for. */
export interface BodyAccount {
  /** So many of its bytes are there. Says whether there is memory for them; they count if there is. */
  arrived(bytes: number): boolean;
  /** It is not needed any more: it counts for nothing, nor does what still arrives of it. */
  close(): void;
}

/** Memory for bodies, shared by those whose they are. */
export class BodyMemory {
  readonly #shares: Shares;

  /** @param most bytes of all bodies at a time; one that is alone may be of any size */
  constructor(readonly most: number) {
    this.#shares = new Shares(most);
  }

  /** Bytes of all bodies. */
  get bytes(): number {
    return this.#shares.taken;
  }

  of(client: string): number {
    return this.#shares.of(client);
  }

  /** Whether a client's bodies may take `bytes` more, for one that has `charged` of all already. */
  hasRoom(client: string, bytes: number, charged = 0): boolean {
    return this.bytes === charged || this.#shares.allows(client, bytes - charged);
  }

  /** For one body of a client. */
  open(client: string): BodyAccount {
    let charged = 0;
    let needed = true;
    const charge = (bytes: number) => {
      this.#shares.take(client, bytes - charged);
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
}
