import type { Device } from "../gpu/device.ts";

/**
 * How a workgroup of an attention kernel is cut up; shaders/include/attention_rows.glsl explains the names. A row's
 * sums depend on `KEY_LANES`, `KEYS_PER_LANE` and `KEY_SPLITS`, so these must be the same for every row count.
 */
export interface AttentionTile {
  readonly WORKGROUP_SIZE: number;
  readonly KEY_LANES: number;
  readonly KEYS_PER_LANE: number;
  readonly ROW_VECS: number;
  /** A power of two. */
  readonly KEY_SPLITS: number;
  readonly ONE_SUBGROUP: number;
}

/** Query rows of one workgroup. */
export function tileRows(tile: AttentionTile): number {
  return tile.WORKGROUP_SIZE / (tile.KEY_LANES * tile.KEY_SPLITS) * 4 * tile.ROW_VECS;
}

/**
 * A tile that suits the device.
 *
 * @param rowCount query rows that share keys, over all workgroups
 * @param keySplits wanted on a GPU where few rows attend to many keys; 1 where rows are plenty
 */
export function attentionTile({ info }: Device, rowCount: number, keySplits: number): AttentionTile {
  // A CPU driver runs a subgroup as one vector and pays for every barrier between subgroups.
  if (info.type === "cpu") {
    return {
      WORKGROUP_SIZE: info.subgroupSize,
      KEY_LANES: info.subgroupSize,
      KEYS_PER_LANE: 4,
      ROW_VECS: 1,
      KEY_SPLITS: 1,
      ONE_SUBGROUP: 1,
    };
  }
  const KEY_LANES = 32;
  // 128 invocations, which every device has.
  const mostRowTiles = 4 / keySplits;
  const rowTiles = Math.min(mostRowTiles, 2 ** Math.ceil(Math.log2(Math.max(1, rowCount / 4))));
  return {
    WORKGROUP_SIZE: rowTiles * keySplits * KEY_LANES,
    KEY_LANES,
    KEYS_PER_LANE: 2,
    ROW_VECS: 1,
    KEY_SPLITS: keySplits,
    ONE_SUBGROUP: 0,
  };
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
