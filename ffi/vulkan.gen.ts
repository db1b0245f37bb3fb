// Written by tools/vulkan_bindings.ts from the Vulkan registry. Do not edit.

import type { Layout } from "./struct.ts";
import type { Signatures } from "./library.ts";

export const VK_ACCESS_HOST_READ_BIT = 8192;
export const VK_ACCESS_SHADER_READ_BIT = 32;
export const VK_ACCESS_SHADER_WRITE_BIT = 64;
export const VK_ACCESS_TRANSFER_READ_BIT = 2048;
export const VK_ACCESS_TRANSFER_WRITE_BIT = 4096;
export const VK_BUFFER_USAGE_STORAGE_BUFFER_BIT = 32;
export const VK_BUFFER_USAGE_TRANSFER_DST_BIT = 2;
export const VK_BUFFER_USAGE_TRANSFER_SRC_BIT = 1;
export const VK_COMMAND_BUFFER_USAGE_SIMULTANEOUS_USE_BIT = 4;
export const VK_COMMAND_POOL_CREATE_RESET_COMMAND_BUFFER_BIT = 2;
export const VK_DESCRIPTOR_SET_LAYOUT_CREATE_PUSH_DESCRIPTOR_BIT_KHR = 1;
export const VK_DESCRIPTOR_TYPE_STORAGE_BUFFER = 7;
export const VK_EXTERNAL_MEMORY_FEATURE_IMPORTABLE_BIT = 4;
export const VK_EXTERNAL_MEMORY_HANDLE_TYPE_HOST_ALLOCATION_BIT_EXT = 128;
export const VK_INSTANCE_CREATE_ENUMERATE_PORTABILITY_BIT_KHR = 1;
export const VK_MEMORY_PROPERTY_DEVICE_LOCAL_BIT = 1;
export const VK_MEMORY_PROPERTY_HOST_CACHED_BIT = 8;
export const VK_MEMORY_PROPERTY_HOST_COHERENT_BIT = 4;
export const VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT = 2;
export const VK_PHYSICAL_DEVICE_TYPE_CPU = 4;
export const VK_PHYSICAL_DEVICE_TYPE_DISCRETE_GPU = 2;
export const VK_PHYSICAL_DEVICE_TYPE_INTEGRATED_GPU = 1;
export const VK_PHYSICAL_DEVICE_TYPE_VIRTUAL_GPU = 3;
export const VK_PIPELINE_BIND_POINT_COMPUTE = 1;
export const VK_PIPELINE_STAGE_COMPUTE_SHADER_BIT = 2048;
export const VK_PIPELINE_STAGE_BOTTOM_OF_PIPE_BIT = 8192;
export const VK_PIPELINE_STAGE_HOST_BIT = 16384;
export const VK_PIPELINE_STAGE_TRANSFER_BIT = 4096;
export const VK_QUERY_RESULT_64_BIT = 1;
export const VK_QUERY_RESULT_WAIT_BIT = 2;
export const VK_QUERY_TYPE_TIMESTAMP = 2;
export const VK_QUEUE_COMPUTE_BIT = 2;
export const VK_QUEUE_GRAPHICS_BIT = 1;
export const VK_SEMAPHORE_TYPE_TIMELINE = 1;
export const VK_SHADER_STAGE_COMPUTE_BIT = 32;
export const VK_SUBGROUP_FEATURE_ARITHMETIC_BIT = 4;
export const VK_SUBGROUP_FEATURE_BALLOT_BIT = 8;
export const VK_SUBGROUP_FEATURE_BASIC_BIT = 1;
export const VK_VALIDATION_FEATURE_ENABLE_SYNCHRONIZATION_VALIDATION_EXT = 4;

export const VkResult = {
  VK_SUCCESS: 0,
  VK_NOT_READY: 1,
  VK_TIMEOUT: 2,
  VK_EVENT_SET: 3,
  VK_EVENT_RESET: 4,
  VK_INCOMPLETE: 5,
  VK_ERROR_OUT_OF_HOST_MEMORY: -1,
  VK_ERROR_OUT_OF_DEVICE_MEMORY: -2,
  VK_ERROR_INITIALIZATION_FAILED: -3,
  VK_ERROR_DEVICE_LOST: -4,
  VK_ERROR_MEMORY_MAP_FAILED: -5,
  VK_ERROR_LAYER_NOT_PRESENT: -6,
  VK_ERROR_EXTENSION_NOT_PRESENT: -7,
  VK_ERROR_FEATURE_NOT_PRESENT: -8,
  VK_ERROR_INCOMPATIBLE_DRIVER: -9,
  VK_ERROR_TOO_MANY_OBJECTS: -10,
  VK_ERROR_FORMAT_NOT_SUPPORTED: -11,
  VK_ERROR_FRAGMENTED_POOL: -12,
  VK_ERROR_UNKNOWN: -13,
  VK_ERROR_OUT_OF_POOL_MEMORY: -1000069000,
  VK_ERROR_INVALID_EXTERNAL_HANDLE: -1000072003,
  VK_ERROR_FRAGMENTATION: -1000161000,
  VK_ERROR_INVALID_OPAQUE_CAPTURE_ADDRESS: -1000257000,
  VK_PIPELINE_COMPILE_REQUIRED: 1000297000,
  VK_ERROR_SURFACE_LOST_KHR: -1000000000,
  VK_ERROR_NATIVE_WINDOW_IN_USE_KHR: -1000000001,
  VK_SUBOPTIMAL_KHR: 1000001003,
  VK_ERROR_OUT_OF_DATE_KHR: -1000001004,
  VK_ERROR_INCOMPATIBLE_DISPLAY_KHR: -1000003001,
  VK_ERROR_VALIDATION_FAILED_EXT: -1000011001,
  VK_ERROR_INVALID_SHADER_NV: -1000012000,
  VK_ERROR_IMAGE_USAGE_NOT_SUPPORTED_KHR: -1000023000,
  VK_ERROR_VIDEO_PICTURE_LAYOUT_NOT_SUPPORTED_KHR: -1000023001,
  VK_ERROR_VIDEO_PROFILE_OPERATION_NOT_SUPPORTED_KHR: -1000023002,
  VK_ERROR_VIDEO_PROFILE_FORMAT_NOT_SUPPORTED_KHR: -1000023003,
  VK_ERROR_VIDEO_PROFILE_CODEC_NOT_SUPPORTED_KHR: -1000023004,
  VK_ERROR_VIDEO_STD_VERSION_NOT_SUPPORTED_KHR: -1000023005,
  VK_ERROR_INVALID_DRM_FORMAT_MODIFIER_PLANE_LAYOUT_EXT: -1000158000,
  VK_ERROR_NOT_PERMITTED_KHR: -1000174001,
  VK_ERROR_FULL_SCREEN_EXCLUSIVE_MODE_LOST_EXT: -1000255000,
  VK_THREAD_IDLE_KHR: 1000268000,
  VK_THREAD_DONE_KHR: 1000268001,
  VK_OPERATION_DEFERRED_KHR: 1000268002,
  VK_OPERATION_NOT_DEFERRED_KHR: 1000268003,
  VK_ERROR_COMPRESSION_EXHAUSTED_EXT: -1000338000,
} as const;

export const VkApplicationInfo = {
  name: "VkApplicationInfo", size: 48,
  fields: {
    sType: [0, "i32"],
    pNext: [8, "pointer"],
    pApplicationName: [16, "pointer"],
    applicationVersion: [24, "u32"],
    pEngineName: [32, "pointer"],
    engineVersion: [40, "u32"],
    apiVersion: [44, "u32"],
  },
} as const satisfies Layout;

export const VkBufferCopy = {
  name: "VkBufferCopy", size: 24,
  fields: {
    srcOffset: [0, "u64"],
    dstOffset: [8, "u64"],
    size: [16, "u64"],
  },
} as const satisfies Layout;

export const VkBufferCreateInfo = {
  name: "VkBufferCreateInfo", size: 56, sType: 12,
  fields: {
    sType: [0, "i32"],
    pNext: [8, "pointer"],
    flags: [16, "u32"],
    size: [24, "u64"],
    usage: [32, "u32"],
    sharingMode: [36, "i32"],
    queueFamilyIndexCount: [40, "u32"],
    pQueueFamilyIndices: [48, "pointer"],
  },
} as const satisfies Layout;

export const VkCommandBufferAllocateInfo = {
  name: "VkCommandBufferAllocateInfo", size: 32, sType: 40,
  fields: {
    sType: [0, "i32"],
    pNext: [8, "pointer"],
    commandPool: [16, "u64"],
    level: [24, "i32"],
    commandBufferCount: [28, "u32"],
  },
} as const satisfies Layout;

export const VkCommandBufferBeginInfo = {
  name: "VkCommandBufferBeginInfo", size: 32, sType: 42,
  fields: {
    sType: [0, "i32"],
    pNext: [8, "pointer"],
    flags: [16, "u32"],
    pInheritanceInfo: [24, "pointer"],
  },
} as const satisfies Layout;

export const VkCommandPoolCreateInfo = {
  name: "VkCommandPoolCreateInfo", size: 24, sType: 39,
  fields: {
    sType: [0, "i32"],
    pNext: [8, "pointer"],
    flags: [16, "u32"],
    queueFamilyIndex: [20, "u32"],
  },
} as const satisfies Layout;

export const VkPipelineShaderStageCreateInfo = {
  name: "VkPipelineShaderStageCreateInfo", size: 48, sType: 18,
  fields: {
    sType: [0, "i32"],
    pNext: [8, "pointer"],
    flags: [16, "u32"],
    stage: [20, "i32"],
    module: [24, "u64"],
    pName: [32, "pointer"],
    pSpecializationInfo: [40, "pointer"],
  },
} as const satisfies Layout;

export const VkComputePipelineCreateInfo = {
  name: "VkComputePipelineCreateInfo", size: 96, sType: 29,
  fields: {
    sType: [0, "i32"],
    pNext: [8, "pointer"],
    flags: [16, "u32"],
    stage: [24, VkPipelineShaderStageCreateInfo],
    layout: [72, "u64"],
    basePipelineHandle: [80, "u64"],
    basePipelineIndex: [88, "i32"],
  },
} as const satisfies Layout;

export const VkDescriptorBufferInfo = {
  name: "VkDescriptorBufferInfo", size: 24,
  fields: {
    buffer: [0, "u64"],
    offset: [8, "u64"],
    range: [16, "u64"],
  },
} as const satisfies Layout;

export const VkDescriptorSetLayoutBinding = {
  name: "VkDescriptorSetLayoutBinding", size: 24,
  fields: {
    binding: [0, "u32"],
    descriptorType: [4, "i32"],
    descriptorCount: [8, "u32"],
    stageFlags: [12, "u32"],
    pImmutableSamplers: [16, "pointer"],
  },
} as const satisfies Layout;

export const VkDescriptorSetLayoutCreateInfo = {
  name: "VkDescriptorSetLayoutCreateInfo", size: 32, sType: 32,
  fields: {
    sType: [0, "i32"],
    pNext: [8, "pointer"],
    flags: [16, "u32"],
    bindingCount: [20, "u32"],
    pBindings: [24, "pointer"],
  },
} as const satisfies Layout;

export const VkDeviceCreateInfo = {
  name: "VkDeviceCreateInfo", size: 72, sType: 3,
  fields: {
    sType: [0, "i32"],
    pNext: [8, "pointer"],
    flags: [16, "u32"],
    queueCreateInfoCount: [20, "u32"],
    pQueueCreateInfos: [24, "pointer"],
    enabledLayerCount: [32, "u32"],
    ppEnabledLayerNames: [40, "pointer"],
    enabledExtensionCount: [48, "u32"],
    ppEnabledExtensionNames: [56, "pointer"],
    pEnabledFeatures: [64, "pointer"],
  },
} as const satisfies Layout;

export const VkDeviceQueueCreateInfo = {
  name: "VkDeviceQueueCreateInfo", size: 40, sType: 2,
  fields: {
    sType: [0, "i32"],
    pNext: [8, "pointer"],
    flags: [16, "u32"],
    queueFamilyIndex: [20, "u32"],
    queueCount: [24, "u32"],
    pQueuePriorities: [32, "pointer"],
  },
} as const satisfies Layout;

export const VkExtensionProperties = {
  name: "VkExtensionProperties", size: 260,
  fields: {
    extensionName: [0, "char", 256],
    specVersion: [256, "u32"],
  },
} as const satisfies Layout;

export const VkExternalMemoryProperties = {
  name: "VkExternalMemoryProperties", size: 12,
  fields: {
    externalMemoryFeatures: [0, "u32"],
    exportFromImportedHandleTypes: [4, "u32"],
    compatibleHandleTypes: [8, "u32"],
  },
} as const satisfies Layout;

export const VkExternalBufferProperties = {
  name: "VkExternalBufferProperties", size: 32, sType: 1000071003,
  fields: {
    sType: [0, "i32"],
    pNext: [8, "pointer"],
    externalMemoryProperties: [16, VkExternalMemoryProperties],
  },
} as const satisfies Layout;

export const VkExternalMemoryBufferCreateInfo = {
  name: "VkExternalMemoryBufferCreateInfo", size: 24, sType: 1000072000,
  fields: {
    sType: [0, "i32"],
    pNext: [8, "pointer"],
    handleTypes: [16, "u32"],
  },
} as const satisfies Layout;

export const VkImportMemoryHostPointerInfoEXT = {
  name: "VkImportMemoryHostPointerInfoEXT", size: 32, sType: 1000178000,
  fields: {
    sType: [0, "i32"],
    pNext: [8, "pointer"],
    handleType: [16, "i32"],
    pHostPointer: [24, "pointer"],
  },
} as const satisfies Layout;

export const VkInstanceCreateInfo = {
  name: "VkInstanceCreateInfo", size: 64, sType: 1,
  fields: {
    sType: [0, "i32"],
    pNext: [8, "pointer"],
    flags: [16, "u32"],
    pApplicationInfo: [24, "pointer"],
    enabledLayerCount: [32, "u32"],
    ppEnabledLayerNames: [40, "pointer"],
    enabledExtensionCount: [48, "u32"],
    ppEnabledExtensionNames: [56, "pointer"],
  },
} as const satisfies Layout;

export const VkLayerProperties = {
  name: "VkLayerProperties", size: 520,
  fields: {
    layerName: [0, "char", 256],
    specVersion: [256, "u32"],
    implementationVersion: [260, "u32"],
    description: [264, "char", 256],
  },
} as const satisfies Layout;

export const VkMemoryAllocateInfo = {
  name: "VkMemoryAllocateInfo", size: 32, sType: 5,
  fields: {
    sType: [0, "i32"],
    pNext: [8, "pointer"],
    allocationSize: [16, "u64"],
    memoryTypeIndex: [24, "u32"],
  },
} as const satisfies Layout;

export const VkMemoryBarrier = {
  name: "VkMemoryBarrier", size: 24, sType: 46,
  fields: {
    sType: [0, "i32"],
    pNext: [8, "pointer"],
    srcAccessMask: [16, "u32"],
    dstAccessMask: [20, "u32"],
  },
} as const satisfies Layout;

export const VkMemoryRequirements = {
  name: "VkMemoryRequirements", size: 24,
  fields: {
    size: [0, "u64"],
    alignment: [8, "u64"],
    memoryTypeBits: [16, "u32"],
  },
} as const satisfies Layout;

export const VkPhysicalDeviceExternalBufferInfo = {
  name: "VkPhysicalDeviceExternalBufferInfo", size: 32, sType: 1000071002,
  fields: {
    sType: [0, "i32"],
    pNext: [8, "pointer"],
    flags: [16, "u32"],
    usage: [20, "u32"],
    handleType: [24, "i32"],
  },
} as const satisfies Layout;

export const VkPhysicalDeviceExternalMemoryHostPropertiesEXT = {
  name: "VkPhysicalDeviceExternalMemoryHostPropertiesEXT", size: 24, sType: 1000178002,
  fields: {
    sType: [0, "i32"],
    pNext: [8, "pointer"],
    minImportedHostPointerAlignment: [16, "u64"],
  },
} as const satisfies Layout;

export const VkPhysicalDeviceFeatures = {
  name: "VkPhysicalDeviceFeatures", size: 220,
  fields: {
    robustBufferAccess: [0, "u32"],
    fullDrawIndexUint32: [4, "u32"],
    imageCubeArray: [8, "u32"],
    independentBlend: [12, "u32"],
    geometryShader: [16, "u32"],
    tessellationShader: [20, "u32"],
    sampleRateShading: [24, "u32"],
    dualSrcBlend: [28, "u32"],
    logicOp: [32, "u32"],
    multiDrawIndirect: [36, "u32"],
    drawIndirectFirstInstance: [40, "u32"],
    depthClamp: [44, "u32"],
    depthBiasClamp: [48, "u32"],
    fillModeNonSolid: [52, "u32"],
    depthBounds: [56, "u32"],
    wideLines: [60, "u32"],
    largePoints: [64, "u32"],
    alphaToOne: [68, "u32"],
    multiViewport: [72, "u32"],
    samplerAnisotropy: [76, "u32"],
    textureCompressionETC2: [80, "u32"],
    textureCompressionASTC_LDR: [84, "u32"],
    textureCompressionBC: [88, "u32"],
    occlusionQueryPrecise: [92, "u32"],
    pipelineStatisticsQuery: [96, "u32"],
    vertexPipelineStoresAndAtomics: [100, "u32"],
    fragmentStoresAndAtomics: [104, "u32"],
    shaderTessellationAndGeometryPointSize: [108, "u32"],
    shaderImageGatherExtended: [112, "u32"],
    shaderStorageImageExtendedFormats: [116, "u32"],
    shaderStorageImageMultisample: [120, "u32"],
    shaderStorageImageReadWithoutFormat: [124, "u32"],
    shaderStorageImageWriteWithoutFormat: [128, "u32"],
    shaderUniformBufferArrayDynamicIndexing: [132, "u32"],
    shaderSampledImageArrayDynamicIndexing: [136, "u32"],
    shaderStorageBufferArrayDynamicIndexing: [140, "u32"],
    shaderStorageImageArrayDynamicIndexing: [144, "u32"],
    shaderClipDistance: [148, "u32"],
    shaderCullDistance: [152, "u32"],
    shaderFloat64: [156, "u32"],
    shaderInt64: [160, "u32"],
    shaderInt16: [164, "u32"],
    shaderResourceResidency: [168, "u32"],
    shaderResourceMinLod: [172, "u32"],
    sparseBinding: [176, "u32"],
    sparseResidencyBuffer: [180, "u32"],
    sparseResidencyImage2D: [184, "u32"],
    sparseResidencyImage3D: [188, "u32"],
    sparseResidency2Samples: [192, "u32"],
    sparseResidency4Samples: [196, "u32"],
    sparseResidency8Samples: [200, "u32"],
    sparseResidency16Samples: [204, "u32"],
    sparseResidencyAliased: [208, "u32"],
    variableMultisampleRate: [212, "u32"],
    inheritedQueries: [216, "u32"],
  },
} as const satisfies Layout;

export const VkPhysicalDeviceFeatures2 = {
  name: "VkPhysicalDeviceFeatures2", size: 240, sType: 1000059000,
  fields: {
    sType: [0, "i32"],
    pNext: [8, "pointer"],
    features: [16, VkPhysicalDeviceFeatures],
  },
} as const satisfies Layout;

export const VkMemoryType = {
  name: "VkMemoryType", size: 8,
  fields: {
    propertyFlags: [0, "u32"],
    heapIndex: [4, "u32"],
  },
} as const satisfies Layout;

export const VkMemoryHeap = {
  name: "VkMemoryHeap", size: 16,
  fields: {
    size: [0, "u64"],
    flags: [8, "u32"],
  },
} as const satisfies Layout;

export const VkPhysicalDeviceMemoryProperties = {
  name: "VkPhysicalDeviceMemoryProperties", size: 520,
  fields: {
    memoryTypeCount: [0, "u32"],
    memoryTypes: [4, VkMemoryType, 32],
    memoryHeapCount: [260, "u32"],
    memoryHeaps: [264, VkMemoryHeap, 16],
  },
} as const satisfies Layout;

export const VkPhysicalDeviceLimits = {
  name: "VkPhysicalDeviceLimits", size: 504,
  fields: {
    maxImageDimension1D: [0, "u32"],
    maxImageDimension2D: [4, "u32"],
    maxImageDimension3D: [8, "u32"],
    maxImageDimensionCube: [12, "u32"],
    maxImageArrayLayers: [16, "u32"],
    maxTexelBufferElements: [20, "u32"],
    maxUniformBufferRange: [24, "u32"],
    maxStorageBufferRange: [28, "u32"],
    maxPushConstantsSize: [32, "u32"],
    maxMemoryAllocationCount: [36, "u32"],
    maxSamplerAllocationCount: [40, "u32"],
    bufferImageGranularity: [48, "u64"],
    sparseAddressSpaceSize: [56, "u64"],
    maxBoundDescriptorSets: [64, "u32"],
    maxPerStageDescriptorSamplers: [68, "u32"],
    maxPerStageDescriptorUniformBuffers: [72, "u32"],
    maxPerStageDescriptorStorageBuffers: [76, "u32"],
    maxPerStageDescriptorSampledImages: [80, "u32"],
    maxPerStageDescriptorStorageImages: [84, "u32"],
    maxPerStageDescriptorInputAttachments: [88, "u32"],
    maxPerStageResources: [92, "u32"],
    maxDescriptorSetSamplers: [96, "u32"],
    maxDescriptorSetUniformBuffers: [100, "u32"],
    maxDescriptorSetUniformBuffersDynamic: [104, "u32"],
    maxDescriptorSetStorageBuffers: [108, "u32"],
    maxDescriptorSetStorageBuffersDynamic: [112, "u32"],
    maxDescriptorSetSampledImages: [116, "u32"],
    maxDescriptorSetStorageImages: [120, "u32"],
    maxDescriptorSetInputAttachments: [124, "u32"],
    maxVertexInputAttributes: [128, "u32"],
    maxVertexInputBindings: [132, "u32"],
    maxVertexInputAttributeOffset: [136, "u32"],
    maxVertexInputBindingStride: [140, "u32"],
    maxVertexOutputComponents: [144, "u32"],
    maxTessellationGenerationLevel: [148, "u32"],
    maxTessellationPatchSize: [152, "u32"],
    maxTessellationControlPerVertexInputComponents: [156, "u32"],
    maxTessellationControlPerVertexOutputComponents: [160, "u32"],
    maxTessellationControlPerPatchOutputComponents: [164, "u32"],
    maxTessellationControlTotalOutputComponents: [168, "u32"],
    maxTessellationEvaluationInputComponents: [172, "u32"],
    maxTessellationEvaluationOutputComponents: [176, "u32"],
    maxGeometryShaderInvocations: [180, "u32"],
    maxGeometryInputComponents: [184, "u32"],
    maxGeometryOutputComponents: [188, "u32"],
    maxGeometryOutputVertices: [192, "u32"],
    maxGeometryTotalOutputComponents: [196, "u32"],
    maxFragmentInputComponents: [200, "u32"],
    maxFragmentOutputAttachments: [204, "u32"],
    maxFragmentDualSrcAttachments: [208, "u32"],
    maxFragmentCombinedOutputResources: [212, "u32"],
    maxComputeSharedMemorySize: [216, "u32"],
    maxComputeWorkGroupCount: [220, "u32", 3],
    maxComputeWorkGroupInvocations: [232, "u32"],
    maxComputeWorkGroupSize: [236, "u32", 3],
    subPixelPrecisionBits: [248, "u32"],
    subTexelPrecisionBits: [252, "u32"],
    mipmapPrecisionBits: [256, "u32"],
    maxDrawIndexedIndexValue: [260, "u32"],
    maxDrawIndirectCount: [264, "u32"],
    maxSamplerLodBias: [268, "f32"],
    maxSamplerAnisotropy: [272, "f32"],
    maxViewports: [276, "u32"],
    maxViewportDimensions: [280, "u32", 2],
    viewportBoundsRange: [288, "f32", 2],
    viewportSubPixelBits: [296, "u32"],
    minMemoryMapAlignment: [304, "u64"],
    minTexelBufferOffsetAlignment: [312, "u64"],
    minUniformBufferOffsetAlignment: [320, "u64"],
    minStorageBufferOffsetAlignment: [328, "u64"],
    minTexelOffset: [336, "i32"],
    maxTexelOffset: [340, "u32"],
    minTexelGatherOffset: [344, "i32"],
    maxTexelGatherOffset: [348, "u32"],
    minInterpolationOffset: [352, "f32"],
    maxInterpolationOffset: [356, "f32"],
    subPixelInterpolationOffsetBits: [360, "u32"],
    maxFramebufferWidth: [364, "u32"],
    maxFramebufferHeight: [368, "u32"],
    maxFramebufferLayers: [372, "u32"],
    framebufferColorSampleCounts: [376, "u32"],
    framebufferDepthSampleCounts: [380, "u32"],
    framebufferStencilSampleCounts: [384, "u32"],
    framebufferNoAttachmentsSampleCounts: [388, "u32"],
    maxColorAttachments: [392, "u32"],
    sampledImageColorSampleCounts: [396, "u32"],
    sampledImageIntegerSampleCounts: [400, "u32"],
    sampledImageDepthSampleCounts: [404, "u32"],
    sampledImageStencilSampleCounts: [408, "u32"],
    storageImageSampleCounts: [412, "u32"],
    maxSampleMaskWords: [416, "u32"],
    timestampComputeAndGraphics: [420, "u32"],
    timestampPeriod: [424, "f32"],
    maxClipDistances: [428, "u32"],
    maxCullDistances: [432, "u32"],
    maxCombinedClipAndCullDistances: [436, "u32"],
    discreteQueuePriorities: [440, "u32"],
    pointSizeRange: [444, "f32", 2],
    lineWidthRange: [452, "f32", 2],
    pointSizeGranularity: [460, "f32"],
    lineWidthGranularity: [464, "f32"],
    strictLines: [468, "u32"],
    standardSampleLocations: [472, "u32"],
    optimalBufferCopyOffsetAlignment: [480, "u64"],
    optimalBufferCopyRowPitchAlignment: [488, "u64"],
    nonCoherentAtomSize: [496, "u64"],
  },
} as const satisfies Layout;

export const VkPhysicalDeviceSparseProperties = {
  name: "VkPhysicalDeviceSparseProperties", size: 20,
  fields: {
    residencyStandard2DBlockShape: [0, "u32"],
    residencyStandard2DMultisampleBlockShape: [4, "u32"],
    residencyStandard3DBlockShape: [8, "u32"],
    residencyAlignedMipSize: [12, "u32"],
    residencyNonResidentStrict: [16, "u32"],
  },
} as const satisfies Layout;

export const VkPhysicalDeviceProperties = {
  name: "VkPhysicalDeviceProperties", size: 824,
  fields: {
    apiVersion: [0, "u32"],
    driverVersion: [4, "u32"],
    vendorID: [8, "u32"],
    deviceID: [12, "u32"],
    deviceType: [16, "i32"],
    deviceName: [20, "char", 256],
    pipelineCacheUUID: [276, "u8", 16],
    limits: [296, VkPhysicalDeviceLimits],
    sparseProperties: [800, VkPhysicalDeviceSparseProperties],
  },
} as const satisfies Layout;

export const VkPhysicalDeviceProperties2 = {
  name: "VkPhysicalDeviceProperties2", size: 840, sType: 1000059001,
  fields: {
    sType: [0, "i32"],
    pNext: [8, "pointer"],
    properties: [16, VkPhysicalDeviceProperties],
  },
} as const satisfies Layout;

export const VkPhysicalDeviceVulkan11Properties = {
  name: "VkPhysicalDeviceVulkan11Properties", size: 112, sType: 50,
  fields: {
    sType: [0, "i32"],
    pNext: [8, "pointer"],
    deviceUUID: [16, "u8", 16],
    driverUUID: [32, "u8", 16],
    deviceLUID: [48, "u8", 8],
    deviceNodeMask: [56, "u32"],
    deviceLUIDValid: [60, "u32"],
    subgroupSize: [64, "u32"],
    subgroupSupportedStages: [68, "u32"],
    subgroupSupportedOperations: [72, "u32"],
    subgroupQuadOperationsInAllStages: [76, "u32"],
    pointClippingBehavior: [80, "i32"],
    maxMultiviewViewCount: [84, "u32"],
    maxMultiviewInstanceIndex: [88, "u32"],
    protectedNoFault: [92, "u32"],
    maxPerSetDescriptors: [96, "u32"],
    maxMemoryAllocationSize: [104, "u64"],
  },
} as const satisfies Layout;

export const VkPhysicalDeviceVulkan12Features = {
  name: "VkPhysicalDeviceVulkan12Features", size: 208, sType: 51,
  fields: {
    sType: [0, "i32"],
    pNext: [8, "pointer"],
    samplerMirrorClampToEdge: [16, "u32"],
    drawIndirectCount: [20, "u32"],
    storageBuffer8BitAccess: [24, "u32"],
    uniformAndStorageBuffer8BitAccess: [28, "u32"],
    storagePushConstant8: [32, "u32"],
    shaderBufferInt64Atomics: [36, "u32"],
    shaderSharedInt64Atomics: [40, "u32"],
    shaderFloat16: [44, "u32"],
    shaderInt8: [48, "u32"],
    descriptorIndexing: [52, "u32"],
    shaderInputAttachmentArrayDynamicIndexing: [56, "u32"],
    shaderUniformTexelBufferArrayDynamicIndexing: [60, "u32"],
    shaderStorageTexelBufferArrayDynamicIndexing: [64, "u32"],
    shaderUniformBufferArrayNonUniformIndexing: [68, "u32"],
    shaderSampledImageArrayNonUniformIndexing: [72, "u32"],
    shaderStorageBufferArrayNonUniformIndexing: [76, "u32"],
    shaderStorageImageArrayNonUniformIndexing: [80, "u32"],
    shaderInputAttachmentArrayNonUniformIndexing: [84, "u32"],
    shaderUniformTexelBufferArrayNonUniformIndexing: [88, "u32"],
    shaderStorageTexelBufferArrayNonUniformIndexing: [92, "u32"],
    descriptorBindingUniformBufferUpdateAfterBind: [96, "u32"],
    descriptorBindingSampledImageUpdateAfterBind: [100, "u32"],
    descriptorBindingStorageImageUpdateAfterBind: [104, "u32"],
    descriptorBindingStorageBufferUpdateAfterBind: [108, "u32"],
    descriptorBindingUniformTexelBufferUpdateAfterBind: [112, "u32"],
    descriptorBindingStorageTexelBufferUpdateAfterBind: [116, "u32"],
    descriptorBindingUpdateUnusedWhilePending: [120, "u32"],
    descriptorBindingPartiallyBound: [124, "u32"],
    descriptorBindingVariableDescriptorCount: [128, "u32"],
    runtimeDescriptorArray: [132, "u32"],
    samplerFilterMinmax: [136, "u32"],
    scalarBlockLayout: [140, "u32"],
    imagelessFramebuffer: [144, "u32"],
    uniformBufferStandardLayout: [148, "u32"],
    shaderSubgroupExtendedTypes: [152, "u32"],
    separateDepthStencilLayouts: [156, "u32"],
    hostQueryReset: [160, "u32"],
    timelineSemaphore: [164, "u32"],
    bufferDeviceAddress: [168, "u32"],
    bufferDeviceAddressCaptureReplay: [172, "u32"],
    bufferDeviceAddressMultiDevice: [176, "u32"],
    vulkanMemoryModel: [180, "u32"],
    vulkanMemoryModelDeviceScope: [184, "u32"],
    vulkanMemoryModelAvailabilityVisibilityChains: [188, "u32"],
    shaderOutputViewportIndex: [192, "u32"],
    shaderOutputLayer: [196, "u32"],
    subgroupBroadcastDynamicId: [200, "u32"],
  },
} as const satisfies Layout;

export const VkConformanceVersion = {
  name: "VkConformanceVersion", size: 4,
  fields: {
    major: [0, "u8"],
    minor: [1, "u8"],
    subminor: [2, "u8"],
    patch: [3, "u8"],
  },
} as const satisfies Layout;

export const VkPhysicalDeviceVulkan12Properties = {
  name: "VkPhysicalDeviceVulkan12Properties", size: 736, sType: 52,
  fields: {
    sType: [0, "i32"],
    pNext: [8, "pointer"],
    driverID: [16, "i32"],
    driverName: [20, "char", 256],
    driverInfo: [276, "char", 256],
    conformanceVersion: [532, VkConformanceVersion],
    denormBehaviorIndependence: [536, "i32"],
    roundingModeIndependence: [540, "i32"],
    shaderSignedZeroInfNanPreserveFloat16: [544, "u32"],
    shaderSignedZeroInfNanPreserveFloat32: [548, "u32"],
    shaderSignedZeroInfNanPreserveFloat64: [552, "u32"],
    shaderDenormPreserveFloat16: [556, "u32"],
    shaderDenormPreserveFloat32: [560, "u32"],
    shaderDenormPreserveFloat64: [564, "u32"],
    shaderDenormFlushToZeroFloat16: [568, "u32"],
    shaderDenormFlushToZeroFloat32: [572, "u32"],
    shaderDenormFlushToZeroFloat64: [576, "u32"],
    shaderRoundingModeRTEFloat16: [580, "u32"],
    shaderRoundingModeRTEFloat32: [584, "u32"],
    shaderRoundingModeRTEFloat64: [588, "u32"],
    shaderRoundingModeRTZFloat16: [592, "u32"],
    shaderRoundingModeRTZFloat32: [596, "u32"],
    shaderRoundingModeRTZFloat64: [600, "u32"],
    maxUpdateAfterBindDescriptorsInAllPools: [604, "u32"],
    shaderUniformBufferArrayNonUniformIndexingNative: [608, "u32"],
    shaderSampledImageArrayNonUniformIndexingNative: [612, "u32"],
    shaderStorageBufferArrayNonUniformIndexingNative: [616, "u32"],
    shaderStorageImageArrayNonUniformIndexingNative: [620, "u32"],
    shaderInputAttachmentArrayNonUniformIndexingNative: [624, "u32"],
    robustBufferAccessUpdateAfterBind: [628, "u32"],
    quadDivergentImplicitLod: [632, "u32"],
    maxPerStageDescriptorUpdateAfterBindSamplers: [636, "u32"],
    maxPerStageDescriptorUpdateAfterBindUniformBuffers: [640, "u32"],
    maxPerStageDescriptorUpdateAfterBindStorageBuffers: [644, "u32"],
    maxPerStageDescriptorUpdateAfterBindSampledImages: [648, "u32"],
    maxPerStageDescriptorUpdateAfterBindStorageImages: [652, "u32"],
    maxPerStageDescriptorUpdateAfterBindInputAttachments: [656, "u32"],
    maxPerStageUpdateAfterBindResources: [660, "u32"],
    maxDescriptorSetUpdateAfterBindSamplers: [664, "u32"],
    maxDescriptorSetUpdateAfterBindUniformBuffers: [668, "u32"],
    maxDescriptorSetUpdateAfterBindUniformBuffersDynamic: [672, "u32"],
    maxDescriptorSetUpdateAfterBindStorageBuffers: [676, "u32"],
    maxDescriptorSetUpdateAfterBindStorageBuffersDynamic: [680, "u32"],
    maxDescriptorSetUpdateAfterBindSampledImages: [684, "u32"],
    maxDescriptorSetUpdateAfterBindStorageImages: [688, "u32"],
    maxDescriptorSetUpdateAfterBindInputAttachments: [692, "u32"],
    supportedDepthResolveModes: [696, "u32"],
    supportedStencilResolveModes: [700, "u32"],
    independentResolveNone: [704, "u32"],
    independentResolve: [708, "u32"],
    filterMinmaxSingleComponentFormats: [712, "u32"],
    filterMinmaxImageComponentMapping: [716, "u32"],
    maxTimelineSemaphoreValueDifference: [720, "u64"],
    framebufferIntegerColorSampleCounts: [728, "u32"],
  },
} as const satisfies Layout;

export const VkPipelineCacheCreateInfo = {
  name: "VkPipelineCacheCreateInfo", size: 40, sType: 17,
  fields: {
    sType: [0, "i32"],
    pNext: [8, "pointer"],
    flags: [16, "u32"],
    initialDataSize: [24, "u64"],
    pInitialData: [32, "pointer"],
  },
} as const satisfies Layout;

export const VkPipelineLayoutCreateInfo = {
  name: "VkPipelineLayoutCreateInfo", size: 48, sType: 30,
  fields: {
    sType: [0, "i32"],
    pNext: [8, "pointer"],
    flags: [16, "u32"],
    setLayoutCount: [20, "u32"],
    pSetLayouts: [24, "pointer"],
    pushConstantRangeCount: [32, "u32"],
    pPushConstantRanges: [40, "pointer"],
  },
} as const satisfies Layout;

export const VkPushConstantRange = {
  name: "VkPushConstantRange", size: 12,
  fields: {
    stageFlags: [0, "u32"],
    offset: [4, "u32"],
    size: [8, "u32"],
  },
} as const satisfies Layout;

export const VkQueryPoolCreateInfo = {
  name: "VkQueryPoolCreateInfo", size: 32, sType: 11,
  fields: {
    sType: [0, "i32"],
    pNext: [8, "pointer"],
    flags: [16, "u32"],
    queryType: [20, "i32"],
    queryCount: [24, "u32"],
    pipelineStatistics: [28, "u32"],
  },
} as const satisfies Layout;

export const VkExtent3D = {
  name: "VkExtent3D", size: 12,
  fields: {
    width: [0, "u32"],
    height: [4, "u32"],
    depth: [8, "u32"],
  },
} as const satisfies Layout;

export const VkQueueFamilyProperties = {
  name: "VkQueueFamilyProperties", size: 24,
  fields: {
    queueFlags: [0, "u32"],
    queueCount: [4, "u32"],
    timestampValidBits: [8, "u32"],
    minImageTransferGranularity: [12, VkExtent3D],
  },
} as const satisfies Layout;

export const VkSemaphoreCreateInfo = {
  name: "VkSemaphoreCreateInfo", size: 24, sType: 9,
  fields: {
    sType: [0, "i32"],
    pNext: [8, "pointer"],
    flags: [16, "u32"],
  },
} as const satisfies Layout;

export const VkSemaphoreTypeCreateInfo = {
  name: "VkSemaphoreTypeCreateInfo", size: 32, sType: 1000207002,
  fields: {
    sType: [0, "i32"],
    pNext: [8, "pointer"],
    semaphoreType: [16, "i32"],
    initialValue: [24, "u64"],
  },
} as const satisfies Layout;

export const VkSemaphoreWaitInfo = {
  name: "VkSemaphoreWaitInfo", size: 40, sType: 1000207004,
  fields: {
    sType: [0, "i32"],
    pNext: [8, "pointer"],
    flags: [16, "u32"],
    semaphoreCount: [20, "u32"],
    pSemaphores: [24, "pointer"],
    pValues: [32, "pointer"],
  },
} as const satisfies Layout;

export const VkShaderModuleCreateInfo = {
  name: "VkShaderModuleCreateInfo", size: 40, sType: 16,
  fields: {
    sType: [0, "i32"],
    pNext: [8, "pointer"],
    flags: [16, "u32"],
    codeSize: [24, "u64"],
    pCode: [32, "pointer"],
  },
} as const satisfies Layout;

export const VkSpecializationInfo = {
  name: "VkSpecializationInfo", size: 32,
  fields: {
    mapEntryCount: [0, "u32"],
    pMapEntries: [8, "pointer"],
    dataSize: [16, "u64"],
    pData: [24, "pointer"],
  },
} as const satisfies Layout;

export const VkSpecializationMapEntry = {
  name: "VkSpecializationMapEntry", size: 16,
  fields: {
    constantID: [0, "u32"],
    offset: [4, "u32"],
    size: [8, "u64"],
  },
} as const satisfies Layout;

export const VkSubmitInfo = {
  name: "VkSubmitInfo", size: 72, sType: 4,
  fields: {
    sType: [0, "i32"],
    pNext: [8, "pointer"],
    waitSemaphoreCount: [16, "u32"],
    pWaitSemaphores: [24, "pointer"],
    pWaitDstStageMask: [32, "pointer"],
    commandBufferCount: [40, "u32"],
    pCommandBuffers: [48, "pointer"],
    signalSemaphoreCount: [56, "u32"],
    pSignalSemaphores: [64, "pointer"],
  },
} as const satisfies Layout;

export const VkTimelineSemaphoreSubmitInfo = {
  name: "VkTimelineSemaphoreSubmitInfo", size: 48, sType: 1000207003,
  fields: {
    sType: [0, "i32"],
    pNext: [8, "pointer"],
    waitSemaphoreValueCount: [16, "u32"],
    pWaitSemaphoreValues: [24, "pointer"],
    signalSemaphoreValueCount: [32, "u32"],
    pSignalSemaphoreValues: [40, "pointer"],
  },
} as const satisfies Layout;

export const VkValidationFeaturesEXT = {
  name: "VkValidationFeaturesEXT", size: 48, sType: 1000247000,
  fields: {
    sType: [0, "i32"],
    pNext: [8, "pointer"],
    enabledValidationFeatureCount: [16, "u32"],
    pEnabledValidationFeatures: [24, "pointer"],
    disabledValidationFeatureCount: [32, "u32"],
    pDisabledValidationFeatures: [40, "pointer"],
  },
} as const satisfies Layout;

export const VkWriteDescriptorSet = {
  name: "VkWriteDescriptorSet", size: 64, sType: 35,
  fields: {
    sType: [0, "i32"],
    pNext: [8, "pointer"],
    dstSet: [16, "u64"],
    dstBinding: [24, "u32"],
    dstArrayElement: [28, "u32"],
    descriptorCount: [32, "u32"],
    descriptorType: [36, "i32"],
    pImageInfo: [40, "pointer"],
    pBufferInfo: [48, "pointer"],
    pTexelBufferView: [56, "pointer"],
  },
} as const satisfies Layout;

export const globalCommands = {
  // pCreateInfo, pAllocator, pInstance
  vkCreateInstance: { args: ["ptr", "ptr", "ptr"], returns: "i32" },
  // pLayerName, pPropertyCount, pProperties
  vkEnumerateInstanceExtensionProperties: { args: ["ptr", "ptr", "ptr"], returns: "i32" },
  // pPropertyCount, pProperties
  vkEnumerateInstanceLayerProperties: { args: ["ptr", "ptr"], returns: "i32" },
  // pApiVersion
  vkEnumerateInstanceVersion: { args: ["ptr"], returns: "i32" },
} as const satisfies Signatures;

export const instanceCommands = {
  // physicalDevice, pCreateInfo, pAllocator, pDevice
  vkCreateDevice: { args: ["u64", "ptr", "ptr", "ptr"], returns: "i32" },
  // device, pAllocator
  vkDestroyDevice: { args: ["u64", "ptr"], returns: "void" },
  // instance, pAllocator
  vkDestroyInstance: { args: ["u64", "ptr"], returns: "void" },
  // physicalDevice, pLayerName, pPropertyCount, pProperties
  vkEnumerateDeviceExtensionProperties: { args: ["u64", "ptr", "ptr", "ptr"], returns: "i32" },
  // instance, pPhysicalDeviceCount, pPhysicalDevices
  vkEnumeratePhysicalDevices: { args: ["u64", "ptr", "ptr"], returns: "i32" },
  // device, pName
  vkGetDeviceProcAddr: { args: ["u64", "ptr"], returns: "ptr" },
  // physicalDevice, pExternalBufferInfo, pExternalBufferProperties
  vkGetPhysicalDeviceExternalBufferProperties: { args: ["u64", "ptr", "ptr"], returns: "void" },
  // physicalDevice, pFeatures
  vkGetPhysicalDeviceFeatures2: { args: ["u64", "ptr"], returns: "void" },
  // physicalDevice, pMemoryProperties
  vkGetPhysicalDeviceMemoryProperties: { args: ["u64", "ptr"], returns: "void" },
  // physicalDevice, pProperties
  vkGetPhysicalDeviceProperties2: { args: ["u64", "ptr"], returns: "void" },
  // physicalDevice, pQueueFamilyPropertyCount, pQueueFamilyProperties
  vkGetPhysicalDeviceQueueFamilyProperties: { args: ["u64", "ptr", "ptr"], returns: "void" },
} as const satisfies Signatures;

export const deviceCommands = {
  // device, pAllocateInfo, pCommandBuffers
  vkAllocateCommandBuffers: { args: ["u64", "ptr", "ptr"], returns: "i32" },
  // device, pAllocateInfo, pAllocator, pMemory
  vkAllocateMemory: { args: ["u64", "ptr", "ptr", "ptr"], returns: "i32" },
  // commandBuffer, pBeginInfo
  vkBeginCommandBuffer: { args: ["u64", "ptr"], returns: "i32" },
  // device, buffer, memory, memoryOffset
  vkBindBufferMemory: { args: ["u64", "u64", "u64", "u64"], returns: "i32" },
  // commandBuffer, pipelineBindPoint, pipeline
  vkCmdBindPipeline: { args: ["u64", "i32", "u64"], returns: "void" },
  // commandBuffer, srcBuffer, dstBuffer, regionCount, pRegions
  vkCmdCopyBuffer: { args: ["u64", "u64", "u64", "u32", "ptr"], returns: "void" },
  // commandBuffer, groupCountX, groupCountY, groupCountZ
  vkCmdDispatch: { args: ["u64", "u32", "u32", "u32"], returns: "void" },
  // commandBuffer, dstBuffer, dstOffset, size, data
  vkCmdFillBuffer: { args: ["u64", "u64", "u64", "u64", "u32"], returns: "void" },
  // commandBuffer, srcStageMask, dstStageMask, dependencyFlags, memoryBarrierCount, pMemoryBarriers, bufferMemoryBarrierCount, pBufferMemoryBarriers, imageMemoryBarrierCount, pImageMemoryBarriers
  vkCmdPipelineBarrier: { args: ["u64", "u32", "u32", "u32", "u32", "ptr", "u32", "ptr", "u32", "ptr"], returns: "void" },
  // commandBuffer, layout, stageFlags, offset, size, pValues
  vkCmdPushConstants: { args: ["u64", "u64", "u32", "u32", "u32", "ptr"], returns: "void" },
  // commandBuffer, pipelineBindPoint, layout, set, descriptorWriteCount, pDescriptorWrites
  vkCmdPushDescriptorSetKHR: { args: ["u64", "i32", "u64", "u32", "u32", "ptr"], returns: "void" },
  // commandBuffer, queryPool, firstQuery, queryCount
  vkCmdResetQueryPool: { args: ["u64", "u64", "u32", "u32"], returns: "void" },
  // commandBuffer, pipelineStage, queryPool, query
  vkCmdWriteTimestamp: { args: ["u64", "i32", "u64", "u32"], returns: "void" },
  // device, pCreateInfo, pAllocator, pBuffer
  vkCreateBuffer: { args: ["u64", "ptr", "ptr", "ptr"], returns: "i32" },
  // device, pCreateInfo, pAllocator, pCommandPool
  vkCreateCommandPool: { args: ["u64", "ptr", "ptr", "ptr"], returns: "i32" },
  // device, pipelineCache, createInfoCount, pCreateInfos, pAllocator, pPipelines
  vkCreateComputePipelines: { args: ["u64", "u64", "u32", "ptr", "ptr", "ptr"], returns: "i32" },
  // device, pCreateInfo, pAllocator, pSetLayout
  vkCreateDescriptorSetLayout: { args: ["u64", "ptr", "ptr", "ptr"], returns: "i32" },
  // device, pCreateInfo, pAllocator, pPipelineCache
  vkCreatePipelineCache: { args: ["u64", "ptr", "ptr", "ptr"], returns: "i32" },
  // device, pCreateInfo, pAllocator, pPipelineLayout
  vkCreatePipelineLayout: { args: ["u64", "ptr", "ptr", "ptr"], returns: "i32" },
  // device, pCreateInfo, pAllocator, pQueryPool
  vkCreateQueryPool: { args: ["u64", "ptr", "ptr", "ptr"], returns: "i32" },
  // device, pCreateInfo, pAllocator, pSemaphore
  vkCreateSemaphore: { args: ["u64", "ptr", "ptr", "ptr"], returns: "i32" },
  // device, pCreateInfo, pAllocator, pShaderModule
  vkCreateShaderModule: { args: ["u64", "ptr", "ptr", "ptr"], returns: "i32" },
  // device, buffer, pAllocator
  vkDestroyBuffer: { args: ["u64", "u64", "ptr"], returns: "void" },
  // device, commandPool, pAllocator
  vkDestroyCommandPool: { args: ["u64", "u64", "ptr"], returns: "void" },
  // device, descriptorSetLayout, pAllocator
  vkDestroyDescriptorSetLayout: { args: ["u64", "u64", "ptr"], returns: "void" },
  // device, pipeline, pAllocator
  vkDestroyPipeline: { args: ["u64", "u64", "ptr"], returns: "void" },
  // device, pipelineCache, pAllocator
  vkDestroyPipelineCache: { args: ["u64", "u64", "ptr"], returns: "void" },
  // device, pipelineLayout, pAllocator
  vkDestroyPipelineLayout: { args: ["u64", "u64", "ptr"], returns: "void" },
  // device, queryPool, pAllocator
  vkDestroyQueryPool: { args: ["u64", "u64", "ptr"], returns: "void" },
  // device, semaphore, pAllocator
  vkDestroySemaphore: { args: ["u64", "u64", "ptr"], returns: "void" },
  // device, shaderModule, pAllocator
  vkDestroyShaderModule: { args: ["u64", "u64", "ptr"], returns: "void" },
  // device
  vkDeviceWaitIdle: { args: ["u64"], returns: "i32" },
  // commandBuffer
  vkEndCommandBuffer: { args: ["u64"], returns: "i32" },
  // device, commandPool, commandBufferCount, pCommandBuffers
  vkFreeCommandBuffers: { args: ["u64", "u64", "u32", "ptr"], returns: "void" },
  // device, memory, pAllocator
  vkFreeMemory: { args: ["u64", "u64", "ptr"], returns: "void" },
  // device, buffer, pMemoryRequirements
  vkGetBufferMemoryRequirements: { args: ["u64", "u64", "ptr"], returns: "void" },
  // device, queueFamilyIndex, queueIndex, pQueue
  vkGetDeviceQueue: { args: ["u64", "u32", "u32", "ptr"], returns: "void" },
  // device, pipelineCache, pDataSize, pData
  vkGetPipelineCacheData: { args: ["u64", "u64", "ptr", "ptr"], returns: "i32" },
  // device, queryPool, firstQuery, queryCount, dataSize, pData, stride, flags
  vkGetQueryPoolResults: { args: ["u64", "u64", "u32", "u32", "u64", "ptr", "u64", "u32"], returns: "i32" },
  // device, memory, offset, size, flags, ppData
  vkMapMemory: { args: ["u64", "u64", "u64", "u64", "u32", "ptr"], returns: "i32" },
  // queue, submitCount, pSubmits, fence
  vkQueueSubmit: { args: ["u64", "u32", "ptr", "u64"], returns: "i32" },
  // device, memory
  vkUnmapMemory: { args: ["u64", "u64"], returns: "void" },
  // device, pWaitInfo, timeout
  vkWaitSemaphores: { args: ["u64", "ptr", "u64"], returns: "i32" },
} as const satisfies Signatures;
