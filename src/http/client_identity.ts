import type { Client } from "../base/turns.ts";
import type { Exchange } from "./exchange.ts";

/**
 * Whose turn a request takes. The caller is a key, or a network where no keys are checked, and within it a `user`, for
 * a server that asks on behalf of many people. `user` is the caller's own word, so it divides the caller's own turns.
 *
 * @returns digests: neither name needs to be known to the engine
 */
export function clientOf(
  { key, request, connection }: Pick<Exchange, "key" | "request" | "connection">,
  user?: string | null,
): Client {
  const caller = key === undefined
    ? ["network", networkOf(connection?.requestIP?.(request)?.address)]
    : ["key", key];
  return { caller: digest(JSON.stringify(caller)), user: user ? digest(user) : "" };
}

/**
 * What one caller has at least: an address of IPv4, the first 64 bits of one of IPv6. Behind these everybody chooses
 * addresses as he likes (RFC 4291), and would be as many callers.
 */
function networkOf(address: string | undefined): string | undefined {
  if (!address?.includes(":") || /^::ffff:/i.test(address)) return address; // the latter is IPv4 inside IPv6
  const [head = [], tail = []] = address.split("::").map((half) =>
    half.split(":").filter((group) => group !== "")
  );
  const zeros = Array<string>(Math.max(0, 8 - head.length - tail.length)).fill("0");
  return [...head, ...zeros, ...tail].slice(0, 4).map((group) => parseInt(group, 16).toString(16)).join(":");
}

function digest(name: string): string {
  return new Bun.CryptoHasher("sha256").update(name).digest("base64url");
}
