// Softmax attention of a tile of query rows in one pass over the keys, never storing a row of scores:
//   y[row] = sum_k p[k] * v[k] / sum_k p[k],   p[k] = exp(scale * q[row]·k[k] + bias[k] - m),   m = greatest score so far.
// When m grows with a block of keys, everything summed so far is multiplied by exp(old m - new m).
// Source: Milakov and Gimelshein 2018, "Online normalizer calculation for softmax"; Dao et al. 2022, "FlashAttention".
//
// A team of KEY_LANES invocations holds a tile of four rows, which are the components of a vec4. For a block of keys, each
// invocation first computes the scores of KEYS_PER_LANE keys with the four rows; then each sums up, over all keys of the
// block, its own vec4s of the head. The weights p pass between the two through shared memory. KEY_SPLITS teams share a
// tile: they take turns over the blocks of keys, and their sums are merged at the end. A workgroup has ROW_TILES tiles.
// Where a workgroup is one subgroup, invocations that need the same queries, weights and addresses load different ones and
// pass them round: a CPU driver loads for one invocation after the other, even from one address.
// Loops run over memory and not over registers: CPU drivers take minutes to compile whole heads unrolled.
//
// The arithmetic of a row depends on HEAD_DIM, KEY_LANES, KEYS_PER_LANE and KEY_SPLITS, never on its neighbours or its
// place in the workgroup.
//
// The including shader defines QUERY(i), KEY(i), VALUE(i) and OUTPUT(i), each the i-th vec4 of a buffer, and after the
// include the functions declared below. It calls startRows(), attend() for each list of keys, and finishRows().

#extension GL_EXT_control_flow_attributes : require
#extension GL_KHR_shader_subgroup_ballot : require
#extension GL_KHR_shader_subgroup_basic : require

layout(constant_id = 0) const uint WORKGROUP_SIZE = 8;
layout(constant_id = 1) const uint HEAD_DIM = 128;
layout(constant_id = 2) const uint KEY_LANES = 8;
layout(constant_id = 3) const uint KEYS_PER_LANE = 4;
layout(constant_id = 4) const uint KEY_SPLITS = 1;
layout(constant_id = 5) const uint ONE_SUBGROUP = 0;  // 1 where the host knows that a workgroup is a single subgroup
layout(local_size_x_id = 0) in;

const uint VECS = HEAD_DIM / 4u;                              // vec4s of one head
const uint LANE_VECS = (VECS + KEY_LANES - 1u) / KEY_LANES;   // of them, those that one invocation sums up
const uint BLOCK = KEY_LANES * KEYS_PER_LANE;                 // keys between two looks at the greatest score
const uint TEAMS = WORKGROUP_SIZE / KEY_LANES;                // [split, tile]
const uint ROW_TILES = TEAMS / KEY_SPLITS;
const uint ROWS = 4u * ROW_TILES;                             // query rows of one workgroup
const uint NOWHERE = 0xffffffffu;
const bool PASS_ROUND = ONE_SUBGROUP != 0u;
const float LOWEST = -3.0e38;                                 // below every score; finite, so that differences are no NaN

uint queryAddress(uint row);  // first vec4 of the query of a row of the workgroup; readable even if there is no such row
uint outputAddress(uint row);  // first vec4 of the row's place in the output, or NOWHERE
uint visibleKeys(uint row);   // the row sees the keys below this number
uint keyAddress(uint key);    // first vec4 of a key, and of its value
float keyBias(uint key);

vec4 greatest;                // m of each row
vec4 total;                   // sum of p of each row over the keys of this invocation
vec4 weighted[4u * LANE_VECS];  // sum of p * v, [row, vec4 of this invocation]

shared vec4 peaks[WORKGROUP_SIZE];
shared vec4 totals[WORKGROUP_SIZE];
shared vec4 weights[TEAMS * BLOCK];                           // p, [team, key]
shared vec4 rowVecs[TEAMS * 4u * VECS];                       // [team, row, VECS]: first the queries, then the sums

// Waits for all invocations and makes their writes to shared memory visible.
void synchronise() {
    if (ONE_SUBGROUP != 0u) subgroupBarrier();
    else barrier();
}

uint keyLane() { return gl_LocalInvocationID.x % KEY_LANES; }
uint team() { return gl_LocalInvocationID.x / KEY_LANES; }
uint split() { return team() / ROW_TILES; }
uint tile() { return team() % ROW_TILES; }

// Which vec4 of the head is the j-th of this invocation; it may lie beyond the head's end.
uint headVec(uint j) { return j * KEY_LANES + keyLane(); }

void startRows() {
    greatest = vec4(LOWEST);
    total = vec4(0.0);
    [[unroll]] for (uint j = 0u; j < 4u * LANE_VECS; j++) weighted[j] = vec4(0.0);
    synchronise();  // the sums of earlier rows may still be read
    [[dont_unroll]] for (uint i = gl_LocalInvocationID.x; i < ROWS * VECS; i += WORKGROUP_SIZE) {
        rowVecs[i] = QUERY(queryAddress(i / VECS) + i % VECS);
    }
    synchronise();
}

// Scores of one block of keys, from which p becomes known: leaves p in `weights` and rescales the sums so far.
void weighBlock(uint first, uint keyCount, float scale, uvec4 visible) {
    uint address[KEYS_PER_LANE];
    vec4 score[KEYS_PER_LANE];
    [[unroll]] for (uint b = 0u; b < KEYS_PER_LANE; b++) {
        address[b] = keyAddress(min(first + headVec(b), keyCount - 1u));
        score[b] = vec4(0.0);
    }
    const uint queries = 4u * tile() * VECS;
    [[dont_unroll]] for (uint i = 0u; i < VECS; i++) {
        vec4 own;
        if (PASS_ROUND) own = rowVecs[queries + keyLane() % 4u * VECS + i];
        mat4 q;
        [[unroll]] for (uint r = 0u; r < 4u; r++) {
            q[r] = PASS_ROUND ? subgroupBroadcast(own, r) : rowVecs[queries + r * VECS + i];
        }
        [[unroll]] for (uint b = 0u; b < KEYS_PER_LANE; b++) score[b] += KEY(address[b] + i) * q;
    }

    vec4 peak = vec4(LOWEST);
    [[unroll]] for (uint b = 0u; b < KEYS_PER_LANE; b++) {
        const uint key = first + headVec(b);
        score[b] = score[b] * scale + keyBias(min(key, keyCount - 1u));
        score[b] = mix(vec4(LOWEST), score[b], lessThan(uvec4(key), visible));
        peak = max(peak, score[b]);
    }
    peaks[gl_LocalInvocationID.x] = peak;
    synchronise();
    peak = greatest;
    [[dont_unroll]] for (uint k = 0u; k < KEY_LANES; k += 4u) {
        const uint other = team() * KEY_LANES + k;
        peak = max(max(peak, max(peaks[other], peaks[other + 1u])), max(peaks[other + 2u], peaks[other + 3u]));
    }
    const vec4 decay = exp(greatest - peak);
    greatest = peak;
    total *= decay;
    [[unroll]] for (uint b = 0u; b < KEYS_PER_LANE; b++) {
        const uint key = first + headVec(b);
        // Not left to exp(): before the first visible key the greatest score is LOWEST itself.
        const vec4 p = mix(vec4(0.0), exp(score[b] - peak), lessThan(uvec4(key), visible));
        total += p;
        weights[team() * BLOCK + headVec(b)] = p;
    }
    [[unroll]] for (uint j = 0u; j < LANE_VECS; j++) {
        [[unroll]] for (uint r = 0u; r < 4u; r++) weighted[r * LANE_VECS + j] *= decay[r];
    }
    synchronise();
}

// Sums p * v over a block of keys, whose weights are in shared memory: zero for those that there are not. Two keys a
// step: Mesa 22.3 silently ends an invocation's loops after 65,535 steps in all (src/ops/attention_tile.ts counts them),
// and a CPU driver compiles each load for every invocation of a subgroup: a longer step compiles longer and is no faster.
void addValues(uint first, uint keyCount) {
    [[dont_unroll]] for (uint k = 0u; k < BLOCK; k += 2u) {
        if (first + k >= keyCount) break;
        uint ownAddress;
        vec4 ownWeight;
        if (PASS_ROUND) {
            const uint own = k + keyLane() % 2u;
            ownAddress = keyAddress(min(first + own, keyCount - 1u));
            ownWeight = weights[team() * BLOCK + own];
        }
        [[unroll]] for (uint u = 0u; u < 2u; u++) {
            uint address;
            vec4 p;
            if (PASS_ROUND) {
                address = subgroupBroadcast(ownAddress, u);
                p = subgroupBroadcast(ownWeight, u);
            } else {
                address = keyAddress(min(first + k + u, keyCount - 1u));
                p = weights[team() * BLOCK + k + u];
            }
            [[unroll]] for (uint j = 0u; j < LANE_VECS; j++) {
                const vec4 v = VALUE(address + min(headVec(j), VECS - 1u));
                [[unroll]] for (uint r = 0u; r < 4u; r++) {
                    weighted[r * LANE_VECS + j] = fma(vec4(p[r]), v, weighted[r * LANE_VECS + j]);
                }
            }
        }
    }
}

// Attends to the keys 0 .. keyCount - 1. keyCount is the same for the whole workgroup.
void attend(uint keyCount, float scale) {
    const uint row = 4u * tile();
    const uvec4 visible = uvec4(visibleKeys(row), visibleKeys(row + 1u), visibleKeys(row + 2u), visibleKeys(row + 3u));
    [[dont_unroll]] for (uint round = 0u; round < keyCount; round += BLOCK * KEY_SPLITS) {
        // A team beyond the last key goes along, for the barriers: it sees nothing.
        const uint first = round + split() * BLOCK;
        weighBlock(first, keyCount, scale, visible);
        // The next block's weights come behind its first barrier, which nobody passes before all are done here.
        addValues(first, keyCount);
    }
}

// Brings the sums of all invocations together and writes the rows that have a place in the output.
void finishRows() {
    const uint lane = gl_LocalInvocationID.x;
    synchronise();  // queries and peaks may still be read
    peaks[lane] = greatest;
    totals[lane] = total;
    [[unroll]] for (uint j = 0u; j < LANE_VECS; j++) {
        if (headVec(j) >= VECS) continue;
        [[unroll]] for (uint r = 0u; r < 4u; r++) {
            rowVecs[(team() * 4u + r) * VECS + headVec(j)] = weighted[r * LANE_VECS + j];
        }
    }
    synchronise();
    [[dont_unroll]] for (uint i = lane; i < ROWS * VECS; i += WORKGROUP_SIZE) {
        const uint row = i / VECS;
        const uint at = outputAddress(row);
        if (at == NOWHERE) continue;
        float peak = LOWEST;
        [[dont_unroll]] for (uint other = row / 4u; other < TEAMS; other += ROW_TILES) {
            peak = max(peak, peaks[other * KEY_LANES][row % 4u]);
        }
        vec4 sum = vec4(0.0);
        float weight = 0.0;
        [[dont_unroll]] for (uint other = row / 4u; other < TEAMS; other += ROW_TILES) {
            const float decay = exp(peaks[other * KEY_LANES][row % 4u] - peak);
            float part = 0.0;
            [[dont_unroll]] for (uint k = 0u; k < KEY_LANES; k++) part += totals[other * KEY_LANES + k][row % 4u];
            weight = fma(part, decay, weight);
            sum = fma(rowVecs[(other * 4u + row % 4u) * VECS + i % VECS], vec4(decay), sum);
        }
        // A row that saw no key becomes zeros.
        OUTPUT(at + i % VECS) = weight == 0.0 ? vec4(0.0) : sum / weight;
    }
}
