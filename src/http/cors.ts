/** How long a browser may remember the answer to its question, in s. */
const rememberSeconds = 600;

/** What a browser asks before it lets a page of another site send a request. */
export function isPreflight(request: Request): boolean {
  return request.method === "OPTIONS" && request.headers.has("access-control-request-method");
}

/** The answer to that question for an origin that is allowed. It carries no key: browsers send none here. */
export function preflightResponse(request: Request): Response {
  const asked = request.headers.get("access-control-request-headers") ?? "";
  // SDKs send headers of their own. The origin was named by the operator, so all that are well-formed may pass.
  const headers = asked.split(",").map((name) => name.trim()).filter((name) => /^[\w-]{1,64}$/.test(name));
  return new Response(null, {
    status: 204,
    headers: {
      "access-control-allow-methods": "GET, POST",
      ...(headers.length > 0 ? { "access-control-allow-headers": headers.join(", ") } : {}),
      "access-control-max-age": String(rememberSeconds),
    },
  });
}

/** Lets a page of `origin` read the answer. Never `*`, and without cookies: keys are headers. */
export function allowOrigin(headers: Headers, origin: string): void {
  headers.set("access-control-allow-origin", origin);
  headers.set("access-control-expose-headers", "x-request-id, retry-after, x-llamav-ignored");
}
