import { createHash, timingSafeEqual } from "node:crypto";
import { HttpError } from "./errors.ts";

/**
 * The keys that callers must show. Digests are compared, all of them and each in the same time: how long a refusal
 * takes tells nothing about any key, its length included.
 */
export class ApiKeys {
  readonly #digests: readonly Uint8Array[];

  /** @param keys none lets everybody in */
  constructor(keys: readonly string[]) {
    this.#digests = keys.map(digest);
  }

  /**
   * Checks `Authorization: Bearer KEY`, or `X-Api-Key: KEY` where there is no Authorization.
   *
   * @returns what the log calls the key, `key-1` for the first one; `undefined` where none is asked for
   * @throws {HttpError} 401, the same whatever is wrong.
   */
  check(headers: Headers): string | undefined {
    if (this.#digests.length === 0) return undefined;
    const shown = digest(shownKey(headers) ?? "");
    let found = -1;
    for (const [index, own] of this.#digests.entries()) {
      if (timingSafeEqual(own, shown)) found = index;
    }
    // No key is empty, so an empty or missing one is never found.
    if (found < 0) throw wrongKey();
    return `key-${found + 1}`;
  }
}

function shownKey(headers: Headers): string | undefined {
  const authorization = headers.get("authorization");
  if (authorization === null) return headers.get("x-api-key") ?? undefined;
  // Two headers of this name arrive as one with a comma, which no key matches.
  return /^bearer +(\S.*)$/i.exec(authorization)?.[1];
}

function digest(key: string): Uint8Array {
  return createHash("sha256").update(key).digest();
}

function wrongKey(): HttpError {
  return new HttpError(401, "This server needs a key: send it as Authorization: Bearer KEY", {
    code: "invalid_api_key",
    headers: { "www-authenticate": "Bearer" },
  });
}
