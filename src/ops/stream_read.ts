import type { Device } from "../gpu/device.ts";
import { kernel, read, write } from "../gpu/kernel.ts";
import type { Recorder } from "../gpu/recorder.ts";
import type { Tensor } from "../gpu/tensor.ts";
import { checkMultiple, checkShape } from "./check.ts";

export const streamReadKernel = kernel({
  shader: "stream_read",
  args: { x: read("words4"), y: write("u32") },
  spec: { WORKGROUP_SIZE: 64, LOADS: 16, SIDE_BY_SIDE: 1 },
});

/** Words of 32 bits in one load. */
const wordsPerLoad = 4;

/** How memory is given out to invocations. */
export interface StreamTile {
  readonly WORKGROUP_SIZE: number;
  /** Loads of one invocation. */
  readonly LOADS: number;
  /** 1: neighbours read neighbouring vectors; 0: each has a piece of its own. */
  readonly SIDE_BY_SIDE: 0 | 1;
}

/**
 * The ways of reading of which one is a device's fastest. GPUs want many loads under way, CPU drivers long walks: the
 * older ones each invocation for itself, the newer ones side by side.
 */
export function streamTiles({ info }: Device): readonly StreamTile[] {
  if (info.type !== "cpu") {
    return [64, 256].map((size) => ({ WORKGROUP_SIZE: size, LOADS: 16, SIDE_BY_SIDE: 1 }));
  }
  const tile = { WORKGROUP_SIZE: info.subgroupSize, LOADS: 512 };
  return [{ ...tile, SIDE_BY_SIDE: 1 }, { ...tile, SIDE_BY_SIDE: 0 }];
}

/** Words that a workgroup reads. */
export function wordsPerGroup({ WORKGROUP_SIZE, LOADS }: StreamTile): number {
  return WORKGROUP_SIZE * LOADS * wordsPerLoad;
}

/**
 * Reads every word once and keeps sums, to measure how fast a device reads: with W invocations of L loads in a
 * workgroup, `y[g·W + i] = Σ x[4·(g·W·L + v) + c]` modulo 2³² over `c < 4` and the L vectors `v` of invocation i, which
 * are `v = i + l·W` side by side and `v = i·L + l` otherwise, `l < L`.
 *
 * @param x u32 [N], N a multiple of 4·W·L
 * @param y u32 [N / (4·L)]
 * @throws {RangeError} If N is no such multiple, or `y` does not fit `x`.
 */
export function streamRead(cmd: Recorder, x: Tensor<"u32">, y: Tensor<"u32">, tile: StreamTile): void {
  const [words = 0] = x.shape;
  checkShape("x", x, [words]);
  checkMultiple("words of x", words, wordsPerGroup(tile));
  checkShape("y", y, [words / wordsPerLoad / tile.LOADS]);
  cmd.dispatch(streamReadKernel, { x, y }, [words / wordsPerGroup(tile)], { ...tile });
}
