// Weights of three dtypes, read as 32-bit words: a 16-bit storage type would cost CPU drivers 2 to 6 times more
// per element and needs an extension. The including shader gives WEIGHT_DTYPE as a specialization constant.
// Two 16-bit elements share one little-endian word; the first is in the low half.

const uint WEIGHT_F32 = 0u;
const uint WEIGHT_BF16 = 1u;
const uint WEIGHT_F16 = 2u;

// f16 bits (in the low half of each word) to f32, exactly, without producing or reading an f32 subnormal: devices
// may flush those. A subnormal half m * 2^-24 is built as 2^-14 * (1 + m / 1024) minus 2^-14.
vec4 halfToFloat(uvec4 bits) {
    const uvec4 exponent = bits & 0x7c00u;
    const uvec4 subnormal = uvec4(equal(exponent, uvec4(0u)));
    const uvec4 special = uvec4(equal(exponent, uvec4(0x7c00u)));  // infinity, NaN
    const uvec4 rebias = (112u + subnormal + 112u * special) << 23;
    const vec4 magnitude = uintBitsToFloat(((bits & 0x7fffu) << 13) + rebias) - vec4(subnormal) * 6.103515625e-5;
    return uintBitsToFloat(floatBitsToUint(magnitude) | ((bits & 0x8000u) << 16));
}

// Four 16-bit elements from two words.
vec4 unpackWords(uvec2 words) {
    const uvec4 low = words.xxyy;
    if (WEIGHT_DTYPE == WEIGHT_BF16) {
        return uintBitsToFloat(uvec4(low.x << 16, low.y & 0xffff0000u, low.z << 16, low.w & 0xffff0000u));
    }
    return halfToFloat(uvec4(low.x & 0xffffu, low.y >> 16, low.z & 0xffffu, low.w >> 16));
}
