// Unsigned integers of 64 bits as uvec2(low, high): not every device has them built in.

uvec2 add64(uvec2 a, uvec2 b) {
    uint carry;
    const uint low = uaddCarry(a.x, b.x, carry);
    return uvec2(low, a.y + b.y + carry);
}

uvec2 subtract64(uvec2 a, uvec2 b) {
    uint borrow;
    const uint low = usubBorrow(a.x, b.x, borrow);
    return uvec2(low, a.y - b.y - borrow);
}

bool less64(uvec2 a, uvec2 b) {
    return a.y < b.y || (a.y == b.y && a.x < b.x);
}

// a * b, all 64 bits.
uvec2 multiply32(uint a, uint b) {
    uint high, low;
    umulExtended(a, b, high, low);
    return uvec2(low, high);
}

// a * b modulo 2^64.
uvec2 multiply64(uvec2 a, uint b) {
    return add64(multiply32(a.x, b), uvec2(0u, a.y * b));
}

// floor(a * b / 2^32).
uvec2 multiplyShift32(uvec2 a, uint b) {
    return add64(multiply32(a.y, b), uvec2(multiply32(a.x, b).y, 0u));
}

// floor(a * b / 2^64).
uvec2 multiplyHigh64(uvec2 a, uvec2 b) {
    const uvec2 lower = multiplyShift32(b, a.x);
    // The product with a.y has 96 bits; its lowest word counts for its carry only.
    uint carry;
    uaddCarry(lower.x, multiply32(b.x, a.y).x, carry);
    return add64(add64(multiplyShift32(b, a.y), uvec2(lower.y, 0u)), uvec2(carry, 0u));
}
