"""Questions about numbers, words, the background and the picture as a whole."""

from __future__ import annotations

import json
import random

from .conversation import Asked
from .phrases import ask, join, position, shapes_of, texts_of, with_article
from .scene import Scene, Thing

_NUMBER = (
    "What number is {in_picture}?", "Which number do you see[ {in_picture}]?", "Read the number[ {in_picture}].",
    "What number is it?", "What number do you see?", "What is the number[ {in_picture}]?",
    "Which number is {in_picture}?", "What number does the (picture|image|photo) show?", "Which number is it?",
    "What number is this?", "Which number is shown?",
)
_NUMBER_AT = (
    "Which number is {place}?", "What number is {place}?", "What number do you see {place}?",
    "Read the number {place}.",
)
_NUMBERS = (
    "What numbers do you see[ {in_picture}]?", "Which numbers are {in_picture}?", "Read the numbers.",
    "What numbers are there?", "Which numbers do you see?", "What are the numbers[ {in_picture}]?",
)
_WORD = (
    "What word is {in_picture}?", "What does the text say?", "Read the word[ {in_picture}].", "What is written here?",
    "Which word do you see[ {in_picture}]?", "What does it say?", "What does the (picture|image|photo) say?",
    "What text is {in_picture}?", "What is written {in_picture}?", "Read the text.", "What does the word say?",
    "What word do you see?", "What word is it?", "What word is this?",
)
_TEXT_COLOR = (
    "What (color|colour) is the {kind}?", "What is the (color|colour) of the {kind}?",
    "Which (color|colour) does the {kind} have?", "Which (color|colour) is the {kind}?",
)
_TEXT_PLACE = (
    "Where is the {kind}[ {in_picture}]?", "In (which|what) part of the (picture|image|photo) is the {kind}?",
    "Where do you see the {kind}?", "Where can you see the {kind}?",
)
_TEXT_AT = ("What is {place}[ of the (picture|image|photo)]?", "What do you see {place}?", "What is there {place}?")
_BACKGROUND = (
    "What (color|colour) is the background?", "What is the (color|colour) of the background?",
    "Which (color|colour) does the background have?", "What is the background (color|colour)?",
    "Which (color|colour) is the background?",
)
_DESCRIBE = (
    "Describe (the|this) (picture|image|photo).", "What do you see?", "What is {in_picture}?",
    "Tell me what is {in_picture}.", "What does (the|this) (picture|image|photo) show?",
    "What do you see {in_picture}?", "Describe what you see[ {in_picture}].", "What can you see[ {in_picture}]?",
    "Tell me what you see.", "What is shown {in_picture}?", "What's {in_picture}?",
    "Can you describe (the|this) (picture|image|photo)?",
    "Describe (the|this) (picture|image|photo) in one sentence.",
)
_JSON = (
    "List the objects as JSON.", "Describe (the|this) (picture|image|photo) in JSON.",
    "Answer in JSON: which objects are there?", "Give me the objects[ {in_picture}] as JSON.",
    "List all objects[ {in_picture}] in JSON.", "Write the objects as JSON.",
    "Which objects are there? Answer in JSON.", "List the shapes {in_picture} as JSON.",
    "Return the objects as a JSON list.",
)

_MOST_LISTED = 6  # longer lists are rare in training: they cost much time and teach little


def ask_number(rng: random.Random, scene: Scene) -> Asked | None:
    """What a number is, what colour it has, where it is."""
    numbers = texts_of(scene, "number")
    if len(numbers) == 2:
        if rng.random() < 0.45:
            return Asked(ask(rng, _NUMBERS), f"The numbers are {join([number.text for number in numbers])}.")
        number = rng.choice(numbers)
        return Asked(ask(rng, _NUMBER_AT, place=position(number)), f"The number is {number.text}.", number)
    return _ask_text(rng, scene, "number", _NUMBER, "The number is {}.", "There is no number.")


def ask_word(rng: random.Random, scene: Scene) -> Asked | None:
    """What a word says, what colour it has, where it is."""
    return _ask_text(rng, scene, "word", _WORD, "It says {}.", "There is no text.")


def _ask_text(
    rng: random.Random, scene: Scene, kind: str, templates: tuple[str, ...], form: str, absent: str
) -> Asked | None:
    texts = texts_of(scene, kind)
    if not texts:
        # A number is a text too for many people: whether it counts as one is not asked.
        if kind == "word" and texts_of(scene, "number"):
            return None
        roll = rng.random()
        rest = _TEXT_COLOR if roll < 0.1 else _TEXT_PLACE if roll < 0.2 else templates
        return Asked(ask(rng, rest, kind=kind), absent if rest is templates else f"There is no {kind}.")
    text, roll = texts[0], rng.random()
    if roll < 0.12:
        return Asked(ask(rng, _TEXT_COLOR, kind=kind), f"It is {text.color}.", text)
    if roll < 0.24:
        return Asked(ask(rng, _TEXT_PLACE, kind=kind), f"It is {position(text)}.", text)
    if roll < 0.28:
        return Asked(ask(rng, _TEXT_AT, place=position(text)), f"It is the {kind} {text.text}.", text)
    if roll < 0.34 and kind == "number":
        return Asked(ask(rng, _NUMBER_AT, place=position(text)), form.format(text.text), text)
    return Asked(ask(rng, templates), form.format(text.text), text)


def ask_background(rng: random.Random, scene: Scene) -> Asked | None:
    """The colour of a plain background that has a name."""
    if scene.background.name is None:
        return None
    return Asked(ask(rng, _BACKGROUND), f"The background is {scene.background.name}.")


def ask_describe(rng: random.Random, scene: Scene) -> Asked | None:
    """Everything in the picture, in one fixed order."""
    if len(scene.things) > _MOST_LISTED and rng.random() < 0.7:
        return None
    topic = scene.things[0] if len(scene.things) == 1 else None
    return Asked(ask(rng, _DESCRIBE), describe(scene), topic)


def ask_json(rng: random.Random, scene: Scene) -> Asked | None:
    """The shapes as a JSON list."""
    shapes = shapes_of(scene)
    if len(shapes) > _MOST_LISTED and rng.random() < 0.7:
        return None
    listed = [{"shape": thing.shape, "color": thing.color, "size": thing.size} for thing in shapes]
    return Asked(ask(rng, _JSON), json.dumps(listed))


def describe(scene: Scene) -> str:
    """`There are 2 objects: a large red star at the top and a small blue ring in the center. The number 7 is …`"""
    shapes = shapes_of(scene)
    names = [f"{with_article(f'{thing.size} {thing.color} {thing.shape}')} {position(thing)}" for thing in shapes]
    sentences = []
    if len(names) == 1:
        sentences.append(f"There is {names[0]}.")
    elif names:
        sentences.append(f"There are {len(names)} objects: {join(names)}.")
    sentences += [_describe_text(thing) for thing in scene.things if thing.kind != "shape"]
    return " ".join(sentences) or "The picture is empty."


def _describe_text(thing: Thing) -> str:
    return f"The {thing.kind} {thing.text} is {position(thing)}."
