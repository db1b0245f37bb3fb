#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_KHR_shader_subgroup_arithmetic : require
#extension GL_KHR_shader_subgroup_basic : require

// How often each token stands in a text: counts[slot, id] is the number of generated ones, with the highest bit set
// where the prompt has the token. One workgroup per RANGE ids, which reads the whole text.

layout(constant_id = 0) const uint WORKGROUP_SIZE = 256;
layout(constant_id = 1) const uint ONE_SUBGROUP = 0;
layout(constant_id = 2) const uint RANGE = 1024;
layout(local_size_x_id = 0) in;

layout(set = 0, binding = 0, std430) readonly buffer Text { uint text[]; };  // slot, prompt's length, length, tokens
layout(set = 0, binding = 1, std430) writeonly buffer Counts { uint counts[]; };  // [slots, columns]
layout(push_constant, std430) uniform Args { uint columns; } args;

#include "include/reduce.glsl"

const uint HEADER = 3u;
const uint IN_PROMPT = 0x80000000u;

shared uint count[RANGE];

void main() {
    const uint slot = text[0];
    const uint prompt_length = text[1];
    const uint length = text[2];
    const uint begin = gl_WorkGroupID.x * RANGE;
    for (uint i = gl_LocalInvocationIndex; i < RANGE; i += WORKGROUP_SIZE) count[i] = 0u;
    workgroupBarrier();
    for (uint i = gl_LocalInvocationIndex; i < length; i += WORKGROUP_SIZE) {
        const uint at = text[HEADER + i] - begin;  // wraps to a large value below the range
        if (at >= RANGE) continue;
        if (i < prompt_length) atomicOr(count[at], IN_PROMPT);
        else atomicAdd(count[at], 1u);
    }
    workgroupBarrier();
    for (uint i = gl_LocalInvocationIndex; i < RANGE; i += WORKGROUP_SIZE) {
        if (begin + i < args.columns) counts[slot * args.columns + begin + i] = count[i];
    }
}
