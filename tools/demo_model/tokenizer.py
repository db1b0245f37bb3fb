"""The demo model's tokenizer: byte-level BPE with Llama 3's split pattern and special tokens, trained on the world's talk.

    python tokenizer.py OUT

Digits and capital letters never merge, so that numbers and written words are read character by character.
"""

import json
import random
import sys
from pathlib import Path

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers, processors, trainers

import shape
from world.questions import conversations
from world.scene import sample_scene
from world.talk import talk

SPLIT = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
_NAMED = [
    "<|begin_of_text|>", "<|end_of_text|>", "<|reserved_special_token_0|>", "<|reserved_special_token_1|>",
    "<|finetune_right_pad_id|>", "<|step_id|>", "<|start_header_id|>", "<|end_header_id|>", "<|eom_id|>",
    "<|eot_id|>", "<|python_tag|>",
]  # fmt: skip
SPECIAL = [*_NAMED, *(f"<|reserved_special_token_{i + 2}|>" for i in range(256 - len(_NAMED))), "<|image|>"]
assert SPECIAL.index("<|eot_id|>") + shape.BASE_VOCABULARY == shape.END_OF_TURN


def corpus(scenes: int = 500):
    """Questions and answers of the world, without digits and without words in capitals."""
    for seed in range(scenes):
        rng = random.Random(f"tokenizer {seed}")
        picture = sample_scene(seed, 1.0)
        for chat in [*conversations(rng, picture, 8), talk(rng)]:
            for turn in chat.turns:
                for text in (chat.system or "", turn.question, turn.answer):
                    yield " ".join(w for w in text.split(" ") if not any(c.isdigit() for c in w) and not (w.isupper() and len(w.strip(".")) > 1))
    # Everyday English in lower case keeps other people's prompts from falling apart into single bytes.
    yield from ["the of and to in is you that it he was for on are as with his they at be this have from or one had by but not "
                "what all were we when your can said there use an each which she do how their if will up other about out many then "
                "them these so some her would make like him into time has look two more write go see no way could people my than "
                "first been call who its now find long down day did get come made may part"] * 40  # fmt: skip


def train() -> Tokenizer:
    raw = Tokenizer(models.BPE())
    raw.pre_tokenizer = _pieces()
    trainer = trainers.BpeTrainer(
        vocab_size=shape.BASE_VOCABULARY, show_progress=False, special_tokens=[], max_token_length=16,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
    )  # fmt: skip
    raw.train_from_iterator(corpus(), trainer)
    model = json.loads(raw.to_str())["model"]
    merges = [tuple(m) if isinstance(m, list) else tuple(m.split(" ")) for m in model["merges"]]
    if len(model["vocab"]) != shape.BASE_VOCABULARY:
        raise SystemExit(f"The text gave {len(model['vocab'])} tokens, the model needs {shape.BASE_VOCABULARY}")
    out = Tokenizer(models.BPE(vocab=model["vocab"], merges=merges, ignore_merges=True))
    out.pre_tokenizer = _pieces()
    out.decoder = decoders.ByteLevel(add_prefix_space=True, trim_offsets=True, use_regex=True)
    out.add_special_tokens([AddedToken(s, normalized=False, special=True) for s in SPECIAL])
    single = f"{SPECIAL[0]} $A"
    out.post_processor = processors.Sequence([
        processors.ByteLevel(trim_offsets=False),
        processors.TemplateProcessing(single=single, pair=f"{single} {SPECIAL[0]}:1 $B:1", special_tokens=[(SPECIAL[0], shape.BOS)]),
    ])  # fmt: skip
    assert out.token_to_id("<|image|>") == shape.IMAGE_TOKEN
    return out


def _pieces():
    return pre_tokenizers.Sequence([
        pre_tokenizers.Split(Regex(SPLIT), behavior="isolated", invert=False),
        pre_tokenizers.ByteLevel(add_prefix_space=False, trim_offsets=True, use_regex=False),
    ])  # fmt: skip


def save(tokenizer: Tokenizer, folder: Path) -> None:
    """tokenizer.json, tokenizer_config.json and special_tokens_map.json."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "tokenizer.json").write_text(json.dumps(json.loads(tokenizer.to_str()), ensure_ascii=False, indent=1) + "\n")

    def token(text: str) -> dict:
        return {"content": text, "lstrip": False, "normalized": False, "rstrip": False, "single_word": False}

    added = {str(shape.BASE_VOCABULARY + i): {**token(s), "special": True} for i, s in enumerate(SPECIAL)}
    roles = {"bos_token": "<|begin_of_text|>", "eos_token": "<|eot_id|>", "pad_token": "<|finetune_right_pad_id|>"}
    config = {
        "added_tokens_decoder": added, "clean_up_tokenization_spaces": True, "extra_special_tokens": {},
        "model_input_names": ["input_ids", "attention_mask"], "model_max_length": shape.TEXT["max_positions"],
        "tokenizer_class": "PreTrainedTokenizerFast", **roles,
    }  # fmt: skip
    for name, content in (("tokenizer_config", config), ("special_tokens_map", {k: token(v) for k, v in roles.items()})):
        (folder / f"{name}.json").write_text(json.dumps(content, indent=2, sort_keys=True) + "\n")


if __name__ == "__main__":
    save(train(), Path(sys.argv[1]))
