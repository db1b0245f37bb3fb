#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_KHR_shader_subgroup_arithmetic : require
#extension GL_KHR_shader_subgroup_basic : require

// RMSNorm: y = weight * x / sqrt(mean(x^2) + eps), one workgroup per norm row. A norm row is one of `groups` blocks of
// `columns` floats in a tensor row of `stride` floats: a whole row, or one head of a row of heads.

layout(constant_id = 0) const uint WORKGROUP_SIZE = 256;
layout(constant_id = 1) const uint ONE_SUBGROUP = 0;
layout(local_size_x_id = 0) in;

layout(set = 0, binding = 0, std430) readonly buffer X { vec4 x[]; };            // [rows / groups, stride]
layout(set = 0, binding = 1, std430) readonly buffer Weight { vec4 weight[]; };  // [columns]
layout(set = 0, binding = 2, std430) writeonly buffer Y { vec4 y[]; };           // as x, may be x
layout(push_constant, std430) uniform Args {
    uint rows;     // norm rows
    uint columns;  // floats of a norm row
    uint groups;   // norm rows in a tensor row
    uint stride;   // floats of a tensor row
    uint offset;   // floats before the first norm row of a tensor row
    float eps;
} args;

#include "include/reduce.glsl"

void main() {
    const uint row = gl_WorkGroupID.y * gl_NumWorkGroups.x + gl_WorkGroupID.x;
    if (row >= args.rows) return;  // the same for the whole workgroup, so the barriers below are safe
    const uint begin = ((row / args.groups) * args.stride + args.offset + (row % args.groups) * args.columns) / 4u;
    const uint vectors = args.columns / 4u;

    vec4 squares = vec4(0.0);
    for (uint i = gl_LocalInvocationIndex; i < vectors; i += WORKGROUP_SIZE) {
        const vec4 v = x[begin + i];
        squares = fma(v, v, squares);
    }
    const float sum = workgroupSum(squares.x + squares.y + squares.z + squares.w);
    const float scale = 1.0 / sqrt(sum / float(args.columns) + args.eps);
    for (uint i = gl_LocalInvocationIndex; i < vectors; i += WORKGROUP_SIZE) {
        y[begin + i] = weight[i] * (x[begin + i] * scale);
    }
}
