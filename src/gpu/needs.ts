import {
  VK_SUBGROUP_FEATURE_ARITHMETIC_BIT as subgroupArithmetic,
  VK_SUBGROUP_FEATURE_BALLOT_BIT as subgroupBallot,
  VK_SUBGROUP_FEATURE_BASIC_BIT as subgroupBasic,
} from "../../ffi/vulkan.gen.ts";

/** What a device offers of the things that are needed. */
export interface Capabilities {
  /** Packed as in Vulkan. Below 1.2 the rest is not known. */
  readonly apiVersion: number;
  readonly timelineSemaphores: boolean;
  readonly pushDescriptors: boolean;
  readonly computeQueue: boolean;
  /** `VK_SUBGROUP_FEATURE_*` bits that work in compute shaders. */
  readonly subgroupOperations: number;
  readonly subgroupSize: number;
  readonly workgroupInvocations: number;
  readonly storageBuffers: number;
  readonly sharedMemoryBytes: number;
  readonly pushConstantBytes: number;
}

interface Need {
  readonly name: string;
  readonly isMet: (device: Capabilities) => boolean;
  /** What the device has, for needs that are more than yes or no. */
  readonly have?: (device: Capabilities) => string | number;
}

const subgroups = subgroupBasic | subgroupArithmetic | subgroupBallot;

/**
 * Everything that a device must have, in one table: opening a device and `llamav doctor` read it, and
 * `tests/gpu/needs.test.ts` compares it with the compiled kernels. What every Vulkan 1.2 device has is not listed,
 * such as views of 128 MiB and 65,535 workgroups per axis.
 */
const needs: readonly Need[] = [
  {
    name: "Vulkan 1.2",
    isMet: ({ apiVersion }) => apiVersion >= (1 << 22 | 2 << 12),
    have: ({ apiVersion }) => versionText(apiVersion),
  },
  { name: "timeline semaphores", isMet: (device) => device.timelineSemaphores },
  { name: "VK_KHR_push_descriptor", isMet: (device) => device.pushDescriptors },
  { name: "a compute queue", isMet: (device) => device.computeQueue },
  {
    name: "subgroup arithmetic and ballots in compute shaders",
    isMet: ({ subgroupOperations }) => (subgroupOperations & subgroups) === subgroups,
  },
  // Shaders reserve room for the sums of a quarter as many subgroups as there are invocations.
  atLeast(4, "invocations per subgroup", "subgroupSize"),
  // Norms and top_k; all that is sure is 128.
  atLeast(256, "invocations per workgroup", "workgroupInvocations"),
  // Attention and the vision embedding; all that is sure is 4.
  atLeast(7, "storage buffers per kernel", "storageBuffers"),
  // Attention with heads of 128 takes all of this.
  atLeast(16_384, "bytes of shared memory", "sharedMemoryBytes"),
  atLeast(128, "bytes of push constants", "pushConstantBytes"),
];

/** The needs that a device does not meet, in words; empty if it can be used. */
export function unmetNeeds(device: Capabilities): string[] {
  const unmet = needs.filter(({ isMet }) => !isMet(device));
  // A version that is too old explains all the others.
  const told = unmet[0] === needs[0] ? unmet.slice(0, 1) : unmet;
  return told.map((need) => describe(need, device));
}

/** All needs in words, with what the device has of each. */
export function describeNeeds(device: Capabilities): string[] {
  return needs.map((need) => describe(need, device));
}

/** Decimal `major.minor.patch` of a packed Vulkan version. */
export function versionText(version: number): string {
  return `${version >>> 22 & 0x7f}.${version >>> 12 & 0x3ff}.${version & 0xfff}`;
}

function describe({ name, have }: Need, device: Capabilities): string {
  return have ? `${name} (it has ${have(device)})` : name;
}

type Quantity =
  | "subgroupSize"
  | "workgroupInvocations"
  | "storageBuffers"
  | "sharedMemoryBytes"
  | "pushConstantBytes";

function atLeast(least: number, what: string, quantity: Quantity): Need {
  return {
    name: `${least} ${what}`,
    isMet: (device) => device[quantity] >= least,
    have: (device) => device[quantity],
  };
}
