#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
#extension GL_KHR_shader_subgroup_arithmetic : require
#extension GL_KHR_shader_subgroup_ballot : require
#extension GL_KHR_shader_subgroup_basic : require

// Matrix product with weights loaded 8 bytes at a time: 16-bit weights whose K is an odd multiple of 4, so that every
// other row begins in the middle of 16 bytes. The formula and the tiling are in include/matmul.glsl.

layout(constant_id = 1) const uint WEIGHT_DTYPE = 1;
#include "include/weight.glsl"

#define WORDS uvec2
const uint VECTORS = 1u;
vec4 weightVector(uvec2 words, uint v) {
    return unpackWords(words);
}

#include "include/matmul.glsl"
