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

// The rows of the tokens runBegin .. runEnd - 1 are attended together.
uint runBegin;
uint runEnd;
uint firstKey;  // of the image tile that is being attended

uint keyAddress(uint key) { return ((firstKey + key) * args.kvHeads + gl_WorkGroupID.y) * VECS; }

float keyBias(uint key) { return 0.0; }

uint group() { return args.heads / args.kvHeads; }

// Place in the list of heads and tokens. A row beyond its end computes the last one once more, and is not written.
uint place(uint row) { return min(gl_WorkGroupID.x * ROWS + row, args.rows * group() - 1u); }

uint headOf(uint place) { return gl_WorkGroupID.y * group() + place % group(); }

uint queryAddress(uint row) { return (place(row) / group() * args.heads + headOf(place(row))) * VECS; }

bool inRun(uint token) { return runBegin <= token && token < runEnd; }

uint visibleKeys(uint row) { return args.tileTokens; }

uint outputAddress(uint row) {
    const uint token = place(row) / group();
    const bool extra = gl_WorkGroupID.x * ROWS + row != place(row);
    return extra || !inRun(token) ? NOWHERE : (token * args.heads + headOf(place(row))) * VECS;
}

void main() {
    const uint tokenEnd = place(ROWS - 1u) / group() + 1u;
    // Neighbours that see the same image tiles are attended together; each such run starts afresh.
    for (runBegin = place(0u) / group(); runBegin < tokenEnd; runBegin = runEnd) {
        const uvec2 range = uvec2(rowTiles[2u * runBegin], rowTiles[2u * runBegin + 1u]);
        runEnd = runBegin + 1u;
        while (runEnd < tokenEnd && uvec2(rowTiles[2u * runEnd], rowTiles[2u * runEnd + 1u]) == range) runEnd++;
        startRows();
        for (uint entry = range.x; entry < range.y; entry++) {
            firstKey = tileTable[entry] * args.tileTokens;
            attend(args.tileTokens, args.scale);
        }
        finishRows();
    }
}
