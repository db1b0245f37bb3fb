#version 450
#extension GL_GOOGLE_include_directive : require

// Attention of text rows to the tiles of images, heads grouped around their key head:
//   y[t, h] = softmax_k(scale * q[t, h]·k[h / group]) v[h / group] over all tileTokens tokens of each of t's tiles,
//   which are tileTable[rowTiles[t].begin .. rowTiles[t].end). A row without tiles becomes zeros.
// Workgroup (x, key head): rows x * ROWS .. of the list that runs over the heads of the group, then over the tokens.

layout(set = 0, binding = 0, std430) readonly buffer Q { vec4 q[]; };                  // [rows, heads, VECS]
layout(set = 0, binding = 1, std430) readonly buffer Keys { vec4 keys[]; };            // [slots, tileTokens, kvHeads, VECS]
layout(set = 0, binding = 2, std430) readonly buffer Values { vec4 values[]; };        // [slots, tileTokens, kvHeads, VECS]
layout(set = 0, binding = 3, std430) readonly buffer RowTiles { uint rowTiles[]; };    // [rows, 2]
layout(set = 0, binding = 4, std430) readonly buffer TileTable { uint tileTable[]; };  // tile slots
layout(set = 0, binding = 5, std430) writeonly buffer Y { vec4 y[]; };                 // [rows, heads, VECS]
layout(push_constant, std430) uniform Args {
    uint rows;
    uint heads;
    uint kvHeads;
    uint tileTokens;
    float scale;
} args;

#define QUERY(i) q[i]
#define KEY(i) keys[i]
#define VALUE(i) values[i]
#define OUTPUT(i) y[i]
#include "include/attention_rows.glsl"

uint firstKey;  // of the image tile that is being attended

uint keyAddress(uint key) { return ((firstKey + key) * args.kvHeads + gl_WorkGroupID.y) * VECS; }

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
        queryAt[r] = (token[r] * args.heads + head[r]) * VECS;
        visible[r / 4u][r % 4u] = args.tileTokens;
    }

    // Neighbours that see the same image tiles are attended together; each such run starts afresh.
    const uint tokenEnd = (tileEnd - 1u) / group + 1u;
    for (uint begin = tileBegin / group; begin < tokenEnd;) {
        const uint tableBegin = rowTiles[2u * begin];
        const uint tableEnd = rowTiles[2u * begin + 1u];
        uint end = begin + 1u;
        while (end < tokenEnd && rowTiles[2u * end] == tableBegin && rowTiles[2u * end + 1u] == tableEnd) end++;

        startRows();
        for (uint entry = tableBegin; entry < tableEnd; entry++) {
            firstKey = tileTable[entry] * args.tileTokens;
            attend(args.tileTokens, args.scale);
        }
        finishRows();
        [[unroll]] for (uint r = 0u; r < TILE_ROWS; r++) {
            const bool mine = tileBegin + rowNumber(r) < tileEnd && begin <= token[r] && token[r] < end;
            if (mine) storeRow(r, (token[r] * args.heads + head[r]) * VECS);
        }
        begin = end;
    }
}
