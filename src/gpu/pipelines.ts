import { allocate, cString, handles, pack, packArray, words } from "../../ffi/struct.ts";
import { check } from "../../ffi/vulkan.ts";
import * as vk from "../../ffi/vulkan.gen.ts";
import { assert } from "../base/assert.ts";
import type { Device } from "./device.ts";
import type { Kernel } from "./kernel.ts";
import { bufferArgs, scalarArgs } from "./kernel_args.ts";
import { PipelineCacheFile } from "./pipeline_cache.ts";
import { ShaderLibrary } from "./shader_library.ts";

/** Descriptor and push-constant layout, shared by all kernels with the same number of each. */
export interface PipelineLayout {
  readonly handle: bigint;
  readonly setLayout: bigint;
  readonly bufferCount: number;
  readonly pushBytes: number;
}

export interface Pipeline {
  readonly handle: bigint;
  readonly layout: PipelineLayout;
}

/** Values of specialization constants by name; the kernel's defaults stand for those left out. */
export type SpecValues = Readonly<Record<string, number | undefined>>;

/** Compiled kernels, one per shader and set of specialization constants, made on first use. */
export class Pipelines {
  readonly #device: Device;
  readonly #pipelines = new Map<string, Pipeline>();
  readonly #layouts = new Map<string, PipelineLayout>();
  readonly #file: PipelineCacheFile | undefined;
  readonly #cache: bigint;
  #library: ShaderLibrary | undefined;
  #unsaved = false;

  constructor(device: Device, cacheDirectory: string | undefined) {
    this.#device = device;
    this.#file = cacheDirectory === undefined
      ? undefined
      : new PipelineCacheFile(cacheDirectory, device.info);
    const initial = this.#file?.load();
    this.#cache = device.create("vkCreatePipelineCache", vk.VkPipelineCacheCreateInfo, {
      initialDataSize: initial?.length ?? 0,
      pInitialData: initial ?? null,
    });
  }

  /**
   * The pipeline of a kernel.
   *
   * @throws {DeviceError} If the compiled shaders do not hold it.
   * @throws {VulkanError} If the driver cannot compile it.
   */
  get(kernel: Kernel, spec: SpecValues = {}): Pipeline {
    const values = specValues(kernel, spec);
    const key = `${kernel.shader}(${values})`;
    let pipeline = this.#pipelines.get(key);
    if (!pipeline) {
      pipeline = this.#create(kernel, values);
      this.#pipelines.set(key, pipeline);
      this.#unsaved = true;
    }
    return pipeline;
  }

  /** Pipelines compiled so far. */
  get count(): number {
    return this.#pipelines.size;
  }

  /** Writes the driver's cache to disk, if there is a directory for it and something new in it. */
  save(): void {
    if (!this.#file || !this.#unsaved) return;
    const { commands, handle } = this.#device;
    const size = handles(1);
    const read = commands.vkGetPipelineCacheData;
    // Not being able to keep the cache is no reason to fail: it only saves time.
    if (read(handle, this.#cache, size, null) !== vk.VkResult.VK_SUCCESS) return;
    const data = allocate(Math.max(1, Number(size[0]!)));
    if (read(handle, this.#cache, size, data) !== vk.VkResult.VK_SUCCESS) return;
    this.#file.save(data.subarray(0, Number(size[0]!)));
    this.#unsaved = false;
  }

  dispose(): void {
    const { commands, handle } = this.#device;
    this.save();
    for (const { handle: pipeline } of this.#pipelines.values()) {
      commands.vkDestroyPipeline(handle, pipeline, null);
    }
    for (const layout of this.#layouts.values()) {
      commands.vkDestroyPipelineLayout(handle, layout.handle, null);
      commands.vkDestroyDescriptorSetLayout(handle, layout.setLayout, null);
    }
    commands.vkDestroyPipelineCache(handle, this.#cache, null);
  }

  #create(kernel: Kernel, values: readonly number[]): Pipeline {
    const { commands, handle: device } = this.#device;
    this.#library ??= ShaderLibrary.load();
    const code = this.#library.get(kernel.shader);
    const layout = this.#layout(kernel);
    const { maxWorkgroupInvocations } = this.#device.limits;
    const size = values[0] ?? 1; // WORKGROUP_SIZE, by the convention of kernel()
    assert(
      size <= maxWorkgroupInvocations,
      `${kernel.shader}: ${size} invocations, at most ${maxWorkgroupInvocations}`,
    );
    const module = this.#device.create("vkCreateShaderModule", vk.VkShaderModuleCreateInfo, {
      codeSize: code.length,
      pCode: code,
    });
    const info = pack(vk.VkComputePipelineCreateInfo, {
      stage: {
        sType: vk.VkPipelineShaderStageCreateInfo.sType,
        stage: vk.VK_SHADER_STAGE_COMPUTE_BIT,
        module,
        pName: cString("main"),
        pSpecializationInfo: packSpecialization(values),
      },
      layout: layout.handle,
      basePipelineIndex: -1,
    });
    const out = handles(1);
    try {
      check(
        commands.vkCreateComputePipelines(device, this.#cache, 1, info, null, out),
        "vkCreateComputePipelines",
      );
    } finally {
      commands.vkDestroyShaderModule(device, module, null);
    }
    return { handle: out[0]!, layout };
  }

  #layout(kernel: Kernel): PipelineLayout {
    const bufferCount = bufferArgs(kernel).length;
    const pushBytes = scalarArgs(kernel).length * 4;
    const { maxPushConstantBytes } = this.#device.limits;
    assert(
      pushBytes <= maxPushConstantBytes,
      `${kernel.shader}: ${pushBytes} > ${maxPushConstantBytes} push bytes`,
    );
    const key = `${bufferCount},${pushBytes}`;
    let layout = this.#layouts.get(key);
    if (!layout) this.#layouts.set(key, layout = createLayout(this.#device, bufferCount, pushBytes));
    return layout;
  }
}

function specValues(kernel: Kernel, spec: SpecValues): number[] {
  for (const name in spec) {
    if (!(name in kernel.spec)) assert(false, `${kernel.shader} has no constant ${name}`);
  }
  return Object.entries(kernel.spec).map(([name, initial]) => {
    const value = spec[name] ?? initial;
    if (value !== value >>> 0) assert(false, `${kernel.shader}: constant ${name} = ${value}`);
    return value;
  });
}

function packSpecialization(values: readonly number[]): Uint8Array {
  const entries = values.map((_, id) => ({ constantID: id, offset: id * 4, size: 4 }));
  return pack(vk.VkSpecializationInfo, {
    mapEntryCount: entries.length,
    pMapEntries: packArray(vk.VkSpecializationMapEntry, entries),
    dataSize: values.length * 4,
    pData: words(values),
  });
}

function createLayout(device: Device, bufferCount: number, pushBytes: number): PipelineLayout {
  const bindings = Array.from({ length: bufferCount }, (_, binding) => ({
    binding,
    descriptorType: vk.VK_DESCRIPTOR_TYPE_STORAGE_BUFFER,
    descriptorCount: 1,
    stageFlags: vk.VK_SHADER_STAGE_COMPUTE_BIT,
  }));
  const setLayout = device.create("vkCreateDescriptorSetLayout", vk.VkDescriptorSetLayoutCreateInfo, {
    flags: vk.VK_DESCRIPTOR_SET_LAYOUT_CREATE_PUSH_DESCRIPTOR_BIT_KHR,
    bindingCount: bufferCount,
    pBindings: packArray(vk.VkDescriptorSetLayoutBinding, bindings),
  });
  const push = pack(vk.VkPushConstantRange, { stageFlags: vk.VK_SHADER_STAGE_COMPUTE_BIT, size: pushBytes });
  try {
    const handle = device.create("vkCreatePipelineLayout", vk.VkPipelineLayoutCreateInfo, {
      setLayoutCount: 1,
      pSetLayouts: handles([setLayout]),
      pushConstantRangeCount: pushBytes > 0 ? 1 : 0,
      pPushConstantRanges: push,
    });
    return { handle, setLayout, bufferCount, pushBytes };
  } catch (error) {
    device.commands.vkDestroyDescriptorSetLayout(device.handle, setLayout, null);
    throw error;
  }
}
