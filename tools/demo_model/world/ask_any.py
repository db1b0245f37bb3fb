"""Every kind of question about one picture, and how often each is asked."""

from __future__ import annotations

import random
from collections.abc import Callable

from .ask_many import ask_count, ask_relation, ask_yes_no
from .ask_things import ask_about_it, ask_color, ask_position, ask_shape, ask_size
from .ask_whole import ask_background, ask_describe, ask_json, ask_number, ask_word
from .conversation import Asked, Turn
from .phrases import texts_of
from .scene import Scene, Thing

Ask = Callable[[random.Random, Scene], Asked | None]

# A kind, its asker and its weight. Numbers and words are weighted by whether the picture has any.
_KINDS: tuple[tuple[str, Ask, float], ...] = (
    ("shape", ask_shape, 11),
    ("color", ask_color, 11),
    ("size", ask_size, 6),
    ("position", ask_position, 11),
    ("count", ask_count, 24),
    ("relation", ask_relation, 11),
    ("yesno", ask_yes_no, 20),
    ("number", ask_number, 2.5),
    ("word", ask_word, 1.5),
    ("background", ask_background, 3),
    ("describe", ask_describe, 7),
    ("json", ask_json, 5),
)
_TEXT_WEIGHTS = {"number": 38.0, "word": 20.0}

_ABOUT_IT = 0.6  # share of later turns that ask about "it", where there is an "it"


def sample_turn(rng: random.Random, scene: Scene, images: int) -> tuple[Turn, Thing | None]:
    """One question of a random kind that the scene can answer, and what "it" means after it."""
    weights = [_TEXT_WEIGHTS[kind] if kind in _TEXT_WEIGHTS and texts_of(scene, kind) else w for kind, _, w in _KINDS]
    while True:
        kind, asker, _ = rng.choices(_KINDS, weights)[0]
        asked = asker(rng, scene)
        if asked is not None:
            return Turn(images, asked.question, asked.answer, kind), asked.topic


def sample_later_turns(rng: random.Random, scene: Scene, topic: Thing | None, count: int, known: str) -> list[Turn]:
    """Questions in the same conversation about the same picture, without a new picture. `known` is the last answer."""
    turns: list[Turn] = []
    said = {known}
    while len(turns) < count:
        if topic is not None and rng.random() < _ABOUT_IT:
            asked = ask_about_it(rng, topic)
            if asked.answer in said:  # nobody asks twice what colour it is
                topic = None
                continue
            said.add(asked.answer)
            turns.append(Turn(0, asked.question, asked.answer, "followup"))
        else:
            turn, topic = sample_turn(rng, scene, images=0)
            said = {turn.answer}
            turns.append(turn)
    return turns
