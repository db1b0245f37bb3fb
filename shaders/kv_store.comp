#version 450

// Scatters rows of keys and values to their cache slots. One invocation per four floats of a key or of a value, one
// grid row per token; grid layer 0 copies keys, layer 1 values.

layout(constant_id = 0) const uint WORKGROUP_SIZE = 64;
layout(local_size_x_id = 0) in;

layout(set = 0, binding = 0, std430) readonly buffer KeySource { vec4 keySource[]; };      // [tokens, keyStride]
layout(set = 0, binding = 1, std430) readonly buffer ValueSource { vec4 valueSource[]; };  // [tokens, valueStride]
layout(set = 0, binding = 2, std430) readonly buffer Slots { uint slots[]; };              // [tokens]
layout(set = 0, binding = 3, std430) writeonly buffer Keys { vec4 keys[]; };               // [slotCount, width]
layout(set = 0, binding = 4, std430) writeonly buffer Values { vec4 values[]; };           // [slotCount, width]
layout(push_constant, std430) uniform Args {
    uint width;
    uint keyStride;
    uint keyOffset;
    uint valueStride;
    uint valueOffset;
    uint slotCount;
} args;

void main() {
    const uint vectors = args.width / 4u;
    const uint i = gl_GlobalInvocationID.x;
    const uint token = gl_WorkGroupID.y;
    const uint slot = slots[token];
    if (i >= vectors || slot >= args.slotCount) return;  // 0xffffffff marks a row without a slot
    const uint to = slot * vectors + i;
    if (gl_WorkGroupID.z == 0u) keys[to] = keySource[(token * args.keyStride + args.keyOffset) / 4u + i];
    else values[to] = valueSource[(token * args.valueStride + args.valueOffset) / 4u + i];
}
