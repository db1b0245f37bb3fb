"""The demo model for training: Mllama with the arithmetic of Meta's code, named like the published checkpoint.

Two things differ from the inference model in `transformers`, and both are what the weights of the real model were
trained with: states are kept in FRONT of the listed vision layers, and a text row that may see no picture gets
nothing from a cross-attention layer. `check.py` holds this file to `transformers` with those two patches.

Training feeds several conversations per picture: rows [rows, length] with segment numbers, so that the vision tower
runs once for all of them.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from shape import (
    ARRANGEMENTS, EMBEDDING_ROWS, FEATURES, GRID, MAX_TILES, NORM_EPS, PADDED_TOKENS, PATCH, TEXT, TILE_TOKENS, VISION,
    VOCABULARY,
)  # fmt: skip

BLOCKED = -30000.0  # added to scores that must not count; representable in bf16 and far below any score


def attend(q: Tensor, k: Tensor, v: Tensor, bias: Tensor) -> Tensor:
    """Scaled dot-product attention; on a CPU the products in bf16 are twice as fast as the library's fused kernel."""
    scores = (q * q.shape[-1] ** -0.5) @ k.transpose(-1, -2) + bias
    return (scores.softmax(-1).to(v.dtype) @ v).transpose(1, 2).flatten(2)


# ------------------------------------------------------------------------------------------------ vision
class VisionAttention(nn.Module):
    def __init__(self):
        super().__init__()
        width = VISION["hidden"]
        self.q_proj, self.k_proj, self.v_proj, self.o_proj = (nn.Linear(width, width, bias=False) for _ in range(4))

    def start_local(self) -> None:
        """Equal queries and keys score a row by its likeness, so that attention begins at a patch's neighbours, whose
        positions are alike; found from nothing, that takes a small model most of its training."""
        with torch.no_grad():
            nn.init.orthogonal_(self.q_proj.weight, gain=1.2)
            self.k_proj.weight.copy_(self.q_proj.weight)

    def forward(self, x: Tensor, bias: Tensor) -> Tensor:
        batch, rows, width = x.shape
        q, k, v = (p(x).view(batch, rows, VISION["heads"], -1).transpose(1, 2) for p in (self.q_proj, self.k_proj, self.v_proj))
        return self.o_proj(attend(q, k, v, bias.to(q.dtype)))


class VisionMlp(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1 = nn.Linear(VISION["hidden"], VISION["intermediate"])
        self.fc2 = nn.Linear(VISION["intermediate"], VISION["hidden"])

    def forward(self, x: Tensor) -> Tensor:
        return self.fc2(F.gelu(self.fc1(x)))


class VisionLayer(nn.Module):
    def __init__(self, gated: bool):
        super().__init__()
        self.self_attn, self.mlp = VisionAttention(), VisionMlp()
        self.input_layernorm = nn.LayerNorm(VISION["hidden"], NORM_EPS)
        self.post_attention_layernorm = nn.LayerNorm(VISION["hidden"], NORM_EPS)
        self.gated = gated
        if gated:
            self.gate_attn, self.gate_ffn = nn.Parameter(torch.full((1,), 0.8)), nn.Parameter(torch.full((1,), 0.8))

    def forward(self, x: Tensor, bias: Tensor) -> Tensor:
        attention = self.self_attn(self.input_layernorm(x), bias)
        x = x + (self.gate_attn.tanh() * attention if self.gated else attention)
        mlp = self.mlp(self.post_attention_layernorm(x))
        return x + (self.gate_ffn.tanh() * mlp if self.gated else mlp)


class Layers(nn.Module):
    def __init__(self, count: int, gated: bool):
        super().__init__()
        self.layers = nn.ModuleList(VisionLayer(gated) for _ in range(count))


class TileTable(nn.Module):
    """A vector per aspect ratio id and tile slot; slots that an arrangement does not use stay zero."""

    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(len(ARRANGEMENTS) + 1, MAX_TILES * VISION["hidden"])
        nn.init.zeros_(self.embedding.weight)
        self.gate = nn.Parameter(torch.full((1,), 0.8))

    def forward(self, ids: Tensor) -> Tensor:
        return self.gate.tanh() * self.embedding(ids).view(len(ids), MAX_TILES, 1, -1)


class Positions(nn.Module):
    def __init__(self):
        super().__init__()
        width = VISION["hidden"]
        self.gate = nn.Parameter(torch.full((1,), 1.5))
        self.embedding = nn.Parameter(0.02 * torch.randn(TILE_TOKENS, width))
        self.tile_embedding = nn.Embedding(len(ARRANGEMENTS) + 1, MAX_TILES * TILE_TOKENS * width)
        with torch.no_grad():
            self.tile_embedding.weight.copy_(canvas_waves(width))

    def forward(self, ids: Tensor) -> Tensor:
        gate = self.gate.tanh()
        tiles = self.tile_embedding(ids).view(len(ids), MAX_TILES, TILE_TOKENS, -1)
        return (1 - gate) * self.embedding + gate * tiles


def canvas_waves(width: int) -> Tensor:
    """Sines of each patch's place on the whole canvas, in patches and as a fraction of it: a start from which rare
    arrangements share what common ones learn. Row 0 and unused tile slots are zero."""
    table = torch.zeros(len(ARRANGEMENTS) + 1, MAX_TILES, TILE_TOKENS, width)
    octaves = width // 8  # four coordinates, a sine and a cosine each
    for index, (rows, columns) in enumerate(ARRANGEMENTS):
        for tile in range(rows * columns):
            y, x = torch.meshgrid(torch.arange(GRID) + 0.5, torch.arange(GRID) + 0.5, indexing="ij")
            y, x = y + tile // columns * GRID, x + tile % columns * GRID
            waves = []
            across, down = x / (columns * GRID), y / (rows * GRID)
            for place, longest, shortest, height in ((x, 48, 4, 1.6), (y, 48, 4, 1.6), (across, 4, 0.5, 0.8), (down, 4, 0.5, 0.8)):
                lengths = longest * (shortest / longest) ** (torch.arange(octaves) / (octaves - 1))
                angle = 2 * math.pi * place.reshape(-1, 1) / lengths
                waves += [height * angle.sin(), height * angle.cos()]
            table[index + 1, tile, 1:] = torch.cat(waves, 1)
    return table.view(len(ARRANGEMENTS) + 1, -1)


class VisionModel(nn.Module):
    def __init__(self):
        super().__init__()
        width = VISION["hidden"]
        self.patch_embedding = nn.Conv2d(3, width, PATCH, PATCH, bias=False)
        self.class_embedding = nn.Parameter(0.02 * torch.randn(width))
        self.pre_tile_positional_embedding, self.post_tile_positional_embedding = TileTable(), TileTable()
        self.gated_positional_embedding = Positions()
        self.layernorm_pre, self.layernorm_post = nn.LayerNorm(width, NORM_EPS), nn.LayerNorm(width, NORM_EPS)
        self.transformer = Layers(VISION["local_layers"], False)
        self.global_transformer = Layers(VISION["global_layers"], True)
        used = torch.zeros(len(ARRANGEMENTS) + 1, MAX_TILES)
        for index, (rows, columns) in enumerate(ARRANGEMENTS):
            used[index + 1, : rows * columns] = 1
        self.register_buffer("used_slots", used, persistent=False)

    def forward(self, pixels: Tensor, ids: Tensor) -> Tensor:
        """f32 [pictures, MAX_TILES, 3, TILE, TILE], i64 [pictures] -> [pictures, MAX_TILES, TILE_TOKENS, FEATURES]."""
        pictures, width = len(pixels), VISION["hidden"]
        real = self.used_slots[ids]
        # A strided convolution without overlap is a product with the unfolded patches, and much faster on a CPU.
        patches = pixels.view(pictures, MAX_TILES, 3, GRID, PATCH, GRID, PATCH).permute(0, 1, 3, 5, 2, 4, 6)
        x = F.linear(patches.reshape(pictures, MAX_TILES, GRID * GRID, -1), self.patch_embedding.weight.view(width, -1))
        x = x + self.pre_tile_positional_embedding(ids)
        x = torch.cat([self.class_embedding.expand(pictures, MAX_TILES, 1, width).to(x.dtype), x], 2)
        x = self.layernorm_pre(x + self.gated_positional_embedding(ids))
        x = F.pad(x, (0, 0, 0, PADDED_TOKENS - TILE_TOKENS))
        padding = torch.ones(pictures, MAX_TILES, PADDED_TOKENS)
        padding[:, :, :TILE_TOKENS] = 1 - real[:, :, None]
        padding = padding.view(pictures, -1)
        bias = (padding[:, :, None] * padding[:, None, :] * BLOCKED)[:, None].bfloat16()
        x = x.view(pictures, -1, width)
        kept = []
        for index, layer in enumerate(self.transformer.layers):
            if index in VISION["kept_states"]:
                kept.append(x)
            x = layer(x, bias)
        x = self.layernorm_post(x).view(pictures, MAX_TILES, PADDED_TOKENS, width)
        x = (x + self.post_tile_positional_embedding(ids)).view(pictures, -1, width)
        for layer in self.global_transformer.layers:
            x = layer(x, bias)
        features = torch.cat([x, torch.stack([k.to(x.dtype) for k in kept], -1).flatten(2)], -1)
        return features.view(pictures, MAX_TILES, PADDED_TOKENS, FEATURES)[:, :, :TILE_TOKENS]


# ------------------------------------------------------------------------------------------------ text
class RmsNorm(nn.Module):
    def __init__(self, width: int):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))

    def forward(self, x: Tensor) -> Tensor:
        y = F.rms_norm(x.float(), x.shape[-1:], self.weight, TEXT["norm_eps"])
        # Under autocast every product that follows would round it again for itself.
        return y.bfloat16() if torch.is_autocast_enabled("cpu") else y


class TextMlp(nn.Module):
    def __init__(self):
        super().__init__()
        width, inner = TEXT["hidden"], TEXT["intermediate"]
        self.gate_proj, self.up_proj = nn.Linear(width, inner, bias=False), nn.Linear(width, inner, bias=False)
        self.down_proj = nn.Linear(inner, width, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.down_proj(F.silu(self.gate_proj(x)) * self.up_proj(x))


class TextAttention(nn.Module):
    def __init__(self, crossing: bool):
        super().__init__()
        width, head = TEXT["hidden"], TEXT["hidden"] // TEXT["heads"]
        self.q_proj, self.o_proj = nn.Linear(width, width, bias=False), nn.Linear(width, width, bias=False)
        self.k_proj, self.v_proj = (nn.Linear(width, TEXT["kv_heads"] * head, bias=False) for _ in range(2))
        if crossing:
            self.q_norm, self.k_norm = RmsNorm(head), RmsNorm(head)

    def heads(self, x: Tensor, count: int) -> Tensor:
        return x.view(*x.shape[:2], count, -1).transpose(1, 2)

    def attend(self, q: Tensor, k: Tensor, v: Tensor, bias: Tensor) -> Tensor:
        k, v = (t.repeat_interleave(TEXT["heads"] // TEXT["kv_heads"], 1) for t in (k, v))
        return attend(q.to(v.dtype), k.to(v.dtype), v, bias.to(v.dtype))


class SelfLayer(nn.Module):
    def __init__(self):
        super().__init__()
        self.self_attn, self.mlp = TextAttention(False), TextMlp()
        self.input_layernorm, self.post_attention_layernorm = RmsNorm(TEXT["hidden"]), RmsNorm(TEXT["hidden"])

    def forward(self, x: Tensor, rope: tuple[Tensor, Tensor], bias: Tensor) -> Tensor:
        a, h = self.self_attn, self.input_layernorm(x)
        q, k = (rotate(a.heads(p(h), n), *rope) for p, n in ((a.q_proj, TEXT["heads"]), (a.k_proj, TEXT["kv_heads"])))
        x = x + a.o_proj(a.attend(q, k, a.heads(a.v_proj(h), TEXT["kv_heads"]), bias))
        return x + self.mlp(self.post_attention_layernorm(x))


class CrossLayer(nn.Module):
    def __init__(self):
        super().__init__()
        self.cross_attn, self.mlp = TextAttention(True), TextMlp()
        self.input_layernorm, self.post_attention_layernorm = RmsNorm(TEXT["hidden"]), RmsNorm(TEXT["hidden"])
        self.cross_attn_attn_gate, self.cross_attn_mlp_gate = nn.Parameter(torch.full((1,), 0.8)), nn.Parameter(torch.full((1,), 0.8))

    def forward(self, x: Tensor, states: Tensor, bias: Tensor, sees: Tensor) -> Tensor:
        """`x` [rows, length, hidden]; `states` [groups, keys, hidden]: rows are shared out evenly over the groups;
        `bias` [groups, 1, queries, keys]; `sees` [rows, length, 1], 1 where a row may see a picture."""
        a, shape = self.cross_attn, x.shape
        h = self.input_layernorm(x).view(len(states), -1, shape[-1])
        q, k = a.q_norm(a.heads(a.q_proj(h), TEXT["heads"])), a.k_norm(a.heads(a.k_proj(states), TEXT["kv_heads"]))
        y = a.o_proj(a.attend(q, k, a.heads(a.v_proj(states), TEXT["kv_heads"]), bias)).view(shape)
        x = x + self.cross_attn_attn_gate.tanh() * sees * y
        return x + self.cross_attn_mlp_gate.tanh() * sees * self.mlp(self.post_attention_layernorm(x))


def rotary(positions: Tensor) -> tuple[Tensor, Tensor]:
    """cos and sin, f32 [rows, 1, length, head], of the half-split rotary layout."""
    head = TEXT["hidden"] // TEXT["heads"]
    speed = TEXT["rope_theta"] ** (-torch.arange(0, head, 2) / head)
    angle = (positions[..., None] * speed).repeat(1, 1, 2)[:, None]
    return angle.cos(), angle.sin()


def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    first, second = x.float().chunk(2, -1)
    return x * cos + torch.cat([-second, first], -1) * sin


class LanguageModel(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed_tokens = nn.Embedding(EMBEDDING_ROWS, TEXT["hidden"])
        self.layers = nn.ModuleList(CrossLayer() if i in TEXT["cross_layers"] else SelfLayer() for i in range(TEXT["layers"]))
        self.norm = RmsNorm(TEXT["hidden"])

    def forward(self, ids: Tensor, positions: Tensor, segments: Tensor, states: Tensor, visible: Tensor) -> Tensor:
        """Final hidden states [rows, length, hidden].

        `ids`, `positions`, `segments` i64 [rows, length]: a row holds several conversations, told apart by segment;
        `states` [groups, pictures, tiles x tokens, hidden]; `visible` bool [groups, queries, pictures x tiles x tokens].
        """
        length = ids.shape[1]
        same = segments[:, :, None] == segments[:, None, :]
        causal = torch.ones(length, length, dtype=torch.bool).tril()
        self_bias = torch.where(same & causal, 0.0, BLOCKED)[:, None].bfloat16()
        sees = visible.any(-1).view(*ids.shape, 1)
        # A row that sees nothing would divide by nothing: its scores stay open and `sees` drops the outcome.
        cross_bias = torch.where(visible | ~visible.any(-1, keepdim=True), 0.0, BLOCKED)[:, None].bfloat16()
        states, rope, x = states.flatten(1, 2), rotary(positions), self.embed_tokens(ids)
        for layer in self.layers:
            if isinstance(layer, SelfLayer):
                x = layer(x, rope, self_bias)
            else:
                x = layer(x, states, cross_bias, sees)
        return self.norm(x)


class Body(nn.Module):
    def __init__(self):
        super().__init__()
        self.vision_model = VisionModel()
        self.multi_modal_projector = nn.Linear(FEATURES, TEXT["hidden"])
        self.language_model = LanguageModel()


class DemoModel(nn.Module):
    """Parameter names are those of the published checkpoint, so that a state dict is an export."""

    def __init__(self):
        super().__init__()
        self.model = Body()
        self.lm_head = nn.Linear(TEXT["hidden"], VOCABULARY, bias=False)
        self.apply(_start)
        for layer in self.modules():
            if isinstance(layer, VisionAttention):
                layer.start_local()

    def see(self, pixels: Tensor, aspect_ids: Tensor) -> Tensor:
        """Normalised tiles -> cross-attention states [pictures, MAX_TILES x TILE_TOKENS, hidden]."""
        return self.model.multi_modal_projector(self.model.vision_model(pixels, aspect_ids)).flatten(1, 2)

    def start_from(self, pixels: Tensor) -> None:
        """Starts the patch embedding as the principal components of real patches, each of about the same loudness, so
        that no detail is lost from the beginning. `pixels` as for `see`, full canvases."""
        embedding = self.model.vision_model.patch_embedding.weight
        patches = pixels.view(-1, 3, GRID, PATCH, GRID, PATCH).permute(0, 2, 4, 1, 3, 5).reshape(-1, 3 * PATCH * PATCH)
        energy, components = torch.linalg.eigh(patches.T @ patches / len(patches))
        energy, components = energy.flip(0)[: len(embedding)], components.flip(1)[:, : len(embedding)]
        loudness = (energy + energy.mean() * 0.02).rsqrt()
        with torch.no_grad():
            embedding.copy_((components * loudness).T.view_as(embedding))

    def keep_unused_zero(self) -> None:
        """Zeroes the table slots of tiles that an arrangement does not have; the runtime relies on it."""
        vision = self.model.vision_model
        tables = (
            vision.pre_tile_positional_embedding.embedding, vision.post_tile_positional_embedding.embedding,
            vision.gated_positional_embedding.tile_embedding,
        )  # fmt: skip
        with torch.no_grad():
            for table in tables:
                rows = len(table.weight)
                table.weight.view(rows, MAX_TILES, -1).mul_(vision.used_slots[:, :, None])


def _start(module: nn.Module) -> None:
    if isinstance(module, nn.Linear):
        nn.init.normal_(module.weight, std=module.in_features**-0.5 * 0.7)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
    if isinstance(module, nn.Embedding) and module.num_embeddings == EMBEDDING_ROWS:
        nn.init.normal_(module.weight, std=0.5)
