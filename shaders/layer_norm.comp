#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_KHR_shader_subgroup_arithmetic : require
#extension GL_KHR_shader_subgroup_basic : require

// LayerNorm: y = weight * (x - mean) / sqrt(variance + eps) + bias with the biased variance, one workgroup per row.
// The variance is a second pass over the centred values: mean(x^2) - mean^2 would cancel.

layout(constant_id = 0) const uint WORKGROUP_SIZE = 256;
layout(constant_id = 1) const uint ONE_SUBGROUP = 0;
layout(local_size_x_id = 0) in;

layout(set = 0, binding = 0, std430) readonly buffer X { vec4 x[]; };            // [rows, columns]
layout(set = 0, binding = 1, std430) readonly buffer Weight { vec4 weight[]; };  // [columns]
layout(set = 0, binding = 2, std430) readonly buffer Bias { vec4 bias[]; };      // [columns]
layout(set = 0, binding = 3, std430) writeonly buffer Y { vec4 y[]; };           // [rows, columns], may be x
layout(push_constant, std430) uniform Args {
    uint rows;
    uint columns;
    float eps;
} args;

#include "include/reduce.glsl"

void main() {
    const uint row = gl_WorkGroupID.y * gl_NumWorkGroups.x + gl_WorkGroupID.x;
    if (row >= args.rows) return;  // the same for the whole workgroup, so the barriers below are safe
    const uint vectors = args.columns / 4u;
    const uint begin = row * vectors;

    vec4 sums = vec4(0.0);
    for (uint i = gl_LocalInvocationIndex; i < vectors; i += WORKGROUP_SIZE) sums += x[begin + i];
    const float mean = workgroupSum(sums.x + sums.y + sums.z + sums.w) / float(args.columns);

    vec4 squares = vec4(0.0);
    for (uint i = gl_LocalInvocationIndex; i < vectors; i += WORKGROUP_SIZE) {
        const vec4 centred = x[begin + i] - mean;
        squares = fma(centred, centred, squares);
    }
    const float variance = workgroupSum(squares.x + squares.y + squares.z + squares.w) / float(args.columns);

    const float scale = 1.0 / sqrt(variance + args.eps);
    for (uint i = gl_LocalInvocationIndex; i < vectors; i += WORKGROUP_SIZE) {
        y[begin + i] = fma((x[begin + i] - mean) * scale, weight[i], bias[i]);
    }
}
