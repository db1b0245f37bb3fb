"""Writes a checkpoint in the layout of the published one: config, tokenizer, template and one bf16 safetensors file.

    python export.py RUN/checkpoint.pt OUT
"""

import json
import sys
from pathlib import Path

import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer

import shape
import tokenizer as demo_tokenizer
from model import DemoModel

HERE = Path(__file__).parent


def export(model: DemoModel, tokenizer: Tokenizer, folder: Path) -> None:
    demo_tokenizer.save(tokenizer, folder)
    (folder / "chat_template.jinja").write_text((HERE / "chat_template.jinja").read_text())
    for name, content in (
        ("config", shape.config()),
        ("preprocessor_config", shape.preprocessor()),
        ("generation_config", shape.generation()),
    ):
        (folder / f"{name}.json").write_text(json.dumps(content, indent=2, sort_keys=True) + "\n")
    weights = {name: tensor.detach().bfloat16().contiguous() for name, tensor in model.state_dict().items()}
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    print(f"{sum(w.numel() for w in weights.values()):,} parameters, {(folder / 'model.safetensors').stat().st_size:,} bytes")


def load(checkpoint: Path) -> DemoModel:
    model = DemoModel()
    model.load_state_dict(torch.load(checkpoint, weights_only=True)["model"])
    return model.eval()


if __name__ == "__main__":
    source, target = Path(sys.argv[1]), Path(sys.argv[2])
    export(load(source), Tokenizer.from_file(str(source.parent / "tokenizer.json")), target)
