#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_KHR_shader_subgroup_arithmetic : require
#extension GL_KHR_shader_subgroup_basic : require

// What a request changes in its logits before a token is chosen: v + bias, then the repetition, presence and frequency
// penalties, then what the mask forbids becomes -infinity. One workgroup per RANGE ids of a row.

layout(constant_id = 0) const uint WORKGROUP_SIZE = 256;
layout(constant_id = 1) const uint ONE_SUBGROUP = 0;
layout(constant_id = 2) const uint RANGE = 1024;
layout(local_size_x_id = 0) in;

layout(set = 0, binding = 0, std430) readonly buffer Logits { uint logits[]; };            // [rows, columns], f32 bits
layout(set = 0, binding = 1, std430) readonly buffer Adjustments { uint adjustments[]; };  // [rows, 7]
layout(set = 0, binding = 2, std430) readonly buffer Edits { uvec2 edits[]; };             // [rows, maxEdits] id, f32 bits
layout(set = 0, binding = 3, std430) readonly buffer Masks { uint masks[]; };              // [rows, maskWords]
layout(set = 0, binding = 4, std430) readonly buffer Counts { uint counts[]; };            // [slots, columns]
layout(set = 0, binding = 5, std430) writeonly buffer Y { uint y[]; };                     // [rows, columns], f32 bits
layout(push_constant, std430) uniform Args {
    uint columns;
    uint maxEdits;
    uint maskWords;  // ceil(columns / 32)
} args;

#include "include/order_key.glsl"
#include "include/reduce.glsl"

const uint ADJUSTMENT_WORDS = 7u;
const uint MINUS_INFINITY = 0xff800000u;
const uint LAST_RESORT = 0xff7fffffu;  // the least finite value: as a bias it takes the place of the logit

shared uint bias[RANGE];

struct Adjustment {
    uint slot;
    uint penalized;
    float repetition;
    float presence;
    float frequency;
    uint edit_count;
    uint masked;
};

Adjustment readAdjustment(uint at) {
    return Adjustment(
        adjustments[at], adjustments[at + 1u], uintBitsToFloat(adjustments[at + 2u]),
        uintBitsToFloat(adjustments[at + 3u]), uintBitsToFloat(adjustments[at + 4u]), adjustments[at + 5u],
        adjustments[at + 6u]);
}

// The highest bit of a count tells that the prompt has the token, the others how often it was generated.
float penalized(float v, uint count, Adjustment a) {
    if (count == 0u) return v;
    v = v < 0.0 ? v * a.repetition : v / a.repetition;
    const uint generated = count & 0x7fffffffu;
    if (generated > 0u) v -= a.presence + a.frequency * float(generated);
    return v;
}

uint adjusted(uint bits, uint bias_bits, uint count, bool allowed, Adjustment a) {
    if (orderKey(bits) == NAN_KEY) return bits;  // a broken forward pass must be seen
    if (!allowed) return MINUS_INFINITY;
    if (bias_bits == LAST_RESORT) return LAST_RESORT;
    float v = uintBitsToFloat(bits);
    if (bias_bits != 0u) v += uintBitsToFloat(bias_bits);
    if (a.penalized != 0u) v = penalized(v, count, a);
    return floatBitsToUint(v);
}

void main() {
    const uint row = gl_WorkGroupID.y;
    const uint begin = gl_WorkGroupID.x * RANGE;
    const Adjustment a = readAdjustment(row * ADJUSTMENT_WORDS);
    for (uint i = gl_LocalInvocationIndex; i < RANGE; i += WORKGROUP_SIZE) bias[i] = 0u;
    workgroupBarrier();
    for (uint i = gl_LocalInvocationIndex; i < a.edit_count; i += WORKGROUP_SIZE) {
        const uvec2 edit = edits[row * args.maxEdits + i];
        const uint at = edit.x - begin;  // wraps to a large value below the range
        if (at < RANGE) bias[at] = edit.y;
    }
    workgroupBarrier();
    for (uint i = gl_LocalInvocationIndex; i < RANGE; i += WORKGROUP_SIZE) {
        const uint id = begin + i;
        if (id >= args.columns) break;
        const uint count = a.penalized != 0u ? counts[a.slot * args.columns + id] : 0u;
        const bool allowed = a.masked == 0u || (masks[row * args.maskWords + id / 32u] >> (id % 32u) & 1u) != 0u;
        const uint at = row * args.columns + id;
        y[at] = adjusted(logits[at], bias[i], count, allowed, a);
    }
}
