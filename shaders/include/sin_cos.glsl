// Sine and cosine of a large angle. The built-ins of GLSL promise 2^-11 on [-pi, pi] and nothing beyond.

// The fraction of a turn that is left of `angle` radians after whole turns, as a fraction of 2^32; 0 <= angle < 2^24.
// Exact in integers: angle = mantissa * 2^exponent, times 1 / (2 pi) in 64 bits, of which we keep the 32 bits behind
// the binary point.
uint turnFraction(float angle) {
    const uint bits = floatBitsToUint(angle);
    const uint shift = 150u - (bits >> 23);  // -exponent; an f32 subnormal shifts everything out, as it should
    const uint mantissa = (bits & 0x7fffffu) | 0x800000u;
    uint high_carry, high_low, low_high, low_low;
    umulExtended(mantissa, 0x28be60dbu, high_carry, high_low);
    umulExtended(mantissa, 0x9391054au, low_high, low_low);
    uint carry;
    const uint middle = uaddCarry(high_low, low_high, carry);
    const uint top = high_carry + carry;
    // (top:middle) >> shift, in pieces because a shift by 32 or more is undefined.
    if (shift == 0u) return middle;
    if (shift < 32u) return (middle >> shift) | (top << (32u - shift));
    return shift < 64u ? top >> (shift - 32u) : 0u;
}

// (sin, cos) of an angle in radians, 0 <= angle < 2^24; absolute error below 2e-7. Minimax fits of our own on
// [-pi/4, pi/4], rotated by the quadrant.
vec2 sinCos(float angle) {
    const uint fraction = turnFraction(angle);
    const uint quadrant = (fraction + 0x20000000u) >> 30;
    const float r = float(int(fraction - (quadrant << 30))) * 1.462918119976564e-09;  // 2 pi / 2^32
    const float s = r * r;
    float sine = -0.0001946211705217138;
    sine = fma(sine, s, 0.008331584744155407);
    sine = fma(sine, s, -0.16666637361049652);
    sine = fma(sine * s, r, r);
    float cosine = 2.4380011382163502e-05;
    cosine = fma(cosine, s, -0.0013886620290577412);
    cosine = fma(cosine, s, 0.04166661575436592);
    cosine = fma(cosine, s, -0.5);
    cosine = fma(cosine, s, 1.0);
    const vec2 swapped = (quadrant & 1u) == 0u ? vec2(sine, cosine) : vec2(cosine, sine);
    return vec2(
        (quadrant & 2u) == 0u ? swapped.x : -swapped.x,
        ((quadrant + 1u) & 2u) == 0u ? swapped.y : -swapped.y
    );
}
