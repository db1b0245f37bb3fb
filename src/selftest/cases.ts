import { addTileEmbeddingCases } from "./cases/add_tile_embedding.ts";
import { adjustLogitsCases } from "./cases/adjust_logits.ts";
import { attentionCases } from "./cases/attention.ts";
import { countTokensCases } from "./cases/count_tokens.ts";
import { crossAttentionCases } from "./cases/cross_attention.ts";
import { embeddingCases } from "./cases/embedding.ts";
import { gatedAddCases } from "./cases/gated_add.ts";
import { kvStoreCases } from "./cases/kv_store.ts";
import { layerNormCases } from "./cases/layer_norm.ts";
import { matmulCases } from "./cases/matmul.ts";
import { rmsNormCases } from "./cases/rms_norm.ts";
import { ropeCases } from "./cases/rope.ts";
import { sampleCases } from "./cases/sample.ts";
import { siluMulCases } from "./cases/silu_mul.ts";
import { streamReadCases } from "./cases/stream_read.ts";
import { tilePatchesCases } from "./cases/tile_patches.ts";
import { topKCases } from "./cases/top_k.ts";
import { visionAttentionCases } from "./cases/vision_attention.ts";
import { visionEmbedCases } from "./cases/vision_embed.ts";
import type { KernelCase } from "./kernel_case.ts";

/** Every case of the self-test: for each kernel of `src/ops/registry.ts` at least one. */
export function kernelCases(): readonly KernelCase[] {
  return [
    addTileEmbeddingCases,
    adjustLogitsCases,
    attentionCases,
    countTokensCases,
    crossAttentionCases,
    embeddingCases,
    gatedAddCases,
    kvStoreCases,
    layerNormCases,
    matmulCases,
    rmsNormCases,
    ropeCases,
    sampleCases,
    siluMulCases,
    streamReadCases,
    tilePatchesCases,
    topKCases,
    visionAttentionCases,
    visionEmbedCases,
  ].flatMap((cases) => cases());
}
