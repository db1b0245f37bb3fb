#version 450
#extension GL_GOOGLE_include_directive : require

// Causal self-attention over the paged cache of keys and values, heads grouped around their key head:
//   y[t, h] = softmax_k(scale * q[t, h]·k[h / group]) v[h / group] over the positions 0 .. positions[t] of t's sequence.
// Position p of sequence s lies in slot blockTables[s, p / BLOCK_SIZE] * BLOCK_SIZE + p % BLOCK_SIZE.
// Workgroup (x, key head): rows x * ROWS .. of the list that runs over the heads of the group, then over the tokens.

layout(constant_id = 6) const uint BLOCK_SIZE = 16;

layout(set = 0, binding = 0, std430) readonly buffer Qkv { vec4 qkv[]; };                // [rows, heads + 2 kvHeads, VECS]
layout(set = 0, binding = 1, std430) readonly buffer Keys { vec4 keys[]; };              // [slots, kvHeads, VECS]
layout(set = 0, binding = 2, std430) readonly buffer Values { vec4 values[]; };          // [slots, kvHeads, VECS]
layout(set = 0, binding = 3, std430) readonly buffer Positions { uint positions[]; };    // [rows]
layout(set = 0, binding = 4, std430) readonly buffer Sequences { uint sequences[]; };    // [rows]
layout(set = 0, binding = 5, std430) readonly buffer BlockTables { uint blockTables[]; };  // [sequences, maxBlocks]
layout(set = 0, binding = 6, std430) writeonly buffer Y { vec4 y[]; };                   // [rows, heads, VECS]
layout(push_constant, std430) uniform Args {
    uint rows;
    uint heads;
    uint kvHeads;
    uint maxBlocks;
    float scale;
} args;

#define QUERY(i) qkv[i]
#define KEY(i) keys[i]
#define VALUE(i) values[i]
#define OUTPUT(i) y[i]
#include "include/attention_rows.glsl"

// The rows of the tokens runBegin .. runEnd - 1 are attended together.
uint runBegin;
uint runEnd;
uint runSequence;

uint keyAddress(uint key) {
    const uint block = blockTables[runSequence * args.maxBlocks + key / BLOCK_SIZE];
    return ((block * BLOCK_SIZE + key % BLOCK_SIZE) * args.kvHeads + gl_WorkGroupID.y) * VECS;
}

float keyBias(uint key) { return 0.0; }

uint group() { return args.heads / args.kvHeads; }

// Place in the list of heads and tokens. A row beyond its end computes the last one once more, and is not written.
uint place(uint row) { return min(gl_WorkGroupID.x * ROWS + row, args.rows * group() - 1u); }

uint headOf(uint place) { return gl_WorkGroupID.y * group() + place % group(); }

uint queryAddress(uint row) { return (place(row) / group() * (args.heads + 2u * args.kvHeads) + headOf(place(row))) * VECS; }

bool inRun(uint token) { return runBegin <= token && token < runEnd; }

// The padding position 0xffffffff wraps to 0 visible keys.
uint pastOf(uint token) { return positions[token] + 1u; }

uint visibleKeys(uint row) {
    const uint token = place(row) / group();
    return inRun(token) ? pastOf(token) : 0u;
}

uint outputAddress(uint row) {
    const uint token = place(row) / group();
    const bool extra = gl_WorkGroupID.x * ROWS + row != place(row);
    return extra || !inRun(token) ? NOWHERE : (token * args.heads + headOf(place(row))) * VECS;
}

void main() {
    const uint tokenEnd = place(ROWS - 1u) / group() + 1u;
    // Neighbours of one sequence are attended together; each sequence starts afresh, so none can touch another's rows.
    for (runBegin = place(0u) / group(); runBegin < tokenEnd; runBegin = runEnd) {
        runSequence = sequences[runBegin];
        runEnd = runBegin;
        uint keyCount = 0u;
        do {
            keyCount = max(keyCount, pastOf(runEnd));
            runEnd++;
        } while (runEnd < tokenEnd && sequences[runEnd] == runSequence);
        startRows();
        attend(keyCount, args.scale);
        finishRows();
    }
}
