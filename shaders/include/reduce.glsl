// Reductions over all invocations of a workgroup, for any subgroup size. Every invocation must call them, and every
// invocation receives the result. The including shader gives WORKGROUP_SIZE, and ONE_SUBGROUP = 1 where the host
// knows that a workgroup is a single subgroup: then no barrier is compiled, which CPU drivers pay dearly for.

shared uint reduce_partials[WORKGROUP_SIZE];

// Waits for all invocations and makes their writes to shared memory visible.
void workgroupBarrier() {
    if (ONE_SUBGROUP != 0u) subgroupBarrier();
    else barrier();
}

// Leaves one value of each subgroup in reduce_partials[0 .. gl_NumSubgroups - 1].
void gatherSubgroups(uint value) {
    barrier();  // the previous reduction may still be read
    if (subgroupElect()) reduce_partials[gl_SubgroupID] = value;
    barrier();
}

float workgroupSum(float value) {
    float sum = subgroupAdd(value);
    if (ONE_SUBGROUP != 0u) return sum;
    gatherSubgroups(floatBitsToUint(sum));
    sum = 0.0;
    for (uint s = 0u; s < gl_NumSubgroups; s++) sum += uintBitsToFloat(reduce_partials[s]);
    return sum;
}

uint workgroupMax(uint value) {
    uint best = subgroupMax(value);
    if (ONE_SUBGROUP != 0u) return best;
    gatherSubgroups(best);
    for (uint s = 0u; s < gl_NumSubgroups; s++) best = max(best, reduce_partials[s]);
    return best;
}

uint workgroupMin(uint value) {
    uint best = subgroupMin(value);
    if (ONE_SUBGROUP != 0u) return best;
    gatherSubgroups(best);
    for (uint s = 0u; s < gl_NumSubgroups; s++) best = min(best, reduce_partials[s]);
    return best;
}
