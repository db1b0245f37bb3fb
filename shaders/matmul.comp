#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
#extension GL_KHR_shader_subgroup_arithmetic : require
#extension GL_KHR_shader_subgroup_ballot : require
#extension GL_KHR_shader_subgroup_basic : require

// Matrix product with weights loaded 16 bytes at a time: K is a multiple of 8, or of 4 with f32 weights.
// The formula and the tiling are in include/matmul.glsl.

layout(constant_id = 1) const uint WEIGHT_DTYPE = 1;
#include "include/weight.glsl"

#define WORDS uvec4
const uint VECTORS = WEIGHT_DTYPE == WEIGHT_F32 ? 1u : 2u;
vec4 weightVector(uvec4 words, uint v) {
    if (WEIGHT_DTYPE == WEIGHT_F32) return uintBitsToFloat(words);
    return unpackWords(v == 0u ? words.xy : words.zw);
}

#include "include/matmul.glsl"
