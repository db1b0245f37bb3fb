import { lookup as lookUpName } from "node:dns/promises";
import { type IncomingMessage, request as requestHttp, type RequestOptions } from "node:http";
import { request as requestHttps } from "node:https";
import type { LookupFunction } from "node:net";
import { RequestError } from "../base/errors.ts";
import { Gate } from "../base/gate.ts";
import type { Client } from "../base/turns.ts";
import { parseDataUrl } from "./data_url.ts";
import { checkAddresses, checkUrl, type FetchPolicy } from "./fetch_policy.ts";

/** All addresses of a host name. */
export type Resolve = (hostname: string) => Promise<readonly { address: string; family: number }[]>;

export interface ImageLoaderOptions extends FetchPolicy {
  /** Most bytes of a picture file. Default 20 MiB. */
  readonly maxBytes?: number;
  /** For the whole of a fetch, redirects included. Default 15 s. */
  readonly timeoutMs?: number;
  /** For a name's addresses and a connection to one of them. Default 5 s. */
  readonly connectMs?: number;
  /** Default: the system's resolver. */
  readonly resolve?: Resolve;
}

const maxRedirects = 3;
const maxFetches = 16;

/**
 * Loads picture files that requests name by URL: `data:`, and as far as the policy goes `http:` and `https:`.
 *
 * A name is resolved once, inside the connection: the addresses that are checked are the addresses that are
 * connected to. Every redirect is checked like the first URL. Proxies of the environment are not used, bodies are
 * not decompressed, and at most 16 fetches run at a time, clients in turn; a client's fetches leave as many places free
 * as they take, since another server decides how long they last.
 */
export class ImageLoader {
  readonly #options: ImageLoaderOptions;
  readonly #maxBytes: number;
  readonly #gate = new Gate(maxFetches, { sharing: true });
  readonly #lookup: LookupFunction;

  constructor(options: ImageLoaderOptions) {
    this.#options = options;
    this.#maxBytes = options.maxBytes ?? 20 * 1024 * 1024;
    this.#lookup = checkedLookup(options.resolve ?? resolveBySystem, options);
  }

  /**
   * File bytes of a picture.
   *
   * @throws {RequestError} Code `image_url_not_allowed` for another kind of URL, or one that the policy does not allow;
   *   `invalid_image_url` for one that gives no file within the limits. What the other server said is not repeated.
   * @throws The signal's reason, when it was aborted.
   */
  async load(url: string, signal?: AbortSignal, client?: Client): Promise<Uint8Array> {
    if (/^data:/i.test(url)) return parseDataUrl(url, this.#maxBytes);
    const target = URL.parse(url);
    if (!target) throw fetchError("it must be an absolute URL");
    checkUrl(target, this.#options);
    return await this.#gate.run(() => this.#fetch(target, signal), { signal, client });
  }

  async #fetch(first: URL, signal?: AbortSignal): Promise<Uint8Array> {
    const timeout = AbortSignal.timeout(this.#options.timeoutMs ?? 15_000);
    const either = signal ? AbortSignal.any([signal, timeout]) : timeout;
    try {
      let url = first;
      for (let redirects = 0; redirects <= maxRedirects; redirects++) {
        const response = await this.#request(url, either);
        const location = redirectOf(response);
        if (location === undefined) return await this.#readBody(response, either);
        response.destroy();
        const next = URL.parse(location, url);
        if (!next) throw fetchError("it redirects to something that is no URL");
        url = next;
      }
      throw fetchError(`it redirects more than ${maxRedirects} times`);
    } catch (error) {
      signal?.throwIfAborted();
      if (error instanceof RequestError) throw error;
      throw fetchError(timeout.aborted ? "the server took too long" : "the server could not be reached");
    }
  }

  async #request(url: URL, signal: AbortSignal): Promise<IncomingMessage> {
    checkUrl(url, this.#options);
    const options: RequestOptions = {
      agent: false,
      lookup: this.#lookup,
      signal,
      headers: { accept: "image/*", "accept-encoding": "identity", "user-agent": "llamav" },
    };
    const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
    const send = url.protocol === "https:" ? requestHttps : requestHttp;
    const request = send(url.href, options, resolve).on("error", reject);
    const late = setTimeout(
      () => request.destroy(new Error("No connection in time")),
      this.#options.connectMs ?? 5000,
    );
    request.on("socket", (socket) => socket.once("connect", () => clearTimeout(late)));
    request.end();
    try {
      return await promise;
    } finally {
      clearTimeout(late);
    }
  }

  async #readBody(response: IncomingMessage, signal: AbortSignal): Promise<Uint8Array> {
    try {
      if (response.statusCode !== 200) {
        throw fetchError(`the server answered with status ${response.statusCode}`);
      }
      const encoding = response.headers["content-encoding"] ?? "identity";
      if (encoding !== "identity") throw fetchError("the server sent it compressed");
      const tooLong = () => fetchError(`it must have at most ${this.#maxBytes} bytes`);
      if (Number(response.headers["content-length"]) > this.#maxBytes) throw tooLong();
      const chunks: Uint8Array[] = [];
      let length = 0;
      for await (const chunk of response as AsyncIterable<Uint8Array>) {
        signal.throwIfAborted();
        length += chunk.length;
        if (length > this.#maxBytes) throw tooLong();
        chunks.push(chunk);
      }
      if (!response.complete) throw fetchError("the server broke off");
      return Buffer.concat(chunks);
    } finally {
      response.destroy();
    }
  }
}

function redirectOf({ statusCode, headers }: IncomingMessage): string | undefined {
  return [301, 302, 303, 307, 308].includes(statusCode ?? 0) ? headers.location : undefined;
}

/** Resolves a name for one connection, and lets the connection have only checked addresses. */
function checkedLookup(resolve: Resolve, policy: FetchPolicy): LookupFunction {
  return (hostname, options, callback) => {
    resolve(hostname).then((addresses) => {
      if (addresses.length === 0) throw new Error("The name has no address");
      checkAddresses(addresses.map(({ address }) => address), policy);
      const [{ address, family }] = addresses as [{ address: string; family: number }];
      if (options.all) callback(null, [...addresses]);
      else callback(null, address, family);
    }).catch((error) => callback(error as NodeJS.ErrnoException, "", 0));
  };
}

function resolveBySystem(hostname: string): ReturnType<Resolve> {
  return lookUpName(hostname, { all: true });
}

function fetchError(reason: string): RequestError {
  return new RequestError(`Cannot fetch the image: ${reason}`, {
    code: "invalid_image_url",
    remedy: "Send the picture as a data URL.",
  });
}
