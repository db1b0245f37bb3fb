#version 450

// Reads memory as fast as the device can: y[i] is the sum of all words that invocation i reads, modulo 2^32, so that no
// load can be left out. A workgroup reads one span without gaps: its invocations walk through it side by side, or each
// through a piece of its own.

layout(constant_id = 0) const uint WORKGROUP_SIZE = 64;
layout(constant_id = 1) const uint LOADS = 16;
layout(constant_id = 2) const uint SIDE_BY_SIDE = 1;
layout(local_size_x_id = 0) in;

layout(set = 0, binding = 0, std430) readonly buffer X { uvec4 x[]; };  // [invocations * LOADS]
layout(set = 0, binding = 1, std430) writeonly buffer Y { uint y[]; };  // [invocations]

void main() {
    const uint span = gl_WorkGroupID.x * WORKGROUP_SIZE * LOADS;
    const uint first = span + gl_LocalInvocationIndex * (SIDE_BY_SIDE == 1u ? 1u : LOADS);
    const uint stride = SIDE_BY_SIDE == 1u ? WORKGROUP_SIZE : 1u;
    uvec4 sum = uvec4(0);
    // Drivers unroll a short loop, so that its loads are all on their way before the first is there.
    for (uint i = 0; i < LOADS; i++) sum += x[first + i * stride];
    y[gl_GlobalInvocationID.x] = sum.x + sum.y + sum.z + sum.w;
}
