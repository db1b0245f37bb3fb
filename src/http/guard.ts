import { HttpError } from "./errors.ts";

/** Names under which a server that listens on a loopback address only can rightly be called. */
const loopbackNames = ["localhost", "127.0.0.1", "[::1]", "0.0.0.0", "[::]"];

const hostPattern = /^(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(:\d{1,5})?$/;

/** Whether a server bound to this address can be reached from this machine only. */
export function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || /^127(\.\d{1,3}){3}$/.test(host);
}

/**
 * The host names that a server accepts.
 *
 * @param host what it is bound to
 * @param allowed names that the operator added; on an address that others can reach they are the only ones
 * @returns `undefined` for all well-formed names
 */
export function acceptedHosts(host: string, allowed: readonly string[] = []): readonly string[] | undefined {
  const names = allowed.map((name) => name.toLowerCase());
  if (!isLoopback(host)) return names.length > 0 ? names : undefined;
  const own = host.includes(":") ? `[${host}]` : host;
  return [...new Set([...loopbackNames, own, ...names])];
}

/**
 * Checks under which name the server is called, before anything else. A name of the outside world that leads to a
 * loopback address is DNS rebinding: a page in the user's browser that talks to this server.
 *
 * @throws {HttpError} 400 for a malformed host, 421 for a foreign one.
 */
export function checkHost(request: Request, accepted: readonly string[] | undefined): void {
  const match = hostPattern.exec(hostOf(request));
  if (match === null) throw new HttpError(400, "The Host header is malformed");
  if (accepted !== undefined && !accepted.includes(match[1]!)) {
    throw new HttpError(421, "This server does not answer to this name; --allowed-hosts can add it", {
      code: "host_not_allowed",
    });
  }
}

/**
 * Checks which page makes the browser send this request; programs that are no browsers do not say.
 *
 * @param allowed other sites' origins, exactly as browsers write them
 * @returns the origin, if it is another site's that may use the server
 * @throws {HttpError} 403 for another site's page.
 */
export function checkOrigin(request: Request, allowed: readonly string[]): string | undefined {
  const origin = request.headers.get("origin");
  if (origin === null) return undefined;
  if (allowed.includes(origin)) return origin;
  const own = [`http://${hostOf(request)}`, `https://${hostOf(request)}`];
  if (own.includes(origin.toLowerCase())) return undefined;
  throw new HttpError(403, "Pages of other sites may not use this server, unless --cors-origin names them", {
    code: "origin_not_allowed",
  });
}

function hostOf(request: Request): string {
  return (request.headers.get("host") ?? hostOfUrl(request.url)).toLowerCase();
}

/**
 * Path of a request, percent-encoding kept, query left out; `undefined` if the address is malformed. Bun has resolved
 * `.` and `..` in it before we see it, so `/v1/./models` is `/v1/models` here.
 */
export function pathOf(request: Request): string | undefined {
  try {
    return new URL(request.url).pathname;
  } catch {
    return undefined;
  }
}

function hostOfUrl(url: string): string {
  try {
    return new URL(url).host;
  } catch {
    return "";
  }
}
