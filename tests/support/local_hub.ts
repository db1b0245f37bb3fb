import { createHash } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

export const hubCommit = "5a3f0c1d".repeat(5);
export const hubRepository = "acme/tiny-vision";

/** One request as the hub saw it. */
export interface HubRequest {
  readonly path: string;
  readonly range: string | undefined;
  readonly authorization: string | undefined;
  /** How many requests for the same path and range there were before. */
  readonly count: number;
}

/**
 * What goes wrong with a request for a file: `status` refuses it, `drop` ends the connection after so many bytes of
 * its body, `stall` sends nothing after them, `bytes` replaces what was asked for.
 */
export interface HubFault {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly drop?: number;
  readonly stall?: number;
  readonly bytes?: Uint8Array;
}

export interface LocalHubOptions {
  readonly files: Readonly<Record<string, Uint8Array | string>>;
  /** Consulted for every request that the hub would answer. */
  readonly fault?: (request: HubRequest) => HubFault | undefined;
  /** Changes the description of the repository. */
  readonly describe?: (body: Record<string, unknown>) => unknown;
  /** Where requests for files are sent on to, as the public hub does with its stores. */
  readonly store?: string;
}

/** A hub on this machine with one repository, which behaves as badly as a test asks. */
export class LocalHub implements AsyncDisposable {
  readonly requests: HubRequest[] = [];
  /** Bytes of files that were handed to connections. */
  sentBytes = 0;
  readonly #files: ReadonlyMap<string, Uint8Array>;
  readonly #server: Server;

  private constructor(readonly options: LocalHubOptions) {
    this.#files = new Map(
      Object.entries(options.files).map(([path, content]) => [path, bytesOf(content)]),
    );
    this.#server = createServer((request, response) => this.#answer(request, response));
  }

  static async start(options: LocalHubOptions): Promise<LocalHub> {
    const hub = new LocalHub(options);
    await new Promise<void>((resolve) => hub.#server.listen(0, "127.0.0.1", resolve));
    return hub;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Bytes of all files together. */
  get totalBytes(): number {
    return [...this.#files.values()].reduce((sum, { length }) => sum + length, 0);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    const { range, authorization } = request.headers;
    const path = decodeURIComponent(request.url!.split("?")[0]!);
    const count = this.requests.filter((other) => other.path === path && other.range === range).length;
    const seen = { path, range, authorization, count };
    this.requests.push(seen);
    const fault = this.options.fault?.(seen) ?? {};
    if (fault.status !== undefined) {
      response.writeHead(fault.status, fault.headers).end();
    } else if (path.startsWith("/api/models/")) {
      this.#describe(path, response, fault);
    } else this.#sendFile(path, range, response, fault);
  }

  #describe(path: string, response: ServerResponse, { bytes, stall }: HubFault): void {
    if (stall !== undefined) return;
    const [, repository, revision] = path.match(/^\/api\/models\/([^/]+\/[^/]+)\/revision\/(.+)$/) ?? [];
    if (repository !== hubRepository) {
      response.writeHead(401, { "X-Error-Code": "RepoNotFound" }).end();
      return;
    }
    if (!["main", "v1", "refs/pr/1", hubCommit].includes(revision!)) {
      response.writeHead(404, { "X-Error-Code": "RevisionNotFound" }).end();
      return;
    }
    const siblings = [...this.#files].map(([rfilename, content]) => ({
      rfilename,
      size: content.length,
      blobId: gitHash(content),
      ...isLarge(rfilename) ? { lfs: { sha256: sha256(content), size: content.length } } : {},
    }));
    const body = { id: repository, sha: hubCommit, siblings, config: { model_type: "mllama" } };
    response.setHeader("Content-Type", "application/json");
    response.end(bytes ?? JSON.stringify(this.options.describe?.(body) ?? body));
  }

  #sendFile(path: string, range: string | undefined, response: ServerResponse, fault: HubFault): void {
    const name = path.replace(/^\/[^/]+\/[^/]+\/resolve\/[^/]+\//, "");
    const content = this.#files.get(name);
    if (content === undefined) {
      response.writeHead(404, { "X-Error-Code": "EntryNotFound" }).end();
      return;
    }
    if (this.options.store !== undefined && isLarge(name)) {
      response.writeHead(302, { Location: `${this.options.store}${path}` }).end();
      return;
    }
    const [, first = "0", last = String(content.length - 1)] = range?.match(/^bytes=(\d+)-(\d+)$/) ?? [];
    const body = fault.bytes ?? content.subarray(Number(first), Number(last) + 1);
    response.writeHead(range === undefined ? 200 : 206, {
      "Content-Length": body.length,
      "X-Repo-Commit": hubCommit,
      "ETag": `"${isLarge(name) ? sha256(content) : gitHash(content)}"`,
      ...range === undefined ? {} : { "Content-Range": `bytes ${first}-${last}/${content.length}` },
      ...fault.headers,
    });
    const sent = body.subarray(0, fault.drop ?? fault.stall);
    this.sentBytes += sent.length;
    if (fault.stall !== undefined) response.write(sent);
    // A client may forget what it has not read when the connection breaks.
    else if (fault.drop !== undefined) {
      response.write(sent, () => setTimeout(() => response.socket?.destroy(), 100));
    } else response.end(sent);
  }
}

/** Those that the public hub keeps in its store of large files. */
function isLarge(path: string): boolean {
  return path.endsWith(".safetensors") || path === "tokenizer.json";
}

function bytesOf(content: Uint8Array | string): Uint8Array {
  return typeof content === "string" ? new TextEncoder().encode(content) : content;
}

export function sha256(content: Uint8Array): string {
  return createHash("sha256").update(content).digest("hex");
}

export function gitHash(content: Uint8Array): string {
  return createHash("sha1").update(`blob ${content.length}\0`).update(content).digest("hex");
}
