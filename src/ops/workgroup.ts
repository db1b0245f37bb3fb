import type { Device } from "../gpu/device.ts";

/** Most workgroups along one axis on any Vulkan device; longer grids fold into the second axis. */
const MAX_GRID = 65535;

/** Specialization of the kernels that give a workgroup to each row. */
export interface RowWorkgroup {
  readonly WORKGROUP_SIZE: number;
  readonly ONE_SUBGROUP: number;
}

/**
 * How many invocations share a row. A CPU driver runs a subgroup as one vector and pays for every barrier, so there
 * a row gets exactly one subgroup. A GPU gets enough invocations for one load each, up to `largest`.
 */
export function rowWorkgroup(device: Device, loads: number, largest = 256): RowWorkgroup {
  if (device.info.type === "cpu") return { WORKGROUP_SIZE: device.info.subgroupSize, ONE_SUBGROUP: 1 };
  let size = 32;
  while (size < loads && size < largest) size *= 2;
  return { WORKGROUP_SIZE: size, ONE_SUBGROUP: 0 };
}

/** A grid with at least `count` workgroups, one per row; the shader skips the surplus. */
export function rowGrid(count: number): readonly [x: number, y: number] {
  const y = Math.ceil(count / MAX_GRID);
  return [Math.ceil(count / y), y];
}
