import { streamRead, streamReadKernel, type StreamTile, wordsPerGroup } from "../../ops/stream_read.ts";
import * as reference from "../../reference/stream_read.ts";
import { exactly, type KernelCase, kernelCase } from "../kernel_case.ts";
import { random } from "../random.ts";

/** Words of any size: most sums wrap around. */
export function streamReadCase(groups: number, tile: StreamTile) {
  const { WORKGROUP_SIZE: width, LOADS: loads, SIDE_BY_SIDE: sideBySide } = tile;
  const { below } = random(1);
  const x = Uint32Array.from({ length: groups * wordsPerGroup(tile) }, () => below(2 ** 32));
  return kernelCase({
    kernel: streamReadKernel,
    name: `${groups} workgroups of ${width}, ${loads} loads ${sideBySide ? "side by side" : "each"}`,
    tensors: {
      x: { dtype: "u32", shape: [x.length], data: x },
      y: { dtype: "u32", shape: [groups * width] },
    },
    record: (cmd, { x, y }) => streamRead(cmd, x, y, tile),
    want: () => ({ y: exactly(reference.streamRead(x, width, loads, sideBySide === 1)) }),
  });
}

export function streamReadCases(): KernelCase[] {
  return [
    streamReadCase(3, { WORKGROUP_SIZE: 64, LOADS: 16, SIDE_BY_SIDE: 1 }),
    streamReadCase(5, { WORKGROUP_SIZE: 8, LOADS: 64, SIDE_BY_SIDE: 0 }),
  ];
}
