"""The export in `transformers`, f32, with the arithmetic of Meta's code: the oracle for the training model and the executable.

Two changes to the library, for the reasons in `model.py`: (a) the vision encoder hands out the state in front of each
layer; (b) what a cross-attention layer gives to a row that may see no picture is dropped.
"""

import types
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from transformers.modeling_outputs import BaseModelOutput
from transformers.models.mllama import modeling_mllama as mllama
from transformers.models.mllama.image_processing_pil_mllama import MllamaImageProcessorPil
from transformers.models.mllama.processing_mllama import (
    convert_sparse_cross_attention_mask_to_dense, get_cross_attention_token_mask,
)  # fmt: skip


def _keep_states_in_front(self, hidden_states, attention_mask=None, **_):
    states = []
    for layer in self.layers:
        states.append(hidden_states)
        hidden_states = layer(hidden_state=hidden_states, attention_mask=attention_mask)
    return BaseModelOutput(last_hidden_state=hidden_states, hidden_states=tuple(states))


def _drop_blind_rows(layer) -> None:
    def before(module, _, named):
        module.cross_attn.seeing_rows = named.get("full_text_row_masked_out_mask")

    def after(module, _, __, out):
        rows = module.seeing_rows
        return out if rows is None else (out[0] * rows[:, 0], *out[1:])

    layer.register_forward_pre_hook(before, with_kwargs=True)
    layer.cross_attn.register_forward_hook(after, with_kwargs=True)


class Reference:
    """`logits` and greedy `answer` for token ids and the pictures of their image tokens, in order."""

    def __init__(self, folder: Path):
        self.model = mllama.MllamaForConditionalGeneration.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager").eval()
        self.processor = MllamaImageProcessorPil.from_pretrained(folder)
        encoder = self.model.model.vision_model.transformer
        encoder.forward = types.MethodType(_keep_states_in_front, encoder)
        for layer in self.model.model.language_model.layers:
            if hasattr(layer, "cross_attn"):
                _drop_blind_rows(layer)

    def inputs(self, ids: list[int], pictures: list[Image.Image]) -> dict[str, torch.Tensor]:
        inputs = {"input_ids": torch.tensor([ids])}
        if pictures:
            seen = get_cross_attention_token_mask(ids, self.model.config.image_token_index)
            cut_up = self.processor(images=[pictures], return_tensors="np")
            mask = convert_sparse_cross_attention_mask_to_dense(
                [[list(r) for r in seen]], cut_up["num_tiles"], self.processor.max_image_tiles, len(ids)
            )
            for name in ("pixel_values", "aspect_ratio_ids", "aspect_ratio_mask"):
                inputs[name] = torch.from_numpy(np.asarray(cut_up[name]))
            inputs["cross_attention_mask"] = torch.from_numpy(mask)
        return inputs

    @torch.no_grad()
    def logits(self, ids: list[int], pictures: list[Image.Image]) -> torch.Tensor:
        """f32 [length, vocabulary]."""
        return self.model(**self.inputs(ids, pictures)).logits[0]

    @torch.no_grad()
    def answer(self, ids: list[int], pictures: list[Image.Image], limit: int) -> list[int]:
        """Greedy ids up to the end of the turn or `limit`."""
        out = self.model.generate(**self.inputs(ids, pictures), max_new_tokens=limit, do_sample=False)
        return out[0, len(ids) :].tolist()
