#version 450

// Picture to rows of patches: pads with black at the bottom and the right, normalises, cuts into tiles, then patches.
//   y[tile, patch, (channel, ky, kx)] = pixel * factor[channel] + offset[channel]
// The folded form of (pixel * rescale - mean) / std: one rounding less, and no division that a GPU may round freely.
// Tiles and patches run row by row. One invocation per four columns, one grid row per patch.

layout(constant_id = 0) const uint WORKGROUP_SIZE = 32;
layout(local_size_x_id = 0) in;

layout(set = 0, binding = 0, std430) readonly buffer Pixels { uint pixels[]; };  // [height, width, RGB] bytes
layout(set = 0, binding = 1, std430) writeonly buffer Y { vec4 y[]; };           // [tiles, patches, columns]
layout(push_constant, std430) uniform Args {
    uint width;
    uint height;
    uint tileSize;
    uint patchSize;
    uint gridColumns;  // tiles side by side
    uint columns;      // of y; those beyond 3 * patchSize * patchSize are zeros
    float factorRed;
    float factorGreen;
    float factorBlue;
    float offsetRed;
    float offsetGreen;
    float offsetBlue;
} args;

float normalised(uvec2 corner, uint column) {
    const uint area = args.patchSize * args.patchSize;
    if (column >= 3u * area) return 0.0;
    const uint channel = column / area;
    const uint within = column % area;
    const uvec2 at = corner + uvec2(within % args.patchSize, within / args.patchSize);
    float value = 0.0;
    if (at.x < args.width && at.y < args.height) {
        const uint byte = (at.y * args.width + at.x) * 3u + channel;
        value = float(pixels[byte / 4u] >> (8u * (byte % 4u)) & 0xffu);
    }
    const vec3 factor = vec3(args.factorRed, args.factorGreen, args.factorBlue);
    const vec3 offset = vec3(args.offsetRed, args.offsetGreen, args.offsetBlue);
    return fma(value, factor[channel], offset[channel]);
}

void main() {
    const uint i = gl_GlobalInvocationID.x;
    if (i >= args.columns / 4u) return;
    const uint row = gl_WorkGroupID.y;
    const uint grid = args.tileSize / args.patchSize;  // patches side by side in a tile
    const uint tile = row / (grid * grid);
    const uint patchIndex = row % (grid * grid);
    const uvec2 tileCorner = uvec2(tile % args.gridColumns, tile / args.gridColumns) * args.tileSize;
    const uvec2 corner = tileCorner + uvec2(patchIndex % grid, patchIndex / grid) * args.patchSize;
    y[row * (args.columns / 4u) + i] = vec4(
        normalised(corner, 4u * i),
        normalised(corner, 4u * i + 1u),
        normalised(corner, 4u * i + 2u),
        normalised(corner, 4u * i + 3u)
    );
}
