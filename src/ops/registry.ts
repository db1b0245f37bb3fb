import type { Kernel } from "../gpu/kernel.ts";
import { addTileEmbeddingKernel } from "./add_tile_embedding.ts";
import { adjustLogitsKernel } from "./adjust_logits.ts";
import { attentionKernel } from "./attention.ts";
import { countTokensKernel } from "./count_tokens.ts";
import { crossAttentionKernel } from "./cross_attention.ts";
import { embeddingKernel } from "./embedding.ts";
import { gatedAddKernel } from "./gated_add.ts";
import { kvStoreKernel } from "./kv_store.ts";
import { layerNormKernel } from "./layer_norm.ts";
import { matmulKernel, matmulNarrowKernel } from "./matmul.ts";
import { rmsNormKernel } from "./rms_norm.ts";
import { ropeKernel } from "./rope.ts";
import { sampleKernel } from "./sample.ts";
import { siluMulKernel } from "./silu_mul.ts";
import { streamReadKernel } from "./stream_read.ts";
import { tilePatchesKernel } from "./tile_patches.ts";
import { topKKernel } from "./top_k.ts";
import { visionAttentionKernel } from "./vision_attention.ts";
import { visionEmbedKernel } from "./vision_embed.ts";

/** Every kernel, in the order of the alphabet: for the test against the SPIR-V, the self-test and the bench. */
export const kernels: readonly Kernel[] = [
  addTileEmbeddingKernel,
  adjustLogitsKernel,
  attentionKernel,
  countTokensKernel,
  crossAttentionKernel,
  embeddingKernel,
  gatedAddKernel,
  kvStoreKernel,
  layerNormKernel,
  matmulKernel,
  matmulNarrowKernel,
  rmsNormKernel,
  ropeKernel,
  sampleKernel,
  siluMulKernel,
  streamReadKernel,
  tilePatchesKernel,
  topKKernel,
  visionAttentionKernel,
  visionEmbedKernel,
];
