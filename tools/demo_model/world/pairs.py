"""Conversations about two pictures: one per turn, or both in the first message."""

from __future__ import annotations

import random

from .ask_any import sample_later_turns, sample_turn
from .ask_many import count_answer
from .ask_whole import describe
from .conversation import Conversation, Turn
from .phrases import (
    absent_shapes, ask, clear_colors, plural, references, shapes_of, texts_of, with_article,
)
from .scene import Scene
from .shapes import SHAPES
from .talk import sample_system

_BOTH_AT_ONCE = 0.35
_WHICH = ("first", "second")
_COUNT_OBJECTS = (
    "How many (objects|shapes) are there[ {in_picture}]?", "How many (objects|shapes) do you see?",
    "Count the (objects|shapes).", "How many (objects|shapes) are {in_picture}?",
)
_MORE_LATER = (
    "Which (picture|image|photo) has more objects, the first or the second?",
    "Which (picture|image|photo) has more objects?", "Which of the two (pictures|images|photos) has more objects?",
    "Did the first or the second (picture|image) have more objects?",
)
_MORE_AT_ONCE = (
    "Which (picture|image|photo) has more objects?", "Which of the two (pictures|images|photos) has more objects?",
    "Which (picture|image|photo) has more objects, the first or the second?",
    "In which (picture|image) are there more objects?",
)
_DESCRIBE_ONE = (
    "What is in the {which} (picture|image|photo)?", "Describe the {which} (picture|image|photo).",
    "What do you see in the {which} (picture|image|photo)?", "What does the {which} (picture|image|photo) show?",
)
_COUNT_ONE = (
    "How many {things} are in the {which} (picture|image|photo)?",
    "How many {things} are there in the {which} (picture|image|photo)?",
    "How many {things} do you see in the {which} (picture|image|photo)?",
    "Count the {things} in the {which} (picture|image|photo).",
)
_NUMBER_ONE = (
    "What number is in the {which} (picture|image|photo)?",
    "Which number do you see in the {which} (picture|image|photo)?",
    "Read the number in the {which} (picture|image|photo).",
)
_WORD_ONE = (
    "What word is in the {which} (picture|image|photo)?", "What is written in the {which} (picture|image|photo)?",
    "Read the word in the {which} (picture|image|photo).",
)
_COLOR_ONE = (
    "What (color|colour) is the {ref} in the {which} (picture|image|photo)?",
    "Which (color|colour) does the {ref} in the {which} (picture|image|photo) have?",
)
_EXISTS_ONE = (
    "Is there {thing} in the {which} (picture|image|photo)?",
    "Do you see {thing} in the {which} (picture|image|photo)?",
)
_EXISTS_BOTH = (
    "Is there {thing} in both (pictures|images|photos)?", "Do both (pictures|images|photos) show {thing}?",
    "Do you see {thing} in both (pictures|images)?",
)


def pair_conversations(rng: random.Random, first: Scene, second: Scene, count: int) -> list[Conversation]:
    """`count` conversations in which `first` is shown before `second`."""
    return [
        _both_at_once(rng, (first, second)) if rng.random() < _BOTH_AT_ONCE else _one_per_turn(rng, first, second)
        for _ in range(count)
    ]


def _one_per_turn(rng: random.Random, first: Scene, second: Scene) -> Conversation:
    """Every question is about the newest picture, except which of two counted pictures has more."""
    only_shapes = all(thing.kind == "shape" for scene in (first, second) for thing in scene.things)
    if only_shapes and rng.random() < 0.3:
        return Conversation(tuple(_count_and_compare(rng, first, second)), sample_system(rng))
    turns: list[Turn] = []
    for scene in (first, second):
        turn, topic = sample_turn(rng, scene, images=1)
        turns.append(turn)
        turns += sample_later_turns(rng, scene, topic, rng.choices((0, 1), (7, 3))[0], turn.answer)
    return Conversation(tuple(turns), sample_system(rng))


def _count_and_compare(rng: random.Random, first: Scene, second: Scene) -> list[Turn]:
    turns = []
    for scene in (first, second):
        question = ask(rng, _COUNT_OBJECTS)
        noun = "shape" if "shape" in question else "object"
        turns.append(Turn(1, question, count_answer(noun, len(scene.things)), "count"))
    turns.append(Turn(0, ask(rng, _MORE_LATER), _which_has_more((first, second)), "pair"))
    return turns


def _both_at_once(rng: random.Random, scenes: tuple[Scene, Scene]) -> Conversation:
    count = rng.choices((1, 2, 3), (7, 2, 1))[0]
    turns = []
    for index in range(count):
        question, answer = _ask_pair(rng, scenes)
        turns.append(Turn(0 if index else 2, question, answer, "pair"))
    return Conversation(tuple(turns), sample_system(rng))


def _ask_pair(rng: random.Random, scenes: tuple[Scene, Scene]) -> tuple[str, str]:
    only_shapes = all(thing.kind == "shape" for scene in scenes for thing in scene.things)
    roll = rng.random()
    if roll < 0.14 and only_shapes:
        return ask(rng, _MORE_AT_ONCE), _which_has_more(scenes)
    if roll < 0.3:
        return _ask_both(rng, scenes)
    index = rng.randrange(2)
    return _ask_one(rng, scenes[index], _WHICH[index])


def _which_has_more(scenes: tuple[Scene, Scene]) -> str:
    first, second = (len(scene.things) for scene in scenes)
    if first == second:
        return "Both have the same number."
    return "The first picture." if first > second else "The second picture."


def _ask_both(rng: random.Random, scenes: tuple[Scene, Scene]) -> tuple[str, str]:
    """Yes when both have it; no mostly when only one of them has it."""
    kinds = [{thing.shape for thing in shapes_of(scene)} for scene in scenes]
    both, one, none = kinds[0] & kinds[1], kinds[0] ^ kinds[1], set(SHAPES) - kinds[0] - kinds[1]
    if not both and rng.random() < 0.75:  # otherwise no would be the answer nearly always
        index = rng.randrange(2)
        return _ask_one(rng, scenes[index], _WHICH[index])
    wanted = both if rng.random() < 0.6 else one if rng.random() < 0.8 else none
    pool = [shape for shape in SHAPES if shape in (wanted or one or none)]
    shape = rng.choice(pool)
    question = ask(rng, _EXISTS_BOTH, thing=with_article(shape))
    return question, "Yes, there is." if shape in both else "No, there is not."


def _ask_one(rng: random.Random, scene: Scene, which: str) -> tuple[str, str]:
    """A question that names the first or the second picture."""
    numbers, words, shapes = texts_of(scene, "number"), texts_of(scene, "word"), shapes_of(scene)
    if len(numbers) == 1 and rng.random() < 0.6:
        return ask(rng, _NUMBER_ONE, which=which), f"The number is {numbers[0].text}."
    if words and rng.random() < 0.6:
        return ask(rng, _WORD_ONE, which=which), f"It says {words[0].text}."
    if not shapes or rng.random() < 0.2:
        return ask(rng, _DESCRIBE_ONE, which=which), describe(scene)
    if rng.random() < 0.35:
        return _count_one(rng, scene, which)
    named = [thing for thing in shapes if thing.shape in references(scene, thing)]
    if named and rng.random() < 0.65:
        thing = rng.choice(named)
        return ask(rng, _COLOR_ONE, ref=thing.shape, which=which), f"The {thing.shape} is {thing.color}."
    missing = absent_shapes(scene)
    if not missing or rng.random() < 0.5:
        return ask(rng, _EXISTS_ONE, thing=with_article(rng.choice(shapes).shape), which=which), "Yes, there is."
    return ask(rng, _EXISTS_ONE, thing=with_article(rng.choice(missing)), which=which), "No, there is not."


def _count_one(rng: random.Random, scene: Scene, which: str) -> tuple[str, str]:
    shapes, roll = shapes_of(scene), rng.random()
    if roll < 0.5:
        noun, count = "object" if len(shapes) == len(scene.things) else "shape", len(shapes)
    elif roll < 0.9 or not clear_colors(scene):
        present = [thing.shape for thing in shapes]
        noun = rng.choice(present) if present and rng.random() < 0.85 else rng.choice(SHAPES)
        count = present.count(noun)
    else:
        color = rng.choice(clear_colors(scene))
        noun, count = f"{color} object", sum(thing.color == color for thing in shapes)
    return ask(rng, _COUNT_ONE, things=plural(noun), which=which), count_answer(noun, count)
