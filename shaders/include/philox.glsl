// Philox 4x32-10, a counter-based generator: the numbers of a counter under a key, without state.
// Source: Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3".
uvec4 philox(uvec4 counter, uvec2 key) {
    [[dont_unroll]] for (uint round = 0u; round < 10u; round++) {
        uint high_x, low_x, high_z, low_z;
        umulExtended(0xd2511f53u, counter.x, high_x, low_x);
        umulExtended(0xcd9e8d57u, counter.z, high_z, low_z);
        counter = uvec4(high_z ^ counter.y ^ key.x, low_z, high_x ^ counter.w ^ key.y, low_x);
        key += uvec2(0x9e3779b9u, 0xbb67ae85u);
    }
    return counter;
}
