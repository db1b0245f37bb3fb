#version 450

// Adds the embedding of a row's tile: x[s] += gate * table[tile of s]. One invocation per four channels, one grid row
// per token.

layout(constant_id = 0) const uint WORKGROUP_SIZE = 64;
layout(local_size_x_id = 0) in;

layout(set = 0, binding = 0, std430) buffer X { vec4 x[]; };                   // [count, channels]
layout(set = 0, binding = 1, std430) readonly buffer Rows { uint rows[]; };    // [count, (tile, token)]
layout(set = 0, binding = 2, std430) readonly buffer Table { vec4 table[]; };  // [tiles, channels]
layout(push_constant, std430) uniform Args {
    uint channels;
    float gate;
} args;

void main() {
    const uint vectors = args.channels / 4u;
    const uint i = gl_GlobalInvocationID.x;
    if (i >= vectors) return;
    const uint row = gl_WorkGroupID.y;
    x[row * vectors + i] += args.gate * table[rows[2u * row] * vectors + i];
}
