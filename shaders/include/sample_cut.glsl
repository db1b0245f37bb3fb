// The weights of a row's tokens, and the thresholds of top-k and top-p, by histograms over the digits of the keys.
// The including shader gives WORKGROUP_SIZE, UNROLL, logits, args.columns, and the other includes that this one needs:
// order_key, reduce and wide.

const uint EVERYTHING = 0xffffffffu;
const uint DIGITS = 256u;
const float EXPONENT_END = 32.0;  // exp(-32) is less than the unit of the weights

// What top-k and top-p leave: keys above `key`, and of those equal to it the first `ties`.
struct Cut {
    uint key;
    uint ties;
};

// Histograms by digit, or the parts of a range: one per invocation.
shared uint bin_low[512];
shared uint bin_high[512];
shared uint bin_count[512];

uint row_begin;
float temperature;
float best_value;
uint floor_key;  // below it every weight is 0

uint keyAt(uint id) {
    return orderKey(logits[row_begin + id]);
}

uvec2 weightOf(uint key) {
    if (key < floor_key) return uvec2(0u);
    const float x = (finiteValue(key) - best_value) / temperature;
    const float scaled = (x < 0.0 ? min(exp(x), 1.0) : 1.0) * 16384.0;  // 2^14; not all devices give exp(0) = 1
    const uint high = uint(scaled);
    return uvec2(uint((scaled - float(high)) * 4294967296.0), high);  // no step rounds but the last, down
}

uvec2 bin(uint digit) {
    return uvec2(bin_low[digit], bin_high[digit]);
}

// Fills the bins of the eight bits at `shift` of all keys from `least` up that agree with `prefix` above those bits:
// with their weights, or with how many there are.
void fillBins(uint least, uint prefix, uint shift, bool weighted) {
    workgroupBarrier();  // the bins may still be read
    for (uint b = gl_LocalInvocationIndex; b < DIGITS; b += WORKGROUP_SIZE) {
        bin_low[b] = bin_high[b] = bin_count[b] = 0u;
    }
    workgroupBarrier();
    for (uint base = gl_LocalInvocationIndex; base < args.columns; base += UNROLL * WORKGROUP_SIZE) {
        [[unroll]] for (uint u = 0u; u < UNROLL; u++) {
            const uint id = base + u * WORKGROUP_SIZE;
            const uint key = id < args.columns ? keyAt(id) : NAN_KEY;
            if (key < least || (key >> shift >> 8) != prefix) continue;
            const uint digit = (key >> shift) & 255u;
            if (!weighted) {
                atomicAdd(bin_count[digit], 1u);
                continue;
            }
            const uvec2 weight = weightOf(key);
            const uint before = atomicAdd(bin_low[digit], weight.x);
            atomicAdd(bin_high[digit], weight.y + (before > ~weight.x ? 1u : 0u));
        }
    }
    workgroupBarrier();
}

// The key of the k-th largest token, or 0 where fewer weigh anything.
uint kthKey(uint k) {
    uint prefix = 0u;
    uint above = 0u;
    [[dont_unroll]] for (int shift = 24; shift >= 0; shift -= 8) {
        fillBins(floor_key, prefix, uint(shift), false);
        uint digit = DIGITS - 1u;
        for (; digit > 0u && above + bin_count[digit] < k; digit--) above += bin_count[digit];
        prefix = prefix << 8 | digit;
    }
    return prefix;
}

// The fewest tokens from `least` up, the largest first, that have the share `top_p` of their weight.
Cut shareCut(uint least, uint top_p) {
    uint prefix = 0u;
    uvec2 above = uvec2(0u);
    uvec2 need = uvec2(0u);
    [[dont_unroll]] for (int shift = 24; shift >= 0; shift -= 8) {
        fillBins(least, prefix, uint(shift), true);
        if (shift == 24) {
            for (uint d = 0u; d < DIGITS; d++) need = add64(need, bin(d));
            need = multiplyShift32(need, top_p);
            if (need == uvec2(0u)) need.x = 1u;
        }
        uint digit = DIGITS - 1u;
        for (; digit > 0u && less64(add64(above, bin(digit)), need); digit--) above = add64(above, bin(digit));
        prefix = prefix << 8 | digit;
    }
    // The fewest equal tokens that reach the rest, by bisection.
    const uvec2 rest = subtract64(need, above);
    const uvec2 weight = weightOf(prefix);
    uint few = 0u;
    uint enough = args.columns;
    while (enough - few > 1u) {
        const uint middle = (few + enough) / 2u;
        if (less64(multiply64(weight, middle), rest)) few = middle;
        else enough = middle;
    }
    return Cut(prefix, enough);
}
