import { lstat, mkdir, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { ModelNotFoundError, RequestError } from "../base/errors.ts";
import { findCached, type RepositoryFolders, repositoryFolders } from "./cache.ts";
import { HubClient } from "./client.ts";
import { checkSpace, type Disk, disk, explainWrite } from "./disk.ts";
import { type Download, downloadAll } from "./download.ts";
import type { HubFile, HubListing } from "./listing.ts";
import { withLock } from "./lock.ts";
import { isPartial, isThere, PartialFile } from "./partial_file.ts";
import type { RepositoryRevision } from "./repository.ts";
import { pause, withRetries } from "./retry.ts";
import type { HubSettings } from "./settings.ts";
import { linkBlob, tagCache, writeRef } from "./snapshot.ts";

/** How a pull goes on, in the order in which it happens. */
export type PullEvent =
  /** Another program is pulling into the same repository. */
  | { readonly event: "waiting" }
  | {
    readonly event: "start";
    readonly repository: string;
    readonly commit: string;
    readonly files: number;
    /** Bytes of all files, and of those that are there already. */
    readonly total: number;
    readonly completed: number;
  }
  /** Bytes of one file, and of all. */
  | {
    readonly event: "progress";
    readonly file: string;
    readonly completed: number;
    readonly total: number;
    readonly allCompleted: number;
    readonly allTotal: number;
  }
  | { readonly event: "verifying" | "done"; readonly file: string; readonly total: number }
  | { readonly event: "retry"; readonly file: string; readonly reason: string; readonly delayMs: number };

/** What tests set; people have no reason to. */
export interface PullTuning {
  /** Requests that run at the same time. */
  readonly connections: number;
  readonly pieceBytes: number;
  readonly stallMs: number;
  readonly maxFailures: number;
  readonly pause: typeof pause;
  readonly disk: Disk;
}

export interface PullOptions extends RepositoryRevision {
  readonly settings: HubSettings;
  /** Which of the files are wanted; left out, all. */
  readonly wants?: (path: string) => boolean;
  readonly userAgent: string;
  readonly onEvent: (event: PullEvent) => void;
  readonly signal?: AbortSignal;
  readonly tuning?: Partial<PullTuning>;
}

export interface PulledModel extends RepositoryRevision {
  readonly commit: string;
  /** Directory with the checkpoint's files. */
  readonly path: string;
  readonly bytes: number;
  /** Bytes that came over the network. */
  readonly fetchedBytes: number;
}

const defaultTuning: PullTuning = {
  connections: 8,
  // Small enough that eight that wait to be written fit into memory, large enough that asking for it costs nothing.
  pieceBytes: 32 << 20,
  stallMs: 30_000,
  maxFailures: 8,
  pause,
  disk,
};

/** Who pulls without a network hears of it soon: later a connection is waited for with more patience. */
const firstContact = { stallMs: 10_000, maxUnreachable: 3 };

/** Partial files that nobody has written to for so long are of pulls that nobody goes on with. */
const strayMs = 7 * 24 * 3_600_000;

/**
 * Brings a model into the cache of the hub: the files that this program reads, each checked against the hash that the
 * hub has announced before it gets its name. What an earlier pull has brought is not fetched again.
 *
 * @throws {ModelNotFoundError} If there is no such repository or revision, or none in the cache where the network
 * must not be used.
 * @throws {ModelError} If it is no model of ours, or the hub sends something else than it has announced.
 * @throws {RequestError} If none of its files is wanted.
 * @throws {AccessError} If the repository is gated, or the token is not known.
 * @throws {NetworkError} If the network keeps failing.
 * @throws {ExplainedError} If the disk is full or may not be written.
 */
export async function pull(options: PullOptions): Promise<PulledModel> {
  const { settings, repository, revision, signal, onEvent } = options;
  const tuning = { ...defaultTuning, ...options.tuning };
  if (settings.offline) return pullFromCache(options);
  const clientOf = (stallMs: number) => new HubClient(settings, { userAgent: options.userAgent, stallMs });
  const lister = clientOf(Math.min(tuning.stallMs, firstContact.stallMs));
  const listing = await withRetries(
    `the list of files of ${repository}`,
    () => lister.list({ repository, revision }, signal),
    {
      ...tuning,
      maxUnreachable: firstContact.maxUnreachable,
      signal,
      onRetry: (reason, delayMs) => onEvent({ event: "retry", file: "", reason, delayMs }),
    },
  );
  const files = listing.files.filter(({ path }) => options.wants?.(path) ?? true);
  if (files.length === 0) {
    throw new RequestError(`None of the files of ${repository} is wanted`, {
      remedy: `There are ${describeFiles(listing.files)}`,
    });
  }
  const folders = repositoryFolders(settings.cache, repository);
  const client = clientOf(tuning.stallMs);
  try {
    return await withLock(
      folders.lock,
      () => fetchListing({ ...listing, files }, folders, client, options, tuning),
      {
        signal,
        onWait: () => onEvent({ event: "waiting" }),
      },
    );
  } catch (error) {
    throw explainWrite(error, settings.cache);
  }
}

const mostNamed = 20;

function describeFiles(files: readonly HubFile[]): string {
  const names = files.slice(0, mostNamed).map(({ path }) => path).join(", ");
  return files.length > mostNamed ? `${names} and ${files.length - mostNamed} more` : names;
}

function pullFromCache({ settings, repository, revision }: PullOptions): PulledModel {
  const cached = findCached(settings.cache, { repository, revision });
  if (cached && cached.missing.length === 0) return { ...cached, fetchedBytes: 0 };
  throw new ModelNotFoundError(
    `${repository} is not complete in ${settings.cache}, and --offline or HF_HUB_OFFLINE forbids to fetch it`,
    "Pull it without --offline, and with HF_HUB_OFFLINE unset",
  );
}

async function fetchListing(
  { commit, files }: HubListing,
  folders: RepositoryFolders,
  client: HubClient,
  { repository, revision, settings, signal, onEvent }: PullOptions,
  tuning: PullTuning,
): Promise<PulledModel> {
  await mkdir(folders.blobs, { recursive: true });
  await tagCache(settings.cache);
  const path = join(folders.snapshots, commit);
  const place = (file: HubFile) => linkBlob(join(folders.blobs, file.hash.hex), join(path, file.path));
  const missing = await placeWhatIsThere(files, folders, path, place);
  const downloads: Download[] = [];
  try {
    for (const file of missing) {
      const blob = join(folders.blobs, file.hash.hex);
      const partial = await PartialFile.open(blob, file.size, tuning.pieceBytes, tuning.disk);
      downloads.push({ file, partial });
    }
    const bytesToCome = downloads.reduce((sum, { file, partial }) => sum + file.size - partial.doneBytes, 0);
    await checkSpace(bytesToCome, folders.blobs, tuning.disk);
    const total = files.reduce((sum, { size }) => sum + size, 0);
    onEvent({
      event: "start",
      repository,
      commit,
      files: files.length,
      total,
      completed: total - bytesToCome,
    });
    const target = { repository, commit, total, completed: total - bytesToCome };
    const fetchedBytes = await downloadAll(downloads, target, client, { ...tuning, place, onEvent, signal });
    await placeWhatIsThere(files, folders, path, place);
    if (revision !== commit) await writeRef(folders, revision, commit);
    await removeStrays(folders.blobs);
    return { repository, revision, commit, path, bytes: total, fetchedBytes };
  } finally {
    // Those that are finished are closed already.
    await Promise.all(downloads.map(({ partial }) => partial.close()));
  }
}

/** Gives names to the files whose bytes are there. @returns the others */
async function placeWhatIsThere(
  files: readonly HubFile[],
  folders: RepositoryFolders,
  path: string,
  place: (file: HubFile) => Promise<void>,
): Promise<HubFile[]> {
  const missing: HubFile[] = [];
  for (const file of files) {
    if (await isThere(join(path, file.path), file.size)) continue;
    if (await isThere(join(folders.blobs, file.hash.hex), file.size)) await place(file);
    // Two files of the same bytes are one blob.
    else if (!missing.some(({ hash }) => hash.hex === file.hash.hex)) missing.push(file);
  }
  return missing;
}

/** Removes what pulls of other versions have left, unless they may still be gone on with. */
async function removeStrays(blobs: string): Promise<void> {
  for (const name of (await readdir(blobs)).filter(isPartial)) {
    const path = join(blobs, name);
    const { mtimeMs } = await lstat(path);
    if (Date.now() - mtimeMs > strayMs) await rm(path, { force: true });
  }
}
