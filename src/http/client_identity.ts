import type { Exchange } from "./exchange.ts";

/**
 * Whose turn a request takes: the engine serves one client's requests in turn with those of others. A client is a key,
 * or an address where no keys are checked, and within either a `user`, for a server that asks on behalf of many people.
 * `user` is the caller's own word: it divides turns as fairly as callers are honest.
 *
 * @returns a digest: neither name needs to be known to the engine
 */
export function clientOf(
  { key, request, connection }: Pick<Exchange, "key" | "request" | "connection">,
  user?: string | null,
): string {
  const caller = key === undefined ? ["address", connection?.requestIP?.(request)?.address] : ["key", key];
  return new Bun.CryptoHasher("sha256").update(JSON.stringify([...caller, user])).digest("base64url");
}
