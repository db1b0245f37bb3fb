import { HttpError } from "./errors.ts";

/** Names under which a server that listens on a loopback address only can rightly be called. */
const loopbackNames = ["localhost", "127.0.0.1", "[::1]", "0.0.0.0", "[::]"];

const hostPattern = /^(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(:\d{1,5})?$/;

/** Whether a server bound to this address can be reached from this machine only. */
export function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || /^127(\.\d{1,3}){3}$/.test(host);
}

/** The host names that `checkCaller` accepts for a bind to `host`; `undefined` accepts all well-formed ones. */
export function acceptedHosts(host: string): readonly string[] | undefined {
  if (!isLoopback(host)) return undefined;
  const own = host.includes(":") ? `[${host}]` : host;
  return loopbackNames.includes(own) ? loopbackNames : [...loopbackNames, own];
}

/**
 * Checks who calls, before the path is looked at. A name of the outside world that leads to a loopback address is
 * DNS rebinding: a page in the user's browser that talks to this server. A browser also says, in `Origin`, which
 * page makes it send a request.
 *
 * @throws {HttpError} 400 for a malformed host, 421 for a foreign one, 403 for another site's page.
 */
export function checkCaller(request: Request, accepted: readonly string[] | undefined): void {
  const host = (request.headers.get("host") ?? hostOfUrl(request.url)).toLowerCase();
  const match = hostPattern.exec(host);
  if (match === null) throw new HttpError(400, "The Host header is malformed");
  if (accepted !== undefined && !accepted.includes(match[1]!)) {
    throw new HttpError(421, "This server listens on a loopback address and answers to no other name");
  }
  const origin = request.headers.get("origin");
  if (origin !== null && origin.toLowerCase() !== `http://${host}`) {
    throw new HttpError(403, "Pages of other sites may not use this server");
  }
}

/**
 * Path of a request, percent-encoding kept, query left out. Bun has resolved `.` and `..` in it before we see it, so
 * `/v1/./models` is `/v1/models` here.
 */
export function pathOf(request: Request): string {
  try {
    return new URL(request.url).pathname;
  } catch {
    throw new HttpError(400, "The request's address is malformed");
  }
}

function hostOfUrl(url: string): string {
  try {
    return new URL(url).host;
  } catch {
    return "";
  }
}
