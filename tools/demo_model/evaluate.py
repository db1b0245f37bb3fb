"""Asks a checkpoint about pictures whose seeds training never used, or writes such pictures for the executable's judge.

    python evaluate.py ask RUN/checkpoint.pt [--scenes 300] [--shuffle | --blank] [--one-tile]
    python evaluate.py write OUT [--scenes 300]

`ask` counts an answer as right when every token is the model's first choice, which is when greedy decoding gives
exactly this answer. `write` makes OUT/NNNN.png and OUT/questions.jsonl for bench/demo_accuracy.ts.
"""

import argparse
import json
import random
from collections import Counter
from pathlib import Path

import torch
from PIL import Image
from tokenizers import Tokenizer

import data
import shape
from export import load
from tiles import cut
from train import forward_answers
from world.draw import render
from world.questions import conversations
from world.scene import Scene, sample_scene

UNSEEN = 3_000_000_000  # training counts its seeds up from zero and never gets here
PER_SCENE = 6


def asked(index: int) -> tuple[Scene, list]:
    """Scene number `index` of the test, and its conversations."""
    scene = sample_scene(UNSEEN + index)
    return scene, conversations(random.Random(f"test {index}"), scene, PER_SCENE)


@torch.no_grad()
def ask(options) -> None:
    model = load(options.checkpoint)
    tokenizer = Tokenizer.from_file(str(options.checkpoint.parent / "tokenizer.json"))
    chat = data.Chat(tokenizer)
    right, total, wrong = Counter(), Counter(), []
    for index in range(options.scenes):
        scene, talks = asked(index)
        picture = render(asked(index + 1)[0] if options.shuffle else scene)
        if options.blank:
            picture = Image.new("RGB", picture.size, (128, 128, 128))
        tiles, aspect_id, _ = cut(picture, [(1, 1)] if options.one_tile else shape.ARRANGEMENTS)
        for talk in talks:
            ids, targets = chat.encode(talk)
            guesses = forward_answers(model, [ids], tiles, aspect_id)[0].argmax(-1).tolist()
            place = 0
            for turn in talk.turns:
                while targets[place] < 0:
                    place += 1
                end = place
                while targets[end] >= 0:
                    end += 1
                total[turn.kind] += 1
                right[turn.kind] += guesses[place:end] == targets[place:end]
                if guesses[place:end] != targets[place:end]:
                    wrong.append((index, turn.kind, turn.question, turn.answer, tokenizer.decode(guesses[place:end])))
                place = end
    for kind, count in total.most_common():
        print(f"{kind:12} {right[kind]:5} of {count:5}  {right[kind] / count:6.1%}")
    print(f"{'all':12} {right.total():5} of {total.total():5}  {right.total() / total.total():6.1%}")
    for line in wrong[: options.show]:
        print(*line, sep=" | ")


def write(options) -> None:
    options.out.mkdir(parents=True, exist_ok=True)
    with (options.out / "questions.jsonl").open("w") as lines:
        for index in range(options.scenes):
            scene, talks = asked(index)
            name = f"{index:04}.png"
            render(scene).save(options.out / name)
            for talk in talks:
                turns = [{"images": t.images, "question": t.question, "answer": t.answer, "kind": t.kind} for t in talk.turns]
                line = {"pictures": [name], "system": talk.system, "turns": turns, "seed": scene.seed}
                lines.write(json.dumps(line) + "\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True)
    asking, writing = commands.add_parser("ask"), commands.add_parser("write")
    asking.set_defaults(run=ask)
    asking.add_argument("checkpoint", type=Path)
    asking.add_argument("--shuffle", action="store_true", help="show every question another scene's picture")
    asking.add_argument("--blank", action="store_true", help="show a gray picture")
    asking.add_argument("--one-tile", action="store_true", help="squeeze every picture into one tile")
    asking.add_argument("--show", type=int, default=0, help="wrong answers to print")
    writing.set_defaults(run=write)
    writing.add_argument("out", type=Path)
    for command in (asking, writing):
        command.add_argument("--scenes", type=int, default=300)
    options = parser.parse_args()
    options.run(options)


if __name__ == "__main__":
    main()
