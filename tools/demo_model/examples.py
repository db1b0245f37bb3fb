"""Draws the pictures of `examples/`, or the questions of `tests/demo/`, from seeds that training never used.

    python examples.py pictures OUT
    python examples.py questions OUT

Scenes are taken by what they show, in the order of their seeds, so that a second run draws the same. Questions are
spread over the kinds; none is chosen by how the model answers it.
"""

import argparse
import io
import json
import random
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from PIL import Image
from world.conversation import Conversation
from world.draw import render
from world.pairs import pair_conversations
from world.questions import conversations
from world.scene import Scene, sample_scene
from world.talk import talk

UNSEEN = 3_100_000_000  # behind the seeds of evaluate.py
MOST_BYTES = 24_000  # of a picture in the tests
MOST_THINGS = 5
PER_KIND = 4  # questions of one kind in the tests, at least
SCENES = 14
PAIRS = 3


def scenes(level: float = 1.0) -> Iterator[Scene]:
    return (sample_scene(seed, level) for seed in range(UNSEEN, UNSEEN + 1_000_000))


def first(wanted: Callable[[Scene], bool], level: float = 1.0) -> Scene:
    return next(scene for scene in scenes(level) if wanted(scene))


def widened(scene: Scene, width: int) -> Scene:
    return replace(scene, width=width, height=round(scene.height * width / scene.width))


def kinds(scene: Scene) -> str:
    return " ".join(thing.kind for thing in scene.things)


def looks(scene: Scene) -> set[tuple[str, str]]:
    return {(thing.shape, thing.color) for thing in scene.things}


def is_plain(scene: Scene) -> bool:
    return scene.background.kind == "plain" and not scene.finish.jpeg and not scene.finish.blur


def has_different_shapes(scene: Scene, count: int) -> bool:
    """Nothing else, on a light ground, 4:3."""
    light = min(scene.background.rgb) > 200 and 3 * scene.width == 4 * scene.height
    return is_plain(scene) and light and kinds(scene) == " ".join(["shape"] * count) and len(looks(scene)) == count


def has_two_stars_of_five(scene: Scene) -> bool:
    return has_different_shapes(scene, 5) and [thing.shape for thing in scene.things].count("star") == 2


def has_noisy_number(scene: Scene) -> bool:
    noisy = scene.background.kind == "grain" and scene.background.grain > 16 and scene.width > scene.height
    return noisy and kinds(scene) == "number" and len(scene.things[0].text) == 3 and text_height(scene) > 0.2


def has_corner_number(scene: Scene) -> bool:
    """A height that a single tile shows in eight to nine pixels, and four tiles in 16.5 to 18."""
    if not is_plain(scene) or kinds(scene) != "number" or 4 * scene.height != 3 * scene.width:
        return False
    thing = scene.things[0]
    in_corner = thing.row != 1 and thing.col != 1
    return in_corner and len(thing.text) == 3 and 16.5 / 192 < text_height(scene) < 18 / 192


def text_height(scene: Scene) -> float:
    return scene.things[0].box[3] - scene.things[0].box[1]


def draw_pictures(out: Path) -> None:
    out.mkdir(parents=True, exist_ok=True)
    for name, scene in (
        ("scene.png", widened(first(has_two_stars_of_five), 480)),
        ("number.jpg", widened(first(has_noisy_number), 400)),
        ("first.png", widened(first(lambda scene: has_different_shapes(scene, 2)), 400)),
        ("second.png", widened(first(lambda scene: has_different_shapes(scene, 3)), 400)),
        ("corner.png", widened(first(has_corner_number), 1500)),
    ):
        options = {"quality": 85} if name.endswith("jpg") else {"optimize": True}
        render(scene).save(out / name, **options)
        print(name, scene.seed, *(f"{t.size} {t.color} {t.shape or t.text} {t.row},{t.col}" for t in scene.things), sep=" | ")


def encode(picture: Image.Image) -> bytes:
    file = io.BytesIO()
    picture.save(file, "PNG", optimize=True)
    return file.getvalue()


def draw_questions(out: Path) -> None:
    out.mkdir(parents=True, exist_ok=True)
    asked: Counter[str] = Counter()
    lines: list[dict] = []

    def keep(talk: Conversation, pictures: list[str], scene: Scene | None) -> None:
        turns = [{"images": t.images, "question": t.question, "answer": t.answer, "kind": t.kind} for t in talk.turns]
        asked.update(turn.kind for turn in talk.turns)
        line = {"pictures": pictures, "turns": turns, "seed": scene.seed if scene else None}
        lines.append({key: value for key, value in line.items() if value is not None})

    drawn = 0
    few = (scene for scene in scenes() if len(scene.things) <= MOST_THINGS)
    small = ((scene, data) for scene in few if len(data := encode(render(scene))) <= MOST_BYTES)
    for scene, data in small:
        rng = random.Random(scene.seed)
        talks = [t for t in conversations(rng, scene, 8) if t.system is None and any(asked[turn.kind] < PER_KIND for turn in t.turns)]
        if talks:
            name = f"scene_{drawn:02}.png"
            (out / name).write_bytes(data)
            for conversation in talks[:3]:
                keep(conversation, [name], scene)
            drawn += 1
        if drawn == SCENES:
            break
    for pair in range(PAIRS):
        parts = [next(small) for _ in range(2)]
        names = [f"pair_{pair}_{side}.png" for side in ("first", "second")]
        for name, (_, data) in zip(names, parts):
            (out / name).write_bytes(data)
        keep(pair_conversations(random.Random(pair), parts[0][0], parts[1][0], 1)[0], names, parts[0][0])
    for seed in range(3):
        keep(talk(random.Random(UNSEEN + seed)), [], None)
    (out / "questions.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    print(f"{len(lines)} conversations, {asked.total()} questions:", dict(asked))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("pictures", "questions"))
    parser.add_argument("out", type=Path)
    options = parser.parse_args()
    (draw_pictures if options.what == "pictures" else draw_questions)(options.out)


if __name__ == "__main__":
    main()
