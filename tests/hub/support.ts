import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Environment } from "../../src/base/environment.ts";
import { philox } from "../../src/base/random.ts";
import { pull, type PulledModel, type PullEvent, type PullTuning } from "../../src/hub/pull.ts";
import { hubSettings } from "../../src/hub/settings.ts";
import { hubCommit, hubRepository, type LocalHub } from "../support/local_hub.ts";

export const pieceBytes = 100_000;
export const weightBytes = 3 * pieceBytes;
export const shards = ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"] as const;

/** A checkpoint's files as far as a download cares, and two that nobody needs. */
export const modelFiles: Readonly<Record<string, Uint8Array | string>> = {
  "README.md": "not needed",
  "original/consolidated.00.pth": "not needed either",
  "config.json": JSON.stringify({ model_type: "mllama" }),
  "tokenizer.json": "{}",
  "model.safetensors.index.json": JSON.stringify({ weight_map: { a: shards[0], b: shards[1] } }),
  [shards[0]]: noise(1, weightBytes),
  // Two whole pieces and one that is not.
  [shards[1]]: noise(2, weightBytes - 77),
};

export const neededFiles = ["config.json", "model.safetensors.index.json", "tokenizer.json", ...shards];

function noise(seed: number, bytes: number): Uint8Array {
  const words = Array.from({ length: Math.ceil(bytes / 16) }, (_, i) => [...philox(seed, i)]).flat();
  return new Uint8Array(Uint32Array.from(words).buffer, 0, bytes);
}

export interface PullCall {
  readonly repository?: string;
  readonly revision?: string;
  readonly env?: Environment;
  readonly tuning?: Partial<PullTuning>;
  readonly signal?: AbortSignal;
  readonly onEvent?: (event: PullEvent) => void;
}

/** Pulls from a hub into the cache below `home`, in small pieces and without waiting between attempts. */
export function pullFrom(hub: LocalHub | string, home: string, call: PullCall = {}): Promise<PulledModel> {
  const endpoint = typeof hub === "string" ? hub : hub.url;
  return pull({
    repository: call.repository ?? hubRepository,
    revision: call.revision ?? "main",
    settings: hubSettings({ HF_HOME: home, HF_ENDPOINT: endpoint, ...call.env }),
    userAgent: "llamav-test",
    onEvent: call.onEvent ?? (() => {}),
    signal: call.signal,
    tuning: {
      connections: 3,
      pieceBytes,
      maxFailures: 4,
      pause: (_, signal) => Promise.resolve(signal?.throwIfAborted()),
      ...call.tuning,
    },
  });
}

export function repositoryRoot(home: string): string {
  return join(home, "hub/models--acme--tiny-vision");
}

export function snapshotPath(home: string, name = ""): string {
  return join(repositoryRoot(home), "snapshots", hubCommit, name);
}

/** Names of the blobs, those on their way included. */
export function blobNames(home: string): string[] {
  try {
    return readdirSync(join(repositoryRoot(home), "blobs")).sort();
  } catch {
    return [];
  }
}

/** Whether every needed file, and no other, is there with the hub's bytes. */
export function isIdentical(home: string, files = modelFiles): boolean {
  const names = readdirSync(snapshotPath(home)).sort();
  return names.join() === neededFiles.toSorted().join() &&
    names.every((name) => Buffer.from(files[name]!).equals(readFileSync(snapshotPath(home, name))));
}
