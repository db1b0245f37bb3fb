#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
#extension GL_KHR_shader_subgroup_arithmetic : require
#extension GL_KHR_shader_subgroup_basic : require

// Chooses one token from each row of logits: the largest, or a draw after temperature, top-k, top-p and min-p. One
// workgroup per row.
//
// A token's weight is exp((v - best) / temperature) in units of 2^-46, as an integer: sums of integers are exact in
// any order, so thresholds and draws depend on the row alone. Thresholds are found digit by digit, by histograms over
// the keys (include/order_key.glsl); the draw goes through the kept tokens in the order of their ids.

layout(constant_id = 0) const uint WORKGROUP_SIZE = 256;
layout(constant_id = 1) const uint ONE_SUBGROUP = 0;
layout(constant_id = 2) const uint DRAWS = 1;  // 0: every row takes its largest
layout(local_size_x_id = 0) in;

layout(set = 0, binding = 0, std430) readonly buffer Logits { uint logits[]; };          // [rows, columns], f32 bits
layout(set = 0, binding = 1, std430) readonly buffer RawLogits { uint rawLogits[]; };    // [rows, columns], f32 bits
layout(set = 0, binding = 2, std430) readonly buffer Choices { uint choices[]; };        // [outputs, 11]
layout(set = 0, binding = 3, std430) writeonly buffer OutTokens { uint outTokens[]; };   // [outputs]
layout(set = 0, binding = 4, std430) writeonly buffer OutLogits { uint outLogits[]; };   // [outputs], f32 bits
layout(set = 0, binding = 5, std430) writeonly buffer Sampled { uint sampled[]; };       // [slots]
layout(set = 0, binding = 6, std430) buffer Counts { uint counts[]; };                   // [slots, columns]
layout(push_constant, std430) uniform Args { uint columns; } args;

#include "include/order_key.glsl"
#include "include/philox.glsl"
#include "include/reduce.glsl"
#include "include/wide.glsl"

const uint CHOICE_WORDS = 11u;
// Compilers unroll loops of this many steps, and Mesa 22.3 silently ends an invocation's loops after 65,535 in all.
const uint UNROLL = 4u;

#include "include/sample_cut.glsl"

const uint NO_ID = 0xffffffffu;
const uint NOT_A_NUMBER = 0xffffffffu;
const uint NOTHING_ALLOWED = 0xfffffffeu;

struct Choice {
    uint logits_row;
    uint slot;
    uint position;  // of the chosen token in its sequence
    uint counted;   // whether counts keeps the slot's tokens
    float temperature;
    uint top_k;
    uint top_p;     // in units of 2^-32
    uvec2 min_weight;
    uvec2 seed;
};

Choice readChoice(uint at) {
    return Choice(
        choices[at], choices[at + 1u], choices[at + 2u], choices[at + 3u], uintBitsToFloat(choices[at + 4u]),
        choices[at + 5u], choices[at + 6u], uvec2(choices[at + 7u], choices[at + 8u]),
        uvec2(choices[at + 9u], choices[at + 10u]));
}

// The largest key and the smallest id that has it. `any_nan`: whether the row has a NaN.
uvec2 findBest(out bool any_nan) {
    uvec2 best = uvec2(NAN_KEY, NO_ID);
    bool saw_nan = false;
    for (uint base = gl_LocalInvocationIndex; base < args.columns; base += UNROLL * WORKGROUP_SIZE) {
        [[unroll]] for (uint u = 0u; u < UNROLL; u++) {
            const uint id = base + u * WORKGROUP_SIZE;
            if (id >= args.columns) continue;
            const uint key = keyAt(id);
            saw_nan = saw_nan || key == NAN_KEY;
            if (key > best.x) best = uvec2(key, id);
        }
    }
    any_nan = workgroupMax(saw_nan ? 1u : 0u) != 0u;
    const uint key = workgroupMax(best.x);
    return uvec2(key, workgroupMin(best.x == key ? best.y : NO_ID));
}

// The token at a random share of the kept weight, in the order of ids. The row is cut into one part per invocation,
// the part that holds the share again, until a part is one token.
uint drawn(Cut cut, uvec2 min_weight, uvec2 share) {
    const uvec2 tie_weight = weightOf(cut.key);
    uint ties = less64(tie_weight, min_weight) ? 0u : cut.ties;  // those still to come
    uvec2 target;
    uint begin = 0u;
    uint end = args.columns;
    for (;;) {
        const uint size = (end - begin + WORKGROUP_SIZE - 1u) / WORKGROUP_SIZE;
        const uint first = min(begin + gl_LocalInvocationIndex * size, end);
        const uint last = min(first + size, end);
        uvec2 sum = uvec2(0u);
        uint equal = 0u;
        for (uint base = first; base < last; base += UNROLL) {
            [[unroll]] for (uint u = 0u; u < UNROLL; u++) {
                const uint key = base + u < last ? keyAt(base + u) : NAN_KEY;
                if (key == cut.key) equal++;
                if (key <= cut.key) continue;
                const uvec2 weight = weightOf(key);
                if (!less64(weight, min_weight)) sum = add64(sum, weight);
            }
        }
        workgroupBarrier();  // the parts before may still be read
        bin_low[gl_LocalInvocationIndex] = sum.x;
        bin_high[gl_LocalInvocationIndex] = sum.y;
        bin_count[gl_LocalInvocationIndex] = equal;
        workgroupBarrier();
        if (begin == 0u && end == args.columns) {
            uvec2 total = uvec2(0u);
            uint left = ties;
            [[dont_unroll]] for (uint p = 0u; p < WORKGROUP_SIZE; p++) {
                const uint taken = min(bin_count[p], left);
                total = add64(total, add64(bin(p), multiply64(tie_weight, taken)));
                left -= taken;
            }
            target = multiplyHigh64(total, share);
        }
        uint part = 0u;
        [[dont_unroll]] for (; part < WORKGROUP_SIZE - 1u; part++) {
            const uint taken = min(bin_count[part], ties);
            const uvec2 weight = add64(bin(part), multiply64(tie_weight, taken));
            if (less64(target, weight)) break;
            target = subtract64(target, weight);
            ties -= taken;
        }
        begin = min(begin + part * size, end - 1u);
        end = min(begin + size, end);
        if (end - begin <= 1u) return begin;
    }
}

uint draw(Choice choice, uint best_key) {
    temperature = choice.temperature;
    best_value = finiteValue(best_key);
    const float end = max(best_value - EXPONENT_END * temperature, finiteValue(0u));
    floor_key = max(orderKey(floatBitsToUint(end)), MINUS_INFINITY_KEY + 1u);
    Cut cut = Cut(floor_key, EVERYTHING);
    if (choice.top_k > 0u && choice.top_k < args.columns) cut.key = max(floor_key, kthKey(choice.top_k));
    if (choice.top_p != EVERYTHING) cut = shareCut(cut.key, choice.top_p);
    const uvec4 random = philox(uvec4(choice.position, 0u, 0u, 0u), choice.seed);
    return drawn(cut, choice.min_weight, random.yx);
}

void main() {
    const uint output_row = gl_WorkGroupID.x;
    const Choice choice = readChoice(output_row * CHOICE_WORDS);
    row_begin = choice.logits_row * args.columns;
    bool any_nan;
    const uvec2 best = findBest(any_nan);
    uint token = best.y;
    if (any_nan) token = NOT_A_NUMBER;
    else if (best.x <= MINUS_INFINITY_KEY) token = NOTHING_ALLOWED;
    else if (DRAWS != 0u && choice.temperature > 0.0) token = draw(choice, best.x);
    if (gl_LocalInvocationIndex != 0u) return;
    outTokens[output_row] = token;
    sampled[choice.slot] = token;
    if (token >= args.columns) return;
    outLogits[output_row] = rawLogits[row_begin + token];
    if (choice.counted != 0u) counts[choice.slot * args.columns + token] += 1u;
}
