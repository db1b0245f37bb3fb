import { ModelError } from "../base/errors.ts";
import { type HubClient, TransientError } from "./client.ts";
import type { HubFile } from "./listing.ts";
import type { PartialFile, Piece } from "./partial_file.ts";
import type { PullEvent, PullTuning } from "./pull.ts";
import { withRetries } from "./retry.ts";

/** A file to fetch, and what there is of it. */
export interface Download {
  readonly file: HubFile;
  readonly partial: PartialFile;
}

export interface DownloadTarget {
  readonly repository: string;
  readonly commit: string;
  /** Bytes of all files of the repository, and of those what is there. */
  readonly total: number;
  readonly completed: number;
}

export interface DownloadOptions extends Pick<PullTuning, "connections" | "maxFailures" | "pause"> {
  /** Gives a finished file its name. */
  readonly place: (file: HubFile) => Promise<void>;
  readonly onEvent: (event: PullEvent) => void;
  readonly signal?: AbortSignal;
}

/** Bytes after which a connection has proved itself, and the count of failures begins anew. */
const gainedBytes = 64 << 10;

/**
 * Fetches the missing pieces of files over several connections, in the files' order. The first failure ends all.
 *
 * @returns the bytes that came
 */
export async function downloadAll(
  downloads: readonly Download[],
  target: DownloadTarget,
  client: HubClient,
  options: DownloadOptions,
): Promise<number> {
  const failure = new AbortController();
  const signal = options.signal ? AbortSignal.any([failure.signal, options.signal]) : failure.signal;
  const crew = new Crew(downloads, target, client, { ...options, signal });
  const ends = await Promise.allSettled(
    Array.from({ length: options.connections }, () =>
      crew.work().catch((error) => {
        // The others end with the first one's reason.
        failure.abort(error);
        throw error;
      })),
  );
  if (options.signal?.aborted) throw options.signal.reason;
  if (ends.some(({ status }) => status === "rejected")) throw failure.signal.reason;
  return crew.fetchedBytes;
}

class Crew {
  fetchedBytes = 0;
  #completed: number;
  readonly #queue: { readonly download: Download; readonly piece: Piece | undefined }[];
  readonly #finishing = new Set<Download>();
  readonly #target: DownloadTarget;
  readonly #client: HubClient;
  readonly #options: DownloadOptions;

  constructor(
    downloads: readonly Download[],
    target: DownloadTarget,
    client: HubClient,
    options: DownloadOptions,
  ) {
    this.#completed = target.completed;
    this.#target = target;
    this.#client = client;
    this.#options = options;
    // A file without missing pieces has to be checked all the same.
    this.#queue = downloads.flatMap((download) =>
      [...missingPieces(download), undefined].map((piece) => ({ download, piece }))
    );
  }

  async work(): Promise<void> {
    for (let next = this.#queue.shift(); next !== undefined; next = this.#queue.shift()) {
      this.#options.signal?.throwIfAborted();
      const { download, piece } = next;
      if (piece) await this.#fetch(download, piece);
      if (!download.partial.isComplete || this.#finishing.has(download)) continue;
      this.#finishing.add(download);
      await this.#finish(download);
    }
  }

  #fetch(download: Download, piece: Piece): Promise<void> {
    const { file } = download;
    const { onEvent } = this.#options;
    return withRetries(file.path, (gained) => this.#transfer(download, piece, gained), {
      ...this.#options,
      onRetry: (reason, delayMs) => onEvent({ event: "retry", file: file.path, reason, delayMs }),
    });
  }

  async #transfer({ file, partial }: Download, piece: Piece, gained: () => void): Promise<void> {
    const { signal, onEvent } = this.#options;
    const start = piece.done;
    const answer = await this.#client.open(
      { ...this.#target, ...file },
      piece.begin + start,
      piece.end,
      signal,
    );
    for await (const chunk of answer.chunks()) {
      // More than was asked for is of no use: the hash decides what the rest is worth.
      const bytes = chunk.subarray(0, piece.end - piece.begin - piece.done);
      await partial.append(piece, bytes);
      if (piece.done - start >= gainedBytes) gained();
      this.fetchedBytes += bytes.length;
      this.#completed += bytes.length;
      onEvent({
        event: "progress",
        file: file.path,
        completed: partial.doneBytes,
        total: file.size,
        allCompleted: this.#completed,
        allTotal: this.#target.total,
      });
      if (piece.begin + piece.done === piece.end) return;
    }
    throw new TransientError(`the connection ended after ${piece.done} of ${piece.end - piece.begin} bytes`);
  }

  /** Gives the file its name, if it is what the hub has announced. */
  async #finish(download: Download): Promise<void> {
    const { file, partial } = download;
    const { onEvent, place, signal } = this.#options;
    onEvent({ event: "verifying", file: file.path, total: file.size });
    if (await partial.matches(file.hash, signal)) {
      await partial.finish();
      await place(file);
      return onEvent({ event: "done", file: file.path, total: file.size });
    }
    if (!partial.isResumed) {
      await partial.discard();
      throw new ModelError(
        `The hub has sent other bytes for ${file.path} than it has announced: their ${file.hash.algorithm} is not ` +
          file.hash.hex,
        "Nothing of them was kept; pull again, or with another HF_ENDPOINT",
      );
    }
    // What an earlier run has left may be at fault, after a power cut for one.
    await partial.empty();
    this.#completed -= file.size;
    this.#finishing.delete(download);
    this.#queue.push(...missingPieces(download).map((piece) => ({ download, piece })));
  }
}

function missingPieces({ partial }: Download): Piece[] {
  return partial.pieces.filter(({ begin, end, done }) => begin + done < end);
}
