#version 450
#extension GL_GOOGLE_include_directive : require

// First state of the vision encoder, one row per token: the class vector or an embedded patch, plus its positions.
//   x = base + (1 - g) * positional[token] + g * tilePositional[tile, token],   base = classEmbedding for token 0, else
//   base = patch + preTileGate * preTile[tile]. Missing tiles have zero patches; padding tokens are zero rows.
// One invocation per four channels, one grid row per token.

layout(constant_id = 0) const uint WORKGROUP_SIZE = 64;
layout(constant_id = 1) const uint WEIGHT_DTYPE = 1;
layout(local_size_x_id = 0) in;

layout(set = 0, binding = 0, std430) readonly buffer Patches { vec4 patches[]; };               // [realTiles, tokens - 1, channels]
layout(set = 0, binding = 1, std430) readonly buffer Rows { uint rows[]; };                     // [count, (tile, token)]
layout(set = 0, binding = 2, std430) readonly buffer ClassEmbedding { vec4 classEmbedding[]; };  // [channels]
layout(set = 0, binding = 3, std430) readonly buffer Positional { uvec2 positional[]; };        // [tokens, channels]
layout(set = 0, binding = 4, std430) readonly buffer TilePositional { uvec2 tilePositional[]; };  // [tiles, tokens, channels]
layout(set = 0, binding = 5, std430) readonly buffer PreTile { vec4 preTile[]; };               // [tiles, channels]
layout(set = 0, binding = 6, std430) writeonly buffer X { vec4 x[]; };                          // [count, channels]
layout(push_constant, std430) uniform Args {
    uint channels;
    uint tokens;
    uint realTiles;
    float positionGate;
    float preTileGate;
} args;

#include "include/weight.glsl"

void main() {
    const uint vectors = args.channels / 4u;
    const uint i = gl_GlobalInvocationID.x;
    if (i >= vectors) return;
    const uint row = gl_WorkGroupID.y;
    const uint tile = rows[2u * row];
    const uint token = rows[2u * row + 1u];
    if (token >= args.tokens) {
        x[row * vectors + i] = vec4(0.0);
        return;
    }
    vec4 base;
    if (token == 0u) {
        base = classEmbedding[i];
    } else {
        base = args.preTileGate * preTile[tile * vectors + i];
        if (tile < args.realTiles) base += patches[(tile * (args.tokens - 1u) + token - 1u) * vectors + i];
    }
    const uint at = token * vectors + i;
    const uint tileAt = (tile * args.tokens + token) * vectors + i;
    vec4 tokenPosition;
    vec4 tilePosition;
    if (WEIGHT_DTYPE == WEIGHT_F32) {
        tokenPosition = uintBitsToFloat(uvec4(positional[2u * at], positional[2u * at + 1u]));
        tilePosition = uintBitsToFloat(uvec4(tilePositional[2u * tileAt], tilePositional[2u * tileAt + 1u]));
    } else {
        tokenPosition = unpackWords(positional[at]);
        tilePosition = unpackWords(tilePositional[tileAt]);
    }
    x[row * vectors + i] = base + (1.0 - args.positionGate) * tokenPosition + args.positionGate * tilePosition;
}
