import type { Device } from "../gpu/device.ts";

/**
 * How a workgroup of an attention kernel is cut up; shaders/include/attention_rows.glsl explains the names. A row's
 * sums depend on these, so they are the same for every row count.
 */
export interface AttentionTile {
  readonly WORKGROUP_SIZE: number;
  readonly KEY_LANES: number;
  readonly KEYS_PER_LANE: number;
  readonly KEY_SPLITS: number;
  readonly ONE_SUBGROUP: number;
}

/** Specialization constants of shaders/include/attention_rows.glsl, in the order of their ids, with its defaults. */
export const attentionSpec = {
  WORKGROUP_SIZE: 8,
  HEAD_DIM: 128,
  KEY_LANES: 8,
  KEYS_PER_LANE: 4,
  KEY_SPLITS: 1,
  ONE_SUBGROUP: 0,
} as const;

/** Query rows of one workgroup. */
export function tileRows(tile: AttentionTile): number {
  return tile.WORKGROUP_SIZE / (tile.KEY_LANES * tile.KEY_SPLITS) * 4;
}

/**
 * A tile that suits the device.
 *
 * @param keySplits how many teams of a GPU's workgroup share the keys of a row: 4 where few rows attend to many keys,
 *     1 where rows are plenty
 */
export function attentionTile({ info }: Pick<Device, "info">, keySplits: 1 | 4): AttentionTile {
  // A CPU driver runs a subgroup as one vector and pays for every barrier between subgroups.
  if (info.type === "cpu") {
    const lanes = info.subgroupSize;
    return { WORKGROUP_SIZE: lanes, KEY_LANES: lanes, KEYS_PER_LANE: 4, KEY_SPLITS: 1, ONE_SUBGROUP: 1 };
  }
  // 128 invocations are what every device has. A team of 32 covers a head of 128 with a vec4 each.
  return { WORKGROUP_SIZE: 128, KEY_LANES: 32, KEYS_PER_LANE: 2, KEY_SPLITS: keySplits, ONE_SUBGROUP: 0 };
}

/**
 * Keys that a row can attend to on this device before the loops of its invocation end early
 * (`DeviceLimits.loopSteps`). Counted as the driver does, the look that ends a loop included.
 */
export function mostKeys(device: Pick<Device, "info" | "limits">, heads: HeadCounts): number {
  const { WORKGROUP_SIZE, KEY_LANES, KEYS_PER_LANE } = attentionTile(device, 1);
  const vecs = heads.headDim / 4;
  const block = KEY_LANES * KEYS_PER_LANE;
  const blockSteps = 1 + (vecs + 1) + (KEY_LANES / 4 + 1) + (block / 2 + 1);
  // Rows of different sequences or images in one workgroup come one after the other, each with a start and an end.
  const runs = Math.max(1, 4 / (heads.heads / heads.kvHeads));
  const runSteps = 2 * (4 * vecs / WORKGROUP_SIZE + 1) * (KEY_LANES + 6);
  return Math.floor((device.limits.loopSteps / runs - runSteps) / blockSteps) * block;
}

/** Bytes of shared memory that the attention kernels take for heads of this size. */
export function attentionSharedBytes(device: Pick<Device, "info">, headDim: number): number {
  const { WORKGROUP_SIZE, KEY_LANES, KEYS_PER_LANE } = attentionTile(device, 1);
  const teams = WORKGROUP_SIZE / KEY_LANES;
  const weights = teams * KEY_LANES * KEYS_PER_LANE;
  return 16 * (2 * WORKGROUP_SIZE + weights + teams * 4 * (headDim / 4)); // vec4s: peaks, totals, weights, rows
}

/** A list of keys is read in blocks of at most this many. */
export const keyGranularity = 64;

export interface HeadCounts {
  readonly heads: number;
  readonly kvHeads: number;
  readonly headDim: number;
}

/**
 * @throws {RangeError} If the kernels cannot hold such heads, or query heads cannot be shared out evenly.
 */
export function checkHeads(heads: number, kvHeads: number, headDim: number): void {
  if (headDim < 8 || headDim > 256 || headDim % 4 !== 0) {
    throw new RangeError(`"headDim" must be a multiple of 4 from 8 to 256, have ${headDim}`);
  }
  if (kvHeads < 1 || heads < 1 || heads % kvHeads !== 0) {
    throw new RangeError(`"heads" must be a multiple of "kvHeads" (${kvHeads}), have ${heads}`);
  }
}
