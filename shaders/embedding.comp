#version 450
#extension GL_GOOGLE_include_directive : require

// Embedding lookup: y[t] = table[ids[t]], widened to f32. One invocation per four elements, one grid row per token.
// The table may be one slice of a larger one: tokens whose row is not in it are left to the other dispatches.
// An id with the highest bit set names a place in `sampled`, where an earlier dispatch has left the id.

layout(constant_id = 0) const uint WORKGROUP_SIZE = 64;
layout(constant_id = 1) const uint WEIGHT_DTYPE = 1;
layout(constant_id = 2) const uint LOOKS_UP = 0;  // whether ids may name places
layout(local_size_x_id = 0) in;

layout(set = 0, binding = 0, std430) readonly buffer Ids { uint ids[]; };       // [tokens]
layout(set = 0, binding = 1, std430) readonly buffer Table { uvec2 table[]; };  // [rows, columns]
layout(set = 0, binding = 2, std430) writeonly buffer Y { vec4 y[]; };          // [tokens, columns]
layout(set = 0, binding = 3, std430) readonly buffer Sampled { uint sampled[]; };  // [slots], read if LOOKS_UP
layout(push_constant, std430) uniform Args {
    uint columns;
    uint firstRow;  // of the slice
    uint rows;      // in the slice
} args;

#include "include/weight.glsl"

void main() {
    const uint vectors = args.columns / 4u;
    const uint i = gl_GlobalInvocationID.x;
    const uint token = gl_WorkGroupID.y;
    uint id = ids[token];
    if (LOOKS_UP != 0u && (id & 0x80000000u) != 0u) id = sampled[id & 0x7fffffffu];
    const uint row = id - args.firstRow;  // wraps to a large value below the slice
    if (i >= vectors || row >= args.rows) return;
    const uint at = row * vectors + i;
    const vec4 value = WEIGHT_DTYPE == WEIGHT_F32
        ? uintBitsToFloat(uvec4(table[2u * at], table[2u * at + 1u]))
        : unpackWords(table[at]);
    y[token * vectors + i] = value;
}
