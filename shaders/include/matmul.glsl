// y = residual + scale * act(x * W^T + bias): the body of matmul.comp and matmul_narrow.comp, which differ only in
// the width of a weight load.
//
// Each invocation keeps a tile of ROWS weight rows times TOKENS tokens in registers and walks along K.
// - Column mode (SPLIT_K = 0): the workgroup is (WORKGROUP_SIZE / TOKEN_LANES) x TOKEN_LANES tiles. An output is one
//   sum in the order of K, whatever T and whatever the tile, so a row does not depend on its neighbours.
//   Where the workgroup is one subgroup and TOKEN_LANES = 1, all want the same of x: each loads another part of it, and
//   they pass it round. A CPU driver loads for one invocation after the other, even from one address.
// - Split mode (SPLIT_K = 1): the workgroup has one tile and its invocations take turns along K, so that neighbours
//   read neighbouring words, which a GPU's memory wants when there are few tokens. The sums meet at the end.
// Grid: x counts tiles of tokens, y tiles of rows, so that consecutive workgroups share the rows they read.
//
// The including shader defines WORDS, the type of a weight load, VECTORS, how many vec4 of weights one load holds,
// and weightVector(words, v), the v-th of them.

layout(constant_id = 0) const uint WORKGROUP_SIZE = 64;
layout(constant_id = 2) const uint ROWS = 4;
layout(constant_id = 3) const uint TOKENS = 4;
layout(constant_id = 4) const uint TOKEN_LANES = 4;
layout(constant_id = 5) const uint SPLIT_K = 0;
layout(constant_id = 6) const uint ONE_SUBGROUP = 0;  // 1 where the host knows that a workgroup is a single subgroup
layout(constant_id = 7) const uint LOADS = 1;         // loads of a row's weights at a time, a divisor of all
layout(local_size_x_id = 0) in;

layout(set = 0, binding = 0, std430) readonly buffer X { vec4 x[]; };                // [tokens, columns]
layout(set = 0, binding = 1, std430) readonly buffer Weight { WORDS weight[]; };     // [rows, columns]
layout(set = 0, binding = 2, std430) readonly buffer Bias { float bias[]; };         // [outputs]
layout(set = 0, binding = 3, std430) readonly buffer Residual { float residual[]; }; // [tokens, outputs]
layout(set = 0, binding = 4, std430) writeonly buffer Y { float y[]; };              // [tokens, outputs]
layout(push_constant, std430) uniform Args {
    uint tokens;
    uint rows;         // of this slice of the weight
    uint columns;      // K
    uint outputs;      // rows of the whole weight, width of y
    uint firstRow;     // where the slice begins
    uint hasBias;      // The epilogue is not specialized: compiling the loop takes a CPU driver a good part of a
    uint hasGelu;      // second, and these branches cost nothing behind it.
    uint hasResidual;
    float scale;
} args;

#include "gelu.glsl"

const bool PASS_ROUND = ONE_SUBGROUP != 0u && TOKEN_LANES == 1u && SPLIT_K == 0u;
const uint STEP = LOADS * VECTORS;                                              // vec4s of K at a time
const uint OWN_LOADS = (TOKENS * STEP + WORKGROUP_SIZE - 1u) / WORKGROUP_SIZE;  // vec4s of x that an invocation loads

// Split mode: one sum per subgroup (of at least 4 invocations) and tile element. Column mode: the tile of every
// invocation, so that the code behind the sums exists once and not once per element, which compiles for seconds.
shared float partials[(SPLIT_K != 0u ? WORKGROUP_SIZE / 4u : WORKGROUP_SIZE) * ROWS * TOKENS];

void store(uint row, uint token, float sum) {
    if (row >= args.rows || token >= args.tokens) return;
    const uint output_column = args.firstRow + row;
    const uint at = token * args.outputs + output_column;
    if (args.hasBias != 0u) sum += bias[output_column];
    if (args.hasGelu != 0u) sum = gelu(sum);
    sum *= args.scale;
    if (args.hasResidual != 0u) sum += residual[at];
    y[at] = sum;
}

void main() {
    const uint lane = gl_LocalInvocationIndex;
    const bool split = SPLIT_K != 0u;
    const uint row_lanes = split ? 1u : WORKGROUP_SIZE / TOKEN_LANES;
    const uint row_lane = split ? 0u : (TOKEN_LANES == 1u ? lane : lane % row_lanes);
    const uint token_lane = split || TOKEN_LANES == 1u ? 0u : lane / row_lanes;
    const uint token_lanes = split ? 1u : TOKEN_LANES;
    const uint first_row = gl_WorkGroupID.y * row_lanes * ROWS + row_lane;
    const uint first_token = (gl_WorkGroupID.x * token_lanes + token_lane) * TOKENS;

    // Rows and tokens past the end read the last one and are not stored: the loop below stays free of branches.
    const uint chunks = args.columns / (4u * VECTORS);
    uint weight_at[ROWS];
    uint x_at[TOKENS];
    float sums[ROWS * TOKENS];
    [[unroll]] for (uint r = 0u; r < ROWS; r++) {
        weight_at[r] = min(first_row + r * row_lanes, args.rows - 1u) * chunks;
    }
    [[unroll]] for (uint t = 0u; t < TOKENS; t++) {
        x_at[t] = min(first_token + t, args.tokens - 1u) * (args.columns / 4u);
    }
    [[unroll]] for (uint i = 0u; i < ROWS * TOKENS; i++) sums[i] = 0.0;
    uint own_at[OWN_LOADS];
    [[unroll]] for (uint i = 0u; i < OWN_LOADS; i++) {
        const uint place = min(i * WORKGROUP_SIZE + lane, TOKENS * STEP - 1u);  // in [token, STEP]
        own_at[i] = min(first_token + place / STEP, args.tokens - 1u) * (args.columns / 4u) + place % STEP;
    }

    for (uint chunk = split ? lane * LOADS : 0u; chunk < chunks; chunk += (split ? WORKGROUP_SIZE : 1u) * LOADS) {
        WORDS words[ROWS * LOADS];
        [[unroll]] for (uint i = 0u; i < ROWS * LOADS; i++) words[i] = weight[weight_at[i / LOADS] + chunk + i % LOADS];
        vec4 own[OWN_LOADS];
        if (PASS_ROUND) {
            [[unroll]] for (uint i = 0u; i < OWN_LOADS; i++) own[i] = x[own_at[i] + chunk * VECTORS];
        }
        [[unroll]] for (uint s = 0u; s < STEP; s++) {
            vec4 values[ROWS];
            [[unroll]] for (uint r = 0u; r < ROWS; r++) {
                values[r] = weightVector(words[r * LOADS + s / VECTORS], s % VECTORS);
            }
            [[unroll]] for (uint t = 0u; t < TOKENS; t++) {
                const uint place = t * STEP + s;
                const vec4 from = PASS_ROUND
                    ? subgroupBroadcast(own[place / WORKGROUP_SIZE], place % WORKGROUP_SIZE)
                    : x[x_at[t] + chunk * VECTORS + s];
                [[unroll]] for (uint r = 0u; r < ROWS; r++) {
                    sums[r * TOKENS + t] += dot(values[r], from);
                }
            }
        }
    }

    if (split) {
        [[unroll]] for (uint i = 0u; i < ROWS * TOKENS; i++) {
            const float sum = subgroupAdd(sums[i]);
            if (subgroupElect()) partials[gl_SubgroupID * ROWS * TOKENS + i] = sum;
        }
        barrier();
        for (uint i = lane; i < ROWS * TOKENS; i += WORKGROUP_SIZE) {
            float sum = 0.0;
            for (uint s = 0u; s < gl_NumSubgroups; s++) sum += partials[s * ROWS * TOKENS + i];
            store(first_row + i / TOKENS, first_token + i % TOKENS, sum);
        }
    } else {
        [[unroll]] for (uint i = 0u; i < ROWS * TOKENS; i++) partials[i * WORKGROUP_SIZE + lane] = sums[i];
        [[dont_unroll]] for (uint i = 0u; i < ROWS * TOKENS; i++) {
            store(first_row + i / TOKENS * row_lanes, first_token + i % TOKENS, partials[i * WORKGROUP_SIZE + lane]);
        }
    }
}
