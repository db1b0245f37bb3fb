import type { MllamaConfig } from "./config.ts";

/**
 * The rows of one image in the vision tower. Attention has no order of its own, so rows are sorted such that
 * no mask is needed: real tokens first, which see every row; pads last, which see real rows only (Meta's mask
 * forbids just pad × pad).
 *
 * All missing tiles hold the same tokens, and so do all pad patches of a tile; pads never see each other, so
 * equal rows stay equal through every layer. With `deduplicate`, one row stands for all of its copies, and its
 * key carries the logarithm of their number as a bias: exact, and a third of the work for a one-tile image.
 * It needs unused slots of the position tables to be zero, as they are in converted checkpoints.
 */
export interface VisionLayout {
  /** [tile, token] of every row; token 0 is the class token, 1… are patches, `tokensPerTile` and above are pad patches. */
  readonly rows: Uint32Array;
  readonly rowCount: number;
  /** Rows of real tiles' tokens: 0 … realCount − 1, tile by tile. */
  readonly realCount: number;
  /** Rows that hold embedded tokens, missing tiles' included; the rest are pad patches, which start as zeros. */
  readonly embeddedCount: number;
  /** Attention bias of the keys realCount … rowCount − 1: ln(copies the row stands for). */
  readonly keyBias: Float32Array;
}

/** Lays out an image of `tileCount` real tiles. */
export function visionLayout(
  config: MllamaConfig["vision"],
  tileCount: number,
  deduplicate: boolean,
): VisionLayout {
  const { tokensPerTile, maxNumTiles } = config;
  const rows: number[] = [];
  const bias: number[] = [];
  const missing = maxNumTiles - tileCount;
  const padPatches = Math.ceil(tokensPerTile / 8) * 8 - tokensPerTile; // tiles are padded to a multiple of eight tokens

  for (let tile = 0; tile < tileCount; tile++) {
    for (let token = 0; token < tokensPerTile; token++) rows.push(tile, token);
  }
  const realCount = tileCount * tokensPerTile;

  const missingTiles = deduplicate ? Math.min(missing, 1) : missing;
  const missingCopies = deduplicate ? missing : 1;
  for (let tile = tileCount; tile < tileCount + missingTiles; tile++) {
    for (let token = 0; token < tokensPerTile; token++) {
      rows.push(tile, token);
      bias.push(Math.log(missingCopies));
    }
  }
  const embeddedCount = realCount + missingTiles * tokensPerTile;

  const padRows = deduplicate ? Math.min(padPatches, 1) : padPatches;
  const padCopies = deduplicate ? padPatches : 1;
  for (let tile = 0; tile < tileCount + missingTiles; tile++) {
    for (let pad = 0; pad < padRows; pad++) {
      rows.push(tile, tokensPerTile + pad);
      bias.push(Math.log(padCopies * (tile < tileCount ? 1 : missingCopies)));
    }
  }
  return {
    rows: Uint32Array.from(rows),
    rowCount: rows.length / 2,
    realCount,
    embeddedCount,
    keyBias: Float32Array.from(bias),
  };
}

/** The most rows an image can have: what the tower's buffers are sized for. */
export function maxVisionRows(config: MllamaConfig["vision"]): number {
  return config.maxNumTiles * Math.ceil(config.tokensPerTile / 8) * 8;
}
