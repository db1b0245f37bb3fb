import { assert } from "../base/assert.ts";
import { dtypeBytes } from "../base/dtype.ts";
import type { Device } from "../gpu/device.ts";
import { kernel, optional, read, write } from "../gpu/kernel.ts";
import type { Recorder } from "../gpu/recorder.ts";
import { sliceRows, type Tensor } from "../gpu/tensor.ts";
import { checkMultiple, checkShape, matrixShape } from "./check.ts";
import { rowRanges } from "./views.ts";
import { weightDtypeCode, type WeightTensor } from "./weight.ts";

const scalars = {
  tokens: "u32",
  rows: "u32",
  columns: "u32",
  outputs: "u32",
  firstRow: "u32",
  hasBias: "u32",
  hasGelu: "u32",
  hasResidual: "u32",
  scale: "f32",
} as const;

const spec = {
  WORKGROUP_SIZE: 64,
  WEIGHT_DTYPE: 1,
  ROWS: 4,
  TOKENS: 4,
  TOKEN_LANES: 4,
  SPLIT_K: 0,
  ONE_SUBGROUP: 0,
  LOADS: 1,
} as const;

export const matmulKernel = kernel({
  shader: "matmul",
  args: {
    x: read("f32x4"),
    weight: read("words4"),
    bias: optional(read("f32")),
    residual: optional(read("f32")),
    y: write("f32"),
    ...scalars,
  },
  spec,
});

/** The same for 16-bit weights whose K is an odd multiple of 4. */
export const matmulNarrowKernel = kernel({
  shader: "matmul_narrow",
  args: { ...matmulKernel.args, weight: read("words2") },
  spec,
});

/** What happens to `x·Wᵀ` before it is stored: `y = residual + scale · act(x·Wᵀ + bias)`. */
export interface MatmulEpilogue {
  /** f32 [N]. */
  readonly bias?: Tensor<"f32">;
  /** GELU in its exact (erf) form. */
  readonly activation?: "gelu";
  /** f32 [T, N]; may alias `y`. */
  readonly residual?: Tensor<"f32">;
  /** 1 if left out. */
  readonly scale?: number;
}

/**
 * Matrix product with the weight's rows, as in `torch.nn.functional.linear`, and an epilogue:
 * `y[t, n] = residual[t, n] + scale · act(Σₖ x[t, k] · weight[n, k] + bias[n])`, accumulated in f32.
 *
 * The order of a sum depends on the device and on K, and on a GPU also on whether T is at most 8; otherwise not on T,
 * not on other rows, and not on where the weight was cut to fit the device's views.
 *
 * @param x f32 [T, K], K a multiple of 4
 * @param weight f32, bf16 or f16 [N, K]
 * @param y f32 [T, N]; may alias `epilogue.residual`, not `x`
 * @throws {RangeError} If a shape does not fit the others, or K is not a multiple of 4.
 */
export function matmul(
  cmd: Recorder,
  x: Tensor<"f32">,
  weight: WeightTensor,
  y: Tensor<"f32">,
  epilogue: MatmulEpilogue = {},
): void {
  const [tokens, columns] = matrixShape("x", x);
  const [outputs] = matrixShape("weight", weight);
  checkShape("weight", weight, [outputs, columns]);
  checkShape("y", y, [tokens, outputs]);
  checkMultiple("columns of x", columns, 4);
  const { bias, residual, activation, scale = 1 } = epilogue;
  if (bias !== undefined) checkShape("bias", bias, [outputs]);
  if (residual !== undefined) checkShape("residual", residual, [tokens, outputs]);

  const { limits } = cmd.device;
  const narrow = weight.dtype !== "f32" && columns % 8 !== 0;
  const loads = columns / (weight.dtype === "f32" || narrow ? 4 : 8);
  const tile = chooseTile(cmd.device, tokens, loads);
  const specialized = { ...tile, WEIGHT_DTYPE: weightDtypeCode[weight.dtype] };
  for (const [firstToken, endToken] of rowRanges(tokens, [4 * columns, 4 * outputs], limits)) {
    const slice = (tensor: Tensor<"f32">) => sliceRows(tensor, firstToken, endToken);
    for (const [firstRow, endRow] of rowRanges(outputs, [columns * dtypeBytes[weight.dtype]], limits)) {
      const groups = tileGrid(tile, endRow - firstRow, endToken - firstToken);
      assert(groups[1] <= limits.maxWorkgroupCount, "a slice of the weight fits one grid");
      const args = {
        x: slice(x),
        weight: sliceRows(weight, firstRow, endRow),
        bias,
        residual: residual && slice(residual),
        y: slice(y),
        tokens: endToken - firstToken,
        rows: endRow - firstRow,
        columns,
        outputs,
        firstRow,
        hasBias: Number(bias !== undefined),
        hasGelu: Number(activation === "gelu"),
        hasResidual: Number(residual !== undefined),
        scale,
      };
      if (narrow) cmd.dispatch(matmulNarrowKernel, args, groups, specialized);
      else cmd.dispatch(matmulKernel, args, groups, specialized);
    }
  }
}

type Tile = Pick<
  Record<keyof typeof spec, number>,
  "WORKGROUP_SIZE" | "ROWS" | "TOKENS" | "TOKEN_LANES" | "SPLIT_K" | "ONE_SUBGROUP" | "LOADS"
>;

/**
 * The tile of one invocation and the layout of a workgroup; include/matmul.glsl explains the two modes. On a CPU
 * driver a subgroup is one vector: every invocation has rows of its own and all share the loads of x. A GPU wants
 * neighbours to read neighbouring words when the weight is read for a few tokens only.
 *
 * @param loads that a row of the weight takes
 */
function chooseTile({ info }: Device, tokens: number, loads: number): Tile {
  if (info.type === "cpu") {
    const one = { WORKGROUP_SIZE: info.subgroupSize, TOKEN_LANES: 1, SPLIT_K: 0, ONE_SUBGROUP: 1 };
    // Four rows share each load of x, eight tokens each load of the weights, which costs more: that is one load for
    // each row and word. More rows or tokens bring nothing and take twice as long to compile.
    if (tokens > 1) return { ...one, ROWS: 4, TOKENS: tokens > 4 ? 8 : 4, LOADS: 1 };
    // Rows often begin a multiple of 4 KiB apart, and what is not read of a line at once is pushed out of the cache.
    return { ...one, ROWS: info.slowBroadcasts ? 4 : 2, TOKENS: 1, LOADS: loads % 2 === 0 ? 2 : 1 };
  }
  const size = { WORKGROUP_SIZE: 64, ONE_SUBGROUP: 0, LOADS: 1 };
  if (tokens > 8) return { ...size, ROWS: 4, TOKENS: 4, TOKEN_LANES: 4, SPLIT_K: 0 };
  const width = tokens === 1 ? 1 : tokens === 2 ? 2 : tokens <= 4 ? 4 : 8;
  return { ...size, ROWS: width <= 2 ? 4 : 2, TOKENS: width, TOKEN_LANES: 1, SPLIT_K: 1 };
}

function tileGrid(tile: Tile, rows: number, tokens: number): [number, number] {
  const rowLanes = tile.SPLIT_K === 1 ? 1 : tile.WORKGROUP_SIZE / tile.TOKEN_LANES;
  return [Math.ceil(tokens / (tile.TOKEN_LANES * tile.TOKENS)), Math.ceil(rows / (rowLanes * tile.ROWS))];
}
