import type { Client } from "../base/turns.ts";
import type { Exchange } from "./exchange.ts";

/**
 * Whose turn a request takes. The caller is a key, or an address where no keys are checked, and within it a `user`, for
 * a server that asks on behalf of many people. `user` is the caller's own word, so it divides the caller's own turns.
 *
 * @returns digests: neither name needs to be known to the engine
 */
export function clientOf(
  { key, request, connection }: Pick<Exchange, "key" | "request" | "connection">,
  user?: string | null,
): Client {
  const caller = key === undefined ? ["address", connection?.requestIP?.(request)?.address] : ["key", key];
  return { caller: digest(JSON.stringify(caller)), user: user ? digest(user) : "" };
}

function digest(name: string): string {
  return new Bun.CryptoHasher("sha256").update(name).digest("base64url");
}
