#version 450

// Gated residual: h[t] += gate * branch[t] for the rows that see an image, that is, whose range of tiles is not empty.
// One invocation per four elements, one grid row per token.

layout(constant_id = 0) const uint WORKGROUP_SIZE = 64;
layout(local_size_x_id = 0) in;

layout(set = 0, binding = 0, std430) buffer H { vec4 h[]; };                        // [tokens, columns]
layout(set = 0, binding = 1, std430) readonly buffer Branch { vec4 branch[]; };     // [tokens, columns]
layout(set = 0, binding = 2, std430) readonly buffer RowTiles { uint rowTiles[]; }; // [tokens, 2]: begin, end
layout(push_constant, std430) uniform Args {
    uint columns;
    float gate;
} args;

void main() {
    const uint vectors = args.columns / 4u;
    const uint i = gl_GlobalInvocationID.x;
    const uint token = gl_WorkGroupID.y;
    if (i >= vectors || rowTiles[2u * token] >= rowTiles[2u * token + 1u]) return;
    const uint at = token * vectors + i;
    h[at] = fma(vec4(args.gate), branch[at], h[at]);
}
