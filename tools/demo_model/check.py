"""Holds the training model to `transformers`: tiles, chat layout and logits of an export must agree.

    python check.py EXPORT

`transformers` is run in f32 with Meta's semantics, which it needs two changes for: the vision states are kept in
front of the listed layers, and a row that may see no picture gets nothing from a cross-attention layer.
"""

import random
import sys
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from safetensors.torch import load_file
from tokenizers import Tokenizer
from transformers import AutoTokenizer

import shape
from data import Chat, messages, pictures_shown
from model import DemoModel
from reference import Reference
from tiles import cut
from train import normalise, visible
from world.draw import render
from world.pairs import pair_conversations
from world.questions import conversations
from world.scene import sample_scene


def own_logits(model: DemoModel, ids: list[int], pictures: list[Image.Image]) -> torch.Tensor:
    """f32 [length, vocabulary] of the training model."""
    tiles, aspects, _ = zip(*(cut(p) for p in pictures))
    aspect_ids = torch.tensor(aspects)
    states = model.see(normalise(model, torch.from_numpy(np.stack(tiles)), aspect_ids), aspect_ids)[None]
    shown = torch.tensor(pictures_shown(ids))[None]
    seen = visible(shown, model.model.vision_model.used_slots[aspect_ids], len(pictures))
    row = torch.tensor([ids])
    hidden = model.model.language_model(row, torch.arange(len(ids))[None], torch.ones_like(row), states, seen)
    return model.lm_head(hidden)[0]


@torch.no_grad()
def main(folder: Path) -> None:
    reference, tokenizer = Reference(folder), Tokenizer.from_file(str(folder / "tokenizer.json"))
    chat, template = Chat(tokenizer), AutoTokenizer.from_pretrained(folder)
    model = DemoModel()
    model.load_state_dict({k: v.float() for k, v in load_file(folder / "model.safetensors").items()})
    model.eval()
    worst = 0.0
    for seed in range(24):
        rng = random.Random(seed)
        scenes = [sample_scene(seed * 2), sample_scene(seed * 2 + 1)]
        talk = pair_conversations(rng, *scenes, 1)[0] if seed % 2 else conversations(rng, scenes[0], 1)[0]
        pictures = [render(s) for s in scenes][: sum(t.images for t in talk.turns)]
        for picture in pictures:
            expected = reference.processor(images=[[picture]], return_tensors="np")
            tiles, aspect_id, _ = cut(picture)
            assert aspect_id == expected["aspect_ratio_ids"][0, 0], "aspect ratio"
            rows, columns = shape.ARRANGEMENTS[aspect_id - 1]
            mean, spread = (np.array(v, np.float32).reshape(3, 1, 1) for v in (shape.IMAGE_MEAN, shape.IMAGE_STD))
            normal = (tiles[: rows * columns].astype(np.float32) / 255 - mean) / spread
            assert np.abs(normal - expected["pixel_values"][0, 0][: rows * columns]).max() < 1e-5, "tiles"
        ids = chat.encode(talk)[0]
        assert ids == template.apply_chat_template(messages(talk), return_dict=False), "chat layout"
        expected = reference.logits(ids, pictures)
        error = (own_logits(model, ids, pictures) - expected).norm() / expected.norm()
        worst = max(worst, error.item())
        assert error < 1e-4, f"seed {seed}: logits differ by {error:.1e}"
    print(f"24 conversations: tiles and chat layout equal, logits within {worst:.1e}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
