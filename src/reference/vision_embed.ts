export interface VisionEmbedCase {
  readonly patches: ArrayLike<number>; // [realTiles (N - 1), C]
  readonly rows: readonly (readonly [tile: number, token: number])[];
  readonly classEmbedding: ArrayLike<number>; // [C]
  readonly positional: ArrayLike<number>; // [N, C]
  readonly tilePositional: ArrayLike<number>; // [tiles N, C]
  readonly preTile: ArrayLike<number>; // [tiles C]
  readonly realTiles: number;
  readonly tokens: number;
  readonly positionGate: number;
  readonly preTileGate: number;
}

/** Class vector or patch, tile embedding on patches only, then both gated positions, in f64. */
export function visionEmbed(input: VisionEmbedCase): Float64Array {
  const { tokens, positionGate, preTileGate } = input;
  const channels = input.classEmbedding.length;
  const x: number[] = [];
  for (const [tile, token] of input.rows) {
    for (let c = 0; c < channels; c++) {
      if (token >= tokens) {
        x.push(0);
        continue;
      }
      let value: number;
      if (token === 0) {
        value = input.classEmbedding[c]!;
      } else {
        const patch = tile < input.realTiles
          ? input.patches[(tile * (tokens - 1) + token - 1) * channels + c]!
          : 0;
        value = patch + preTileGate * input.preTile[tile * channels + c]!;
      }
      value += (1 - positionGate) * input.positional[token * channels + c]!;
      value += positionGate * input.tilePositional[(tile * tokens + token) * channels + c]!;
      x.push(value);
    }
  }
  return Float64Array.from(x);
}
