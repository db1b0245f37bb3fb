#version 450
#extension GL_GOOGLE_include_directive : require

// Rotary position embedding, in place, on the query and key heads of fused rows [q heads | k heads | v heads]:
//   a = position * invFreq[j];  (v[j], v[j + d/2]) = (v[j] cos a - v[j + d/2] sin a,  v[j + d/2] cos a + v[j] sin a)
// One invocation per pair, one grid row per token.

layout(constant_id = 0) const uint WORKGROUP_SIZE = 64;
layout(local_size_x_id = 0) in;

layout(set = 0, binding = 0, std430) buffer Qkv { float qkv[]; };                    // [tokens, stride]
layout(set = 0, binding = 1, std430) readonly buffer Positions { uint positions[]; };  // [tokens]
layout(set = 0, binding = 2, std430) readonly buffer InvFreq { float invFreq[]; };   // [headDim / 2]
layout(push_constant, std430) uniform Args {
    uint stride;   // floats of a row
    uint heads;    // query and key heads
    uint headDim;
} args;

#include "include/sin_cos.glsl"

void main() {
    const uint half_dim = args.headDim / 2u;
    const uint pair = gl_GlobalInvocationID.x;
    const uint token = gl_WorkGroupID.y;
    const uint position = positions[token];
    if (pair >= args.heads * half_dim || position == 0xffffffffu) return;  // a padding row keeps its values
    const uint j = pair % half_dim;
    const uint first = token * args.stride + (pair / half_dim) * args.headDim + j;
    // The angle is this one rounded product by definition: the reference implementation multiplies in f32 too.
    const vec2 rotation = sinCos(float(position) * invFreq[j]);
    const float a = qkv[first];
    const float b = qkv[first + half_dim];
    qkv[first] = a * rotation.y - b * rotation.x;
    qkv[first + half_dim] = b * rotation.y + a * rotation.x;
}
