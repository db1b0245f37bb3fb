import { isIP } from "node:net";
import ipaddr from "ipaddr.js";
import { RequestError } from "../base/errors.ts";

/** What the operator lets requests make this machine fetch. */
export interface FetchPolicy {
  /** Whether http(s) URLs are fetched at all. */
  readonly remote: boolean;
  /**
   * Whether addresses of this machine and of private networks are fetched, on any port. Whoever can send requests
   * can then reach everything that this machine can reach.
   */
  readonly privateAddresses?: boolean;
  /** The only domains to fetch from, by their exact names; left out or empty, all. */
  readonly domains?: readonly string[];
}

/** Ports of public servers. Others belong to services that never expected a request from here. */
const publicPorts: ReadonlySet<string> = new Set(["", "80", "443"]);

/**
 * Checks a URL by everything but its addresses: scheme, user, port, domain, and the address of a literal host. The
 * same parsed URL is then fetched, so that no second parser can read it differently.
 *
 * @throws {RequestError} Code `image_url_not_allowed`, if the policy does not allow the URL.
 */
export function checkUrl(url: URL, policy: FetchPolicy): void {
  if (url.protocol !== "http:" && url.protocol !== "https:") {
    throw refused("only http, https and data URLs are taken");
  }
  if (!policy.remote) {
    throw refused(
      "this server does not fetch pictures",
      "Send the picture as a data URL, or start the server with --allow-remote-images.",
    );
  }
  if (url.username || url.password) throw refused("the URL must not hold a user or a password");
  if (!policy.privateAddresses && !publicPorts.has(url.port)) throw refused("the port must be 80 or 443");
  const host = hostOf(url);
  if (
    policy.domains?.length && !policy.domains.some((domain) => normalDomain(domain) === normalDomain(host))
  ) {
    throw refused("this server does not fetch pictures from that domain");
  }
  if (isIP(host)) checkAddresses([host], policy);
}

/**
 * Checks what a name resolved to: every address must be public, as one that is not could be the one connected to.
 *
 * @throws {RequestError} Code `image_url_not_allowed`, if an address is private, loopback, link-local, or otherwise not
 *   of the public internet.
 */
export function checkAddresses(addresses: readonly string[], policy: FetchPolicy): void {
  if (policy.privateAddresses || addresses.every(isPublicAddress)) return;
  throw refused(
    "its address is not on the public internet",
    "Send the picture as a data URL, or start the server with --allow-private-images.",
  );
}

/** All that is given out of IPv6 (RFC 4291); the library takes much beside it for ordinary unicast. */
const globalUnicast = ipaddr.IPv6.parseCIDR("2000::/3");

/** Whether an address is ordinary unicast, after unwrapping IPv4 inside IPv6. */
export function isPublicAddress(address: string): boolean {
  if (!ipaddr.isValid(address)) return false;
  const parsed = ipaddr.process(address);
  if (parsed instanceof ipaddr.IPv6 && !parsed.match(globalUnicast)) return false;
  return parsed.range() === "unicast";
}

/** A URL's host without the brackets of IPv6. */
function hostOf(url: URL): string {
  return url.hostname.replace(/^\[(.*)\]$/, "$1");
}

/** Lower case, without the root's dot, international names in their ASCII form. */
function normalDomain(domain: string): string {
  const name = domain.endsWith(".") ? domain.slice(0, -1) : domain;
  return URL.parse(`http://${name}`)?.hostname ?? name;
}

function refused(reason: string, remedy = "Send the picture as a data URL."): RequestError {
  return new RequestError(`Cannot fetch the image: ${reason}`, { code: "image_url_not_allowed", remedy });
}
