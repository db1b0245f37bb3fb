#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_KHR_shader_subgroup_arithmetic : require
#extension GL_KHR_shader_subgroup_basic : require

// The k largest logits of a row, largest first, and log(sum(exp(logits))). One workgroup per row.
//
// A row is dealt into SEGMENTS interleaved segments (element e belongs to segment e mod SEGMENTS). One pass finds the
// best element of each segment; then k times: the best of all segments is the next result, and its segment is searched
// for the best element that comes after it.
//
// Elements are ordered by a key (include/order_key.glsl), larger first, then by id, smaller first.

layout(constant_id = 0) const uint WORKGROUP_SIZE = 256;
layout(constant_id = 1) const uint ONE_SUBGROUP = 0;
layout(constant_id = 2) const uint SEGMENTS = 1024;
layout(local_size_x_id = 0) in;

layout(set = 0, binding = 0, std430) readonly buffer Logits { uint logits[]; };              // [rows, columns], f32 bits
layout(set = 0, binding = 1, std430) writeonly buffer OutIds { uint outIds[]; };             // [rows, k]
layout(set = 0, binding = 2, std430) writeonly buffer OutLogits { uint outLogits[]; };       // [rows, k], f32 bits
layout(set = 0, binding = 3, std430) writeonly buffer OutLogSumExp { float outLogSumExp[]; };  // [rows]
layout(push_constant, std430) uniform Args {
    uint columns;
    uint k;
} args;

#include "include/order_key.glsl"
#include "include/reduce.glsl"

// Compilers unroll loops of this many steps, and Mesa 22.3 silently ends an invocation's loops after 65,535 in all.
const uint UNROLL = 4u;

const uint NO_ID = 0xffffffffu;

shared uint best_key[SEGMENTS];
shared uint best_id[SEGMENTS];     // NO_ID: the segment is used up

struct Element {
    uint key;
    uint id;
};

bool isBetter(Element a, Element b) {
    return a.key > b.key || (a.key == b.key && a.id < b.id);
}

Element bestOfWorkgroup(Element own) {
    const uint key = workgroupMax(own.key);
    return Element(key, workgroupMin(own.key == key ? own.id : NO_ID));
}

// Leaves the best element of every segment in shared memory; returns whether this invocation saw a NaN.
bool fillSegments(uint begin) {
    bool saw_nan = false;
    for (uint s = gl_LocalInvocationIndex; s < SEGMENTS; s += WORKGROUP_SIZE) {
        Element best = Element(NAN_KEY, NO_ID);
        for (uint base = s; base < args.columns; base += UNROLL * SEGMENTS) {
            for (uint u = 0u; u < UNROLL; u++) {
                const uint e = base + u * SEGMENTS;
                if (e >= args.columns) continue;
                const Element candidate = Element(orderKey(logits[begin + e]), e);
                saw_nan = saw_nan || candidate.key == NAN_KEY;
                if (isBetter(candidate, best)) best = candidate;
            }
        }
        best_key[s] = best.key;
        best_id[s] = best.id;
    }
    return saw_nan;
}

Element bestOfSegments() {
    Element best = Element(NAN_KEY, NO_ID);
    for (uint s = gl_LocalInvocationIndex; s < SEGMENTS; s += WORKGROUP_SIZE) {
        const Element candidate = Element(best_key[s], best_id[s]);
        if (isBetter(candidate, best)) best = candidate;
    }
    return bestOfWorkgroup(best);
}

// The best element of the winner's segment that comes after the winner.
Element nextInSegment(uint begin, Element winner) {
    Element best = Element(NAN_KEY, NO_ID);
    const uint first = winner.id % SEGMENTS + gl_LocalInvocationIndex * SEGMENTS;
    for (uint e = first; e < args.columns; e += WORKGROUP_SIZE * SEGMENTS) {
        const Element candidate = Element(orderKey(logits[begin + e]), e);
        if (isBetter(winner, candidate) && isBetter(candidate, best)) best = candidate;
    }
    return bestOfWorkgroup(best);
}

// Natural logarithm of 1 <= v, to f32 noise where the built-in may be a hundred times worse: v = r * 2^e with r from
// sqrt(1/2) to sqrt(2), and log(r) = 2 atanh((r - 1) / (r + 1)), as a series.
float preciseLog(float v) {
    int e;
    float r = frexp(v, e);
    if (r < 0.70710678) {
        r *= 2.0;
        e--;
    }
    const float q = (r - 1.0) / (r + 1.0);
    const float s = q * q;
    const float series = 1.0 + s * (1.0 / 3.0 + s * (1.0 / 5.0 + s * (1.0 / 7.0 + s * (1.0 / 9.0))));
    return fma(float(e), 0.69314718, 2.0 * q * series);
}

// log(sum(exp(v))) = m + log(sum(exp(v - m))), m the largest logit; NaN if any logit is NaN.
float logSumExp(uint begin, Element best, bool any_nan) {
    if (any_nan) return uintBitsToFloat(0x7fc00000u);
    const float m = uintBitsToFloat(logits[begin + best.id]);
    // An infinite maximum is the answer itself, and infinity - infinity is not.
    if (best.key >= INFINITY_KEY || best.key == MINUS_INFINITY_KEY) return m;
    // Sums of sums: a hundred thousand small terms added one by one to a large sum would be rounded away.
    float sum = 0.0;
    for (uint block = 0u; block < args.columns; block += WORKGROUP_SIZE * 64u) {
        const uint end = min(block + WORKGROUP_SIZE * 64u, args.columns);
        float partial = 0.0;
        for (uint base = block + gl_LocalInvocationIndex; base < end; base += UNROLL * WORKGROUP_SIZE) {
            for (uint u = 0u; u < UNROLL; u++) {
                const uint e = base + u * WORKGROUP_SIZE;
                if (e < end) partial += exp(uintBitsToFloat(logits[begin + e]) - m);
            }
        }
        sum += partial;
    }
    return m + preciseLog(workgroupSum(sum));
}

void main() {
    const uint row = gl_WorkGroupID.x;
    const uint begin = row * args.columns;
    const bool any_nan = workgroupMax(fillSegments(begin) ? 1u : 0u) != 0u;
    workgroupBarrier();

    for (uint n = 0u; n < args.k; n++) {
        const Element winner = bestOfSegments();
        if (n == 0u) {
            const float total = logSumExp(begin, winner, any_nan);
            if (gl_LocalInvocationIndex == 0u) outLogSumExp[row] = total;
        }
        if (gl_LocalInvocationIndex == 0u) {
            outIds[row * args.k + n] = winner.id;
            outLogits[row * args.k + n] = logits[begin + winner.id];
        }
        if (n + 1u == args.k) break;
        const Element next = nextInSegment(begin, winner);
        if (gl_LocalInvocationIndex == 0u) {
            best_key[winner.id % SEGMENTS] = next.key;
            best_id[winner.id % SEGMENTS] = next.id;
        }
        workgroupBarrier();
    }
}
