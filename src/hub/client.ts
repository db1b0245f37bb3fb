import { AccessError, ExplainedError, ModelError, ModelNotFoundError, NetworkError } from "../base/errors.ts";
import { quote } from "../base/quote.ts";
import { type HubListing, readListing } from "./listing.ts";
import type { RepositoryRevision } from "./repository.ts";
import type { HubSettings } from "./settings.ts";

/** Something that may well succeed a moment later: a dropped connection, a busy hub. */
export class TransientError extends Error {
  override readonly name: string = "TransientError";
  /** @param retryAfterMs how long the hub asks to be left alone */
  constructor(message: string, readonly retryAfterMs = 0, options?: ErrorOptions) {
    super(message, options);
  }
}

/** Nothing was heard from the hub at all: there may be no network, or no hub of that name. */
export class UnreachableError extends TransientError {
  override readonly name = "UnreachableError";
}

export interface ClientOptions {
  readonly userAgent: string;
  /** Silence after which a connection counts as dead. */
  readonly stallMs: number;
}

/** An answer whose body is read under the same watch as the wait for it. */
export interface HubAnswer {
  readonly response: Response;
  /** The body's bytes, as they come. @throws {TransientError} If the connection drops or falls silent. */
  chunks(): AsyncGenerator<Uint8Array>;
  /** Reads nothing of it. */
  cancel(): Promise<void>;
}

const maxRedirects = 5;
const maxListingBytes = 32 << 20;
/** Longest pause that a hub may ask for; a longer one is worth a word to the person. */
const maxRetryAfterMs = 60_000;

/** Asks one hub. Retries nothing: who calls knows what was gained. */
export class HubClient {
  readonly #settings: HubSettings;
  readonly #options: ClientOptions;

  constructor(settings: HubSettings, options: ClientOptions) {
    this.#settings = settings;
    this.#options = options;
  }

  /**
   * What a revision of a repository holds.
   *
   * @throws {ModelNotFoundError} If there is no such repository or revision.
   * @throws {ModelError} If it is no model that this program runs.
   * @throws What `open` throws.
   */
  async list({ repository, revision }: RepositoryRevision, signal?: AbortSignal): Promise<HubListing> {
    const path = `/api/models/${repository}/revision/${encodeURIComponent(revision)}?blobs=true`;
    const answer = await this.#ask(path, { repository, revision }, {}, signal);
    const chunks: Uint8Array[] = [];
    let total = 0;
    for await (const chunk of answer.chunks()) {
      total += chunk.length;
      if (total > maxListingBytes) throw new ModelError(`The hub's description of ${repository} has no end`);
      chunks.push(chunk);
    }
    let body: unknown;
    try {
      body = JSON.parse(new TextDecoder().decode(Buffer.concat(chunks)));
    } catch (error) {
      throw new TransientError("The hub answered with something else than JSON", 0, { cause: error });
    }
    return readListing(body, repository);
  }

  /**
   * Asks for the bytes from `begin` up to `end` of a file.
   *
   * @param size of the whole file, as the listing has it
   * @throws {TransientError} If it may help to ask again.
   * @throws {ModelError} If the hub has something else than it has listed.
   * @throws {AccessError} If the hub lets nobody in, or not this token.
   */
  async open(
    { repository, commit, path, size }: {
      readonly repository: string;
      readonly commit: string;
      readonly path: string;
      readonly size: number;
    },
    begin: number,
    end: number,
    signal?: AbortSignal,
  ): Promise<HubAnswer> {
    const isWhole = begin === 0 && end === size;
    const range: Record<string, string> = isWhole ? {} : { Range: `bytes=${begin}-${end - 1}` };
    const target = `/${repository}/resolve/${commit}/${path.split("/").map(encodeURIComponent).join("/")}`;
    const answer = await this.#ask(target, { repository, revision: commit }, range, signal);
    const { response } = answer;
    const { status, headers } = response;
    const length = headers.get("content-length");
    const wants = isWhole ? `200 and ${size} bytes` : `206 and bytes ${begin}-${end - 1}/${size}`;
    const has = isWhole
      ? status === 200 && (length === null || Number(length) === size)
      : status === 206 && headers.get("content-range") === `bytes ${begin}-${end - 1}/${size}`;
    if (has) return answer;
    await answer.cancel();
    throw new ModelError(
      `The hub must answer for ${path} with ${wants}, and it answered ${status} with ${
        quote(headers.get("content-range") ?? `${length ?? "an unknown number of"} bytes`)
      }`,
      "Try again later, or with another HF_ENDPOINT: what it has is not what it has listed",
    );
  }

  async #ask(
    path: string,
    target: RepositoryRevision,
    headers: Record<string, string>,
    signal: AbortSignal | undefined,
  ): Promise<HubAnswer> {
    const watch = new Watch(this.#options.stallMs, signal);
    try {
      const response = await this.#follow(path, headers, watch);
      const cancel = async () => {
        watch.end();
        await response.body?.cancel();
      };
      if (response.ok) return { response, chunks: () => readWatched(response, watch), cancel };
      await cancel();
      throw this.#refusal(response, target);
    } catch (error) {
      watch.end();
      if (signal?.aborted) throw signal.reason;
      if (error instanceof ExplainedError || error instanceof TransientError) throw error;
      const failure = watch.explain(error);
      if (watch.isHeard || !(watch.isStalled || isUnconnected(error))) throw failure;
      const { endpoint } = this.#settings;
      throw new UnreachableError(`no connection to ${endpoint} (${failure.message})`, 0, { cause: error });
    }
  }

  /** The token goes to the origin that it is for: a hub sends on to stores that have no business with it. */
  async #follow(path: string, headers: Record<string, string>, watch: Watch): Promise<Response> {
    const { endpoint, token } = this.#settings;
    const home = new URL(endpoint);
    let url = new URL(endpoint + path);
    for (let hops = 0; hops <= maxRedirects; hops++) {
      const mayKnow = token !== undefined && url.origin === home.origin;
      const response = await fetch(url, {
        redirect: "manual",
        signal: watch.signal,
        headers: {
          ...headers,
          "User-Agent": this.#options.userAgent,
          // The hashes and ranges are those of the bytes as they are.
          "Accept-Encoding": "identity",
          ...mayKnow ? { Authorization: `Bearer ${token}` } : {},
        },
      });
      watch.isHeard = true;
      watch.touch();
      const location = response.headers.get("location");
      if (![301, 302, 303, 307, 308].includes(response.status) || location === null) return response;
      await response.body?.cancel();
      url = checkRedirect(location, url);
    }
    throw new NetworkError(`The hub sends from address to address, more than ${maxRedirects} times`);
  }

  #refusal({ status, headers }: Response, { repository, revision }: RepositoryRevision): Error {
    const { endpoint, token } = this.#settings;
    const code = headers.get("x-error-code");
    const said = headers.get("x-error-message");
    const because = said === null ? "" : `: ${quote(said, 300)}`;
    const tokens = `${endpoint}/settings/tokens`;
    if (code === "GatedRepo") {
      return new AccessError(
        `${repository} is gated: its owner lets in who has accepted the license${because}`,
        `Open ${endpoint}/${repository}, log in, and click "Expand to review and access" or "Agree and access ` +
          `repository"; once access is granted, ` +
          (token
            ? "pull again"
            : `make a token of type Read at ${tokens}, set HF_TOKEN to it, and pull again`),
      );
    }
    if (status === 429 || status >= 500 || status === 408) {
      return new TransientError(`the hub answered ${status}${because}`, retryAfter(headers));
    }
    if (code === "EntryNotFound") {
      return new ModelError(
        `${repository} lists a file that it does not have${because}`,
        "The hub must answer for it; name another revision behind @, or pull later",
      );
    }
    if (code === "RevisionNotFound") {
      return new ModelNotFoundError(
        `${repository} has no revision ${quote(revision)}`,
        "Check what is behind the @",
      );
    }
    if (status === 401 && said === "Invalid credentials in Authorization header") {
      return new AccessError(
        "The hub does not know the token",
        `Make a new one at ${tokens} and set HF_TOKEN to it`,
      );
    }
    // To people without a token the hub denies that what they may not see exists.
    if (code === "RepoNotFound" || status === 404 || (status === 401 && code === null)) {
      return new ModelNotFoundError(
        `There is no repository ${repository} at ${endpoint}, or it is private${because}`,
        token
          ? "Check its spelling, and that your token may read it"
          : "Check its spelling; a private one needs HF_TOKEN",
      );
    }
    if (status === 401 || status === 403) {
      return new AccessError(
        `The hub refuses access to ${repository} (${status})${because}`,
        `Check your token at ${tokens}`,
      );
    }
    return new NetworkError(
      `The hub answered ${status} where a file was asked for${because}`,
      "Check HF_ENDPOINT",
    );
  }
}

function checkRedirect(location: string, from: URL): URL {
  const url = URL.canParse(location, from) ? new URL(location, from) : undefined;
  const isSafe = url && /^https?:$/.test(url.protocol) &&
    (from.protocol === "http:" || url.protocol === "https:");
  if (isSafe) return url;
  throw new NetworkError(
    `The hub sends on from ${from.origin} to ${quote(url?.origin ?? location)}, which is no https address`,
    "Check HF_ENDPOINT",
  );
}

/** Whether a request failed before there was a connection. */
function isUnconnected(error: unknown): boolean {
  return /^(E(CONNREFUSED|HOSTUNREACH|NETUNREACH|NOTFOUND|AI_AGAIN|TIMEDOUT)|ConnectionRefused|FailedToOpenSocket)$/
    .test(String((error as { code?: unknown }).code));
}

function retryAfter(headers: Headers): number {
  const text = headers.get("retry-after") ?? "";
  const ms = /^\d+$/.test(text) ? Number(text) * 1000 : Date.parse(text) - Date.now();
  return Number.isFinite(ms) ? Math.min(Math.max(ms, 0), maxRetryAfterMs) : 0;
}

async function* readWatched({ body }: Response, watch: Watch): AsyncGenerator<Uint8Array> {
  try {
    if (body === null) return;
    for await (const chunk of body) {
      watch.touch();
      yield chunk;
      watch.touch(); // writing to the disk is no silence of the hub
    }
  } catch (error) {
    if (watch.signal.aborted && !watch.isStalled) throw watch.signal.reason;
    throw error instanceof ExplainedError ? error : watch.explain(error);
  } finally {
    watch.end();
  }
}

/** Aborts a request when nothing has come for a while, or when the caller's signal says so. */
class Watch {
  isStalled = false;
  /** Whether the hub has begun an answer. */
  isHeard = false;
  readonly signal: AbortSignal;
  readonly #stallMs: number;
  readonly #controller = new AbortController();
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(stallMs: number, signal: AbortSignal | undefined) {
    this.#stallMs = stallMs;
    this.signal = signal ? AbortSignal.any([this.#controller.signal, signal]) : this.#controller.signal;
    this.touch();
  }

  touch(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.isStalled = true;
      this.#controller.abort();
    }, this.#stallMs);
  }

  end(): void {
    clearTimeout(this.#timer);
  }

  explain(error: unknown): TransientError {
    const reason = this.isStalled
      ? `the hub has sent nothing for ${this.#stallMs / 1000} s`
      : error instanceof Error
      ? error.message
      : String(error);
    return new TransientError(reason, 0, { cause: error });
  }
}
