"""Writes conversations with the answers that `transformers` gives in f32, for bench/demo_reference.ts to compare.

    python answers.py EXPORT OUT [--conversations 200]

OUT/NNNN.png and OUT/conversations.jsonl: one line per conversation with its messages (pictures by file name), the
reference's greedy answer and the texts of its tokens, the end of the turn included.
"""

import argparse
import json
import random
from pathlib import Path

from tokenizers import Tokenizer

from data import Chat, messages
from evaluate import UNSEEN
from reference import Reference
from world.conversation import Conversation
from world.draw import render
from world.pairs import pair_conversations
from world.questions import conversations
from world.scene import sample_scene
from world.talk import talk

FIRST_SCENE = UNSEEN + 50_000_000
LONGEST = 200


def sample(index: int) -> tuple[list, Conversation]:
    """The scenes and the conversation of this number: one picture mostly, two now and then, none now and then."""
    rng = random.Random(f"answers {index}")
    scenes = [sample_scene(FIRST_SCENE + 2 * index), sample_scene(FIRST_SCENE + 2 * index + 1)]
    if index % 10 == 8:
        return [], talk(rng)
    if index % 10 == 9:
        return scenes, pair_conversations(rng, *scenes, 1)[0]
    return scenes[:1], conversations(rng, scenes[0], 1)[0]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("export", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--conversations", type=int, default=200)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    reference = Reference(options.export)
    tokenizer = Tokenizer.from_file(str(options.export / "tokenizer.json"))
    chat = Chat(tokenizer)
    with (options.out / "conversations.jsonl").open("w") as lines:
        for index in range(options.conversations):
            scenes, conversation = sample(index)
            pictures = [render(scene) for scene in scenes]
            names = [f"{index:04}_{i}.png" for i in range(len(pictures))]
            for name, picture in zip(names, pictures):
                picture.save(options.out / name)
            ids = chat.prompt(conversation, len(conversation.turns))
            answer = reference.answer(ids, pictures, LONGEST)
            text = tokenizer.decode(answer, skip_special_tokens=True)
            tokens = [tokenizer.decode([token], skip_special_tokens=False) for token in answer]
            line = {"pictures": names, "messages": messages(conversation)[:-1], "answer": text, "tokens": tokens}
            lines.write(json.dumps(line) + "\n")


if __name__ == "__main__":
    main()
