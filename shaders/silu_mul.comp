#version 450

// SwiGLU activation: y[t] = silu(gate[t]) * up[t], where a row of gateUp holds gate, then up. One invocation per four
// elements, one grid row per token.

layout(constant_id = 0) const uint WORKGROUP_SIZE = 64;
layout(local_size_x_id = 0) in;

layout(set = 0, binding = 0, std430) readonly buffer GateUp { vec4 gateUp[]; };  // [tokens, 2 * columns]
layout(set = 0, binding = 1, std430) writeonly buffer Y { vec4 y[]; };           // [tokens, columns]
layout(push_constant, std430) uniform Args { uint columns; } args;

void main() {
    const uint vectors = args.columns / 4u;
    const uint i = gl_GlobalInvocationID.x;
    if (i >= vectors) return;
    const uint token = gl_WorkGroupID.y;
    const vec4 gate = gateUp[token * 2u * vectors + i];
    const vec4 up = gateUp[token * 2u * vectors + vectors + i];
    // exp(-gate) overflows to +inf below -88, and gate / inf is the 0 we want: no clamp needed.
    y[token * vectors + i] = gate / (1.0 + exp(-gate)) * up;
}
