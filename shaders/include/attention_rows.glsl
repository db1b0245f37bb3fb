// Softmax attention of a tile of query rows in one pass over the keys, never storing a row of scores:
//   y[row] = sum_k p[k] * v[k] / sum_k p[k],   p[k] = exp(scale * q[row]·k[k] + bias[k] - m),   m = greatest score so far.
// When m grows by a block of keys, everything summed so far is multiplied by exp(old m - new m).
// Source: Milakov and Gimelshein 2018, "Online normalizer calculation for softmax"; Dao et al. 2022, "FlashAttention".
//
// KEY_LANES invocations share a tile of 4 * ROW_VECS rows. For a block of keys, each first computes the scores of its own
// KEYS_PER_LANE keys with all rows of the tile; then each sums up, over all keys of the block, its own vec4s of the head.
// The weights p pass between the two through shared memory. A workgroup holds KEY_SPLITS such teams for the same tile,
// which take turns over the blocks of keys and are merged at the end, and ROW_TILES tiles.
// Loops run over memory and not over registers: unrolled heads take CPU drivers minutes to compile.
//
// The arithmetic of a row depends on HEAD_DIM, KEY_LANES, KEYS_PER_LANE and KEY_SPLITS, never on its neighbours or its
// place in the tile.
//
// The including shader defines QUERY(i), KEY(i), VALUE(i), OUTPUT(i), each the i-th vec4 of a buffer, before the include,
// and keyAddress(key), keyBias(key) after it. It sets queryAt[] and visible[], then calls startRows(), attend(keyCount)
// and, once all keys are seen, finishRows() and storeRow().

#extension GL_EXT_control_flow_attributes : require
#extension GL_KHR_shader_subgroup_basic : require

layout(constant_id = 0) const uint WORKGROUP_SIZE = 8;
layout(constant_id = 1) const uint HEAD_DIM = 128;
layout(constant_id = 2) const uint KEY_LANES = 8;
layout(constant_id = 3) const uint KEYS_PER_LANE = 4;
layout(constant_id = 4) const uint ROW_VECS = 1;
layout(constant_id = 5) const uint KEY_SPLITS = 1;
layout(constant_id = 6) const uint ONE_SUBGROUP = 0;  // 1 where the host knows that a workgroup is a single subgroup
layout(local_size_x_id = 0) in;

const uint VECS = HEAD_DIM / 4;                                // vec4s of one head
const uint LANE_VECS = (VECS + KEY_LANES - 1) / KEY_LANES;     // of them, those that one invocation sums up
const uint BLOCK = KEY_LANES * KEYS_PER_LANE;                  // keys between two looks at the greatest score
const uint TEAMS = WORKGROUP_SIZE / KEY_LANES;
const uint ROW_TILES = TEAMS / KEY_SPLITS;
const uint TILE_ROWS = 4 * ROW_VECS;
const uint ROWS = ROW_TILES * TILE_ROWS;                       // query rows of one workgroup
const float LOWEST = -3.0e38;                                  // below every score; finite, so that differences are no NaN

uint queryAt[TILE_ROWS];                    // first vec4 of each row's query
uvec4 visible[ROW_VECS];                    // a row sees the keys below this number
vec4 greatest[ROW_VECS];                    // m of each row
vec4 total[ROW_VECS];                       // sum of p of each row, over this invocation's keys
vec4 weighted[TILE_ROWS * LANE_VECS];       // sum of p * v, [row, vec4 of this invocation]

shared vec4 exchange[WORKGROUP_SIZE * ROW_VECS];               // [invocation, rows]
shared vec4 weights[TEAMS * BLOCK * ROW_VECS];                 // p, [team, key, rows]
// Its size is 1 when nothing is merged: a shared array may not be empty.
shared vec4 merged[KEY_SPLITS > 1 ? WORKGROUP_SIZE / 2 * LANE_VECS : 1];

uint keyAddress(uint key);                  // first vec4 of a key and of its value
float keyBias(uint key);

// Waits for all invocations and makes their writes to shared memory visible.
void synchronise() {
    if (ONE_SUBGROUP != 0u) subgroupBarrier();
    else barrier();
}

uint keyLane() { return gl_LocalInvocationID.x % KEY_LANES; }
uint team() { return gl_LocalInvocationID.x / KEY_LANES; }     // [split, tile]
uint split() { return team() / ROW_TILES; }

// Number in the workgroup, below ROWS, of row r of this invocation's tile.
uint rowNumber(uint r) { return team() % ROW_TILES * TILE_ROWS + r; }

// Which vec4 of the head is the j-th of this invocation; it may lie beyond the head's end.
uint headVec(uint j) { return j * KEY_LANES + keyLane(); }

void startRows() {
    [[unroll]] for (uint g = 0u; g < ROW_VECS; g++) {
        greatest[g] = vec4(LOWEST);
        total[g] = vec4(0.0);
    }
    [[unroll]] for (uint j = 0u; j < TILE_ROWS * LANE_VECS; j++) weighted[j] = vec4(0.0);
}

// Sums p * v over the keys first .. last - 1 of a block, whose weights are in shared memory.
void addValues(uint first, uint last) {
    uint at = team() * BLOCK * ROW_VECS;
    for (uint key = first; key < last; key++) {
        const uint address = keyAddress(key);
        vec4 p[ROW_VECS];
        [[unroll]] for (uint g = 0u; g < ROW_VECS; g++) p[g] = weights[at + g];
        at += ROW_VECS;
        [[unroll]] for (uint j = 0u; j < LANE_VECS; j++) {
            const vec4 v = VALUE(address + min(headVec(j), VECS - 1u));
            [[unroll]] for (uint r = 0u; r < TILE_ROWS; r++) {
                weighted[r * LANE_VECS + j] = fma(vec4(p[r / 4u][r % 4u]), v, weighted[r * LANE_VECS + j]);
            }
        }
    }
}

// Attends to the keys 0 .. keyCount - 1. keyCount and scale are the same for the whole workgroup.
void attend(uint keyCount, float scale) {
    for (uint round = 0u; round < keyCount; round += BLOCK * KEY_SPLITS) {
        // A team beyond the last key goes along, for the barriers: it sees nothing.
        const uint first = round + split() * BLOCK;

        uint key[KEYS_PER_LANE];
        uint address[KEYS_PER_LANE];
        vec4 score[KEYS_PER_LANE * ROW_VECS];
        [[unroll]] for (uint b = 0u; b < KEYS_PER_LANE; b++) {
            key[b] = first + b * KEY_LANES + keyLane();
            address[b] = keyAddress(min(key[b], keyCount - 1u));
            [[unroll]] for (uint g = 0u; g < ROW_VECS; g++) score[b * ROW_VECS + g] = vec4(0.0);
        }
        for (uint i = 0u; i < VECS; i++) {
            mat4 tile[ROW_VECS];  // one column per row
            [[unroll]] for (uint r = 0u; r < TILE_ROWS; r++) tile[r / 4u][r % 4u] = QUERY(queryAt[r] + i);
            [[unroll]] for (uint b = 0u; b < KEYS_PER_LANE; b++) {
                const vec4 k = KEY(address[b] + i);
                [[unroll]] for (uint g = 0u; g < ROW_VECS; g++) score[b * ROW_VECS + g] += k * tile[g];
            }
        }

        [[unroll]] for (uint g = 0u; g < ROW_VECS; g++) {
            vec4 peak = vec4(LOWEST);
            [[unroll]] for (uint b = 0u; b < KEYS_PER_LANE; b++) {
                const vec4 biased = score[b * ROW_VECS + g] * scale + keyBias(min(key[b], keyCount - 1u));
                score[b * ROW_VECS + g] = mix(vec4(LOWEST), biased, lessThan(uvec4(key[b]), visible[g]));
                peak = max(peak, score[b * ROW_VECS + g]);
            }
            exchange[gl_LocalInvocationID.x * ROW_VECS + g] = peak;
        }
        synchronise();
        [[unroll]] for (uint g = 0u; g < ROW_VECS; g++) {
            vec4 peak = greatest[g];
            for (uint lane = 0u; lane < KEY_LANES; lane++) {
                peak = max(peak, exchange[(team() * KEY_LANES + lane) * ROW_VECS + g]);
            }
            const vec4 decay = exp(greatest[g] - peak);
            greatest[g] = peak;
            total[g] *= decay;
            [[unroll]] for (uint b = 0u; b < KEYS_PER_LANE; b++) {
                // Not left to exp(): before the first visible key the greatest score is LOWEST itself.
                const vec4 p = exp(score[b * ROW_VECS + g] - peak);
                const vec4 seen = mix(vec4(0.0), p, lessThan(uvec4(key[b]), visible[g]));
                total[g] += seen;
                weights[(team() * BLOCK + b * KEY_LANES + keyLane()) * ROW_VECS + g] = seen;
            }
            [[unroll]] for (uint r = 0u; r < 4u; r++) {
                [[unroll]] for (uint j = 0u; j < LANE_VECS; j++) {
                    weighted[(4u * g + r) * LANE_VECS + j] *= decay[r];
                }
            }
        }
        synchronise();
        addValues(first, min(first + BLOCK, keyCount));
        // The next round writes `weights` behind its own barrier, which nobody passes before all are done here.
    }
}

// Merges the upper half of the splits into the lower half until split 0 holds everything.
void mergeSplits() {
    const uint lane = gl_LocalInvocationID.x;
    for (uint half_ = WORKGROUP_SIZE / 2u; half_ >= ROW_TILES * KEY_LANES; half_ /= 2u) {
        const bool gives = lane >= half_ && lane < 2u * half_;
        [[unroll]] for (uint g = 0u; g < ROW_VECS; g++) {
            synchronise();
            exchange[lane * ROW_VECS + g] = greatest[g];
            synchronise();
            const vec4 other = exchange[(lane < half_ ? lane + half_ : lane) * ROW_VECS + g];
            const vec4 peak = max(greatest[g], other);
            const vec4 decay = exp(greatest[g] - peak);
            const vec4 otherDecay = exp(other - peak);
            synchronise();
            exchange[lane * ROW_VECS + g] = total[g];
            synchronise();
            total[g] = fma(total[g], decay, exchange[(lane < half_ ? lane + half_ : lane) * ROW_VECS + g] * otherDecay);
            greatest[g] = peak;
            [[unroll]] for (uint r = 4u * g; r < 4u * g + 4u; r++) {
                synchronise();
                [[unroll]] for (uint j = 0u; j < LANE_VECS; j++) {
                    if (gives) merged[(lane - half_) * LANE_VECS + j] = weighted[r * LANE_VECS + j];
                }
                synchronise();
                [[unroll]] for (uint j = 0u; j < LANE_VECS; j++) {
                    const vec4 theirs = merged[lane % half_ * LANE_VECS + j] * otherDecay[r % 4u];
                    weighted[r * LANE_VECS + j] = fma(weighted[r * LANE_VECS + j], vec4(decay[r % 4u]), theirs);
                }
            }
        }
    }
}

// Brings the sums of all invocations together. `total` becomes 1 / sum of p, or 0 for a row that saw no key.
void finishRows() {
    [[unroll]] for (uint g = 0u; g < ROW_VECS; g++) {
        synchronise();
        exchange[gl_LocalInvocationID.x * ROW_VECS + g] = total[g];
        synchronise();
        total[g] = vec4(0.0);
        for (uint lane = 0u; lane < KEY_LANES; lane++) {
            total[g] += exchange[(team() * KEY_LANES + lane) * ROW_VECS + g];
        }
    }
    if (KEY_SPLITS > 1u) mergeSplits();
    [[unroll]] for (uint g = 0u; g < ROW_VECS; g++) {
        total[g] = mix(1.0 / total[g], vec4(0.0), equal(total[g], vec4(0.0)));
    }
    synchronise();
}

// Writes row r of the tile at vec4 `at` of the output.
void storeRow(uint r, uint at) {
    if (split() != 0u) return;
    [[unroll]] for (uint j = 0u; j < LANE_VECS; j++) {
        if (headVec(j) < VECS) OUTPUT(at + headVec(j)) = weighted[r * LANE_VECS + j] * total[r / 4u][r % 4u];
    }
}
