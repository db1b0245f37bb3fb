// Floats as unsigned integers in the same order, so that comparing is exact: no rounding, no flushed subnormals, and
// NaN comes last whatever the device makes of comparisons with it. The two zeros are equal.

const uint NAN_KEY = 0u;
const uint MINUS_INFINITY_KEY = 0x007fffffu;
const uint INFINITY_KEY = 0xff800000u;

// Monotone in the value: flips all bits of negative floats and the sign of the others.
uint orderKey(uint bits) {
    const uint magnitude = bits & 0x7fffffffu;
    if (magnitude > 0x7f800000u) return NAN_KEY;
    if (magnitude == 0u) return 0x80000000u;
    return (bits >> 31) != 0u ? ~bits : bits | 0x80000000u;
}

// The float of a key, infinities brought to the largest finite values, so that they can be subtracted.
float finiteValue(uint key) {
    const uint finite = clamp(key, MINUS_INFINITY_KEY + 1u, INFINITY_KEY - 1u);
    return uintBitsToFloat(finite >= 0x80000000u ? finite ^ 0x80000000u : ~finite);
}
