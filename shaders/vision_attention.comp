#version 450
#extension GL_GOOGLE_include_directive : require

// Attention of the vision encoder, real tokens first and padding tokens last:
//   y[s, h] = softmax_k(scale * q[s, h]·k[h] + bias[k]) v[h], where bias[k] is 0 for a real key and keyBias for padding.
// A real row sees every key, a padding row the real keys only. keyBias is the logarithm of how many equal padding
// tokens the one stands for. Workgroup (x, head): rows x * ROWS ...

layout(set = 0, binding = 0, std430) readonly buffer Qkv { vec4 qkv[]; };          // [rows, (q, k, v), heads, VECS]
layout(set = 0, binding = 1, std430) readonly buffer KeyBias { float bias[]; };         // [rows - realCount], nothing if equal
layout(set = 0, binding = 2, std430) writeonly buffer Y { vec4 y[]; };             // [rows, heads, VECS]
layout(push_constant, std430) uniform Args {
    uint rows;
    uint heads;
    uint realCount;
    float scale;
} args;

#define QUERY(i) qkv[i]
#define KEY(i) qkv[args.heads * VECS + i]
#define VALUE(i) qkv[2u * args.heads * VECS + i]
#define OUTPUT(i) y[i]
#include "include/attention_rows.glsl"

uint keyAddress(uint key) { return (key * 3u * args.heads + gl_WorkGroupID.y) * VECS; }

float keyBias(uint key) { return key < args.realCount ? 0.0 : bias[key - args.realCount]; }

// A row beyond the end computes the last row once more, and is not written.
uint queryRow(uint row) { return min(gl_WorkGroupID.x * ROWS + row, args.rows - 1u); }

uint queryAddress(uint row) { return keyAddress(queryRow(row)); }

uint visibleKeys(uint row) { return queryRow(row) < args.realCount ? args.rows : args.realCount; }

uint outputAddress(uint row) {
    const uint place = gl_WorkGroupID.x * ROWS + row;
    return place < args.rows ? (place * args.heads + gl_WorkGroupID.y) * VECS : NOWHERE;
}

void main() {
    startRows();
    // The first row sees the most: a workgroup of padding rows alone stops at the last real key.
    attend(visibleKeys(0u), args.scale);
    finishRows();
}
