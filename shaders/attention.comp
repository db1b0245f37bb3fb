#version 450
#extension GL_GOOGLE_include_directive : require

// Causal self-attention over the paged cache of keys and values, heads grouped around their key head:
//   y[t, h] = softmax_k(scale * q[t, h]·k[h / group]) v[h / group] over the positions 0 .. positions[t] of t's sequence.
// Position p of sequence s lies in slot blockTables[s, p / BLOCK_SIZE] * BLOCK_SIZE + p % BLOCK_SIZE.
// Workgroup (x, key head): rows x * ROWS .. of the list that runs over the heads of the group, then over the tokens.

layout(constant_id = 7) const uint BLOCK_SIZE = 16;

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

uint runSequence;  // the sequence that is being attended

uint keyAddress(uint key) {
    const uint block = blockTables[runSequence * args.maxBlocks + key / BLOCK_SIZE];
    return ((block * BLOCK_SIZE + key % BLOCK_SIZE) * args.kvHeads + gl_WorkGroupID.y) * VECS;
}

float keyBias(uint key) { return 0.0; }

void main() {
    const uint group = args.heads / args.kvHeads;
    const uint tileBegin = gl_WorkGroupID.x * ROWS;
    const uint tileEnd = min(tileBegin + ROWS, args.rows * group);

    uint token[TILE_ROWS];
    uint head[TILE_ROWS];
    [[unroll]] for (uint r = 0u; r < TILE_ROWS; r++) {
        // A row beyond the tile's end computes the last row once more, and is not written.
        const uint row = min(tileBegin + rowNumber(r), tileEnd - 1u);
        token[r] = row / group;
        head[r] = gl_WorkGroupID.y * group + row % group;
        queryAt[r] = (token[r] * (args.heads + 2u * args.kvHeads) + head[r]) * VECS;
    }

    // Neighbours of one sequence are attended together; each sequence starts afresh, so none can touch another's rows.
    const uint tokenEnd = (tileEnd - 1u) / group + 1u;
    for (uint begin = tileBegin / group; begin < tokenEnd;) {
        runSequence = sequences[begin];
        uint end = begin;
        uint keyCount = 0u;
        do {
            // The padding position 0xffffffff wraps to 0 visible keys.
            keyCount = max(keyCount, positions[end] + 1u);
            end++;
        } while (end < tokenEnd && sequences[end] == runSequence);

        [[unroll]] for (uint r = 0u; r < TILE_ROWS; r++) {
            visible[r / 4u][r % 4u] = begin <= token[r] && token[r] < end ? positions[token[r]] + 1u : 0u;
        }
        startRows();
        attend(keyCount, args.scale);
        finishRows();
        [[unroll]] for (uint r = 0u; r < TILE_ROWS; r++) {
            const bool mine = tileBegin + rowNumber(r) < tileEnd && begin <= token[r] && token[r] < end;
            if (mine) storeRow(r, (token[r] * args.heads + head[r]) * VECS);
        }
        begin = end;
    }
}
