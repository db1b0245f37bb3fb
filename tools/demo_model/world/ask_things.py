"""Questions about one thing: its shape, color, size and place, and what "it" is in a later turn."""

from __future__ import annotations

import random
from collections.abc import Callable

from .conversation import Asked
from .palette import COLORS
from .phrases import (
    POSITIONS, absent_colors, absent_shapes, ask, free_cells, place_reference, position, references, shapes_of,
    with_article,
)
from .scene import Scene, Thing
from .shapes import SHAPES

_ABSENT = 0.12  # share of questions about something that is not there

_SHAPE_BY_COLOR = (
    "What shape is the {color} (object|object|thing)[ {in_picture}]?", "Which shape is {color}?",
    "What shape does the {color} (object|thing) have?", "What is the shape of the {color} (object|thing)?",
    "Tell me the shape of the {color} (object|thing).",
)
_SHAPE_BY_PLACE = (
    "What shape is {place}[ of the (picture|image|photo)]?", "Which shape is {place}?",
    "What shape is the (object|thing) {place}?", "Which shape do you see {place}?",
)
_THING_BY_PLACE = (
    "What is {place}[ of the (picture|image|photo)]?", "What do you see {place}?", "What can you see {place}?",
    "What is there {place}?", "Which object is {place}?",
)
_ONLY_SHAPE = (
    "What shape is this?", "What shape do you see[ {in_picture}]?", "What shape is {in_picture}?",
    "Which shape is {in_picture}?", "What shape is it?", "What shape is the object?",
)
_COLOR = (
    "What (color|color|colour) is the {ref}[ {in_picture}]?", "What is the (color|colour) of the {ref}?",
    "Which (color|colour) does the {ref} have?", "Which (color|colour) is the {ref}?",
    "Tell me the (color|colour) of the {ref}.", "What (color|colour) does the {ref} have?",
)
_COLOR_BY_PLACE = (
    "What (color|color|colour) is the (object|object|thing|shape) {place}?",
    "What is the (color|colour) of the (object|thing|shape) {place}?",
    "Which (color|colour) does the (object|thing|shape) {place} have?",
    "Which (color|colour) is the (object|thing) {place}?",
)
_ONLY_COLOR = (
    "What (color|colour) is (the object|the shape|it)?", "Which (color|colour) is (the object|the shape)?",
    "What is the (color|colour) of (the object|the shape)?",
)
_SIZE = (
    "How big is the {ref}[ {in_picture}]?", "How large is the {ref}?", "Is the {ref} small or large?",
    "Is the {ref} large or small?", "What size is the {ref}?", "What is the size of the {ref}?",
    "Which size does the {ref} have?",
)
_PLACE = (
    "Where is the {ref}[ {in_picture}]?", "In (which|what) part of the (picture|image|photo) is the {ref}?",
    "Where do you see the {ref}?", "Where can you see the {ref}?", "Tell me where the {ref} is.",
    "What is the position of the {ref}?", "Where in the (picture|image|photo) is the {ref}?",
)
_FOLLOW_SHAPE = ("[And ]what shape is it?", "Which shape is it?", "What shape does it have?", "What is its shape?")
_FOLLOW_COLOR = (
    "What (color|color|colour) is it?", "[And ]what (color|colour) is it?", "Which (color|colour) does it have?",
    "What is its (color|colour)?", "Which (color|colour) is it?",
)
_FOLLOW_SIZE = (
    "How big is it?", "[And ]how big is it?", "Is it small or large?", "Is it large or small?", "What size is it?",
    "How large is it?",
)
_FOLLOW_PLACE = (
    "Where is it?", "[And ]where is it?", "In which part of the (picture|image|photo) is it?", "Where do you see it?",
    "Where can you see it?",
)


def ask_shape(rng: random.Random, scene: Scene) -> Asked | None:
    """The shape of the only thing of a colour, of the thing in a cell, or of the only thing."""
    shapes, roll = shapes_of(scene), rng.random()
    if roll < _ABSENT:
        return _ask_shape_absent(rng, scene)
    if not shapes:
        return None
    thing = rng.choice(shapes)
    answer = f"It is {with_article(thing.shape)}."
    if len(shapes) == 1 and len(scene.things) == 1 and roll < 0.35:
        return Asked(ask(rng, _ONLY_SHAPE), answer, thing)
    if roll < 0.5 and f"{thing.color} object" in references(scene, thing):
        return Asked(ask(rng, _SHAPE_BY_COLOR, color=thing.color), answer, thing)
    if roll < 0.72:
        return Asked(ask(rng, _SHAPE_BY_PLACE, place=position(thing)), answer, thing)
    answer = f"It is {with_article(thing.color)} {thing.shape}."
    return Asked(ask(rng, _THING_BY_PLACE, place=position(thing)), answer, thing)


def _ask_shape_absent(rng: random.Random, scene: Scene) -> Asked | None:
    if rng.random() < 0.5:
        color = rng.choice(absent_colors(scene))
        return Asked(ask(rng, _SHAPE_BY_COLOR, color=color), f"There is no {color} object.")
    place = _empty_place(rng, scene)
    if place is None:
        return None
    templates = _SHAPE_BY_PLACE if rng.random() < 0.4 else _THING_BY_PLACE
    return Asked(ask(rng, templates, place=place), f"There is nothing {place}.")


def ask_color(rng: random.Random, scene: Scene) -> Asked | None:
    """The colour of the only star, or of the shape in a cell."""
    shapes, roll = shapes_of(scene), rng.random()
    if roll < _ABSENT:
        place = _empty_place(rng, scene)
        if place is not None and rng.random() < 0.3:
            return Asked(ask(rng, _COLOR_BY_PLACE, place=place), f"There is nothing {place}.")
        missing = absent_shapes(scene)
        if not missing:
            return None
        shape = rng.choice(missing)
        return Asked(ask(rng, _COLOR, ref=shape), f"There is no {shape}.")
    if not shapes:
        return None
    thing = rng.choice(shapes)
    if len(scene.things) == 1 and roll < 0.2:
        return Asked(ask(rng, _ONLY_COLOR), f"It is {thing.color}.", thing)
    if thing.shape in references(scene, thing) and roll < 0.75:
        return Asked(ask(rng, _COLOR, ref=thing.shape), f"The {thing.shape} is {thing.color}.", thing)
    return Asked(ask(rng, _COLOR_BY_PLACE, place=position(thing)), f"It is {thing.color}.", thing)


def ask_size(rng: random.Random, scene: Scene) -> Asked | None:
    """Whether a uniquely named shape is small or large."""
    shapes = shapes_of(scene)
    if shapes and rng.random() < 0.2:
        thing = rng.choice(shapes)
        return Asked(ask(rng, _SIZE, ref=place_reference(thing)), f"It is {thing.size}.", thing)
    return _ask_by_reference(rng, scene, _SIZE, lambda thing: f"It is {thing.size}.")


def ask_position(rng: random.Random, scene: Scene) -> Asked | None:
    """The cell of a uniquely named shape."""
    return _ask_by_reference(rng, scene, _PLACE, lambda thing: f"It is {position(thing)}.")


def ask_about_it(rng: random.Random, topic: Thing) -> Asked:
    """A question in a later turn about the thing of the last answer."""
    answers = {_FOLLOW_COLOR: topic.color, _FOLLOW_PLACE: position(topic)}
    if topic.kind == "shape":
        answers |= {_FOLLOW_SIZE: topic.size, _FOLLOW_SHAPE: with_article(topic.shape)}
    templates = rng.choice(list(answers))
    question = ask(rng, templates)
    if rng.random() < 0.9:
        question = question[0].upper() + question[1:]
    return Asked(question, f"It is {answers[templates]}.", topic)


def absent_reference(rng: random.Random, scene: Scene) -> str:
    """`star`, `red star` or `red object`, none of which the scene has."""
    roll, missing = rng.random(), absent_shapes(scene)
    if roll < 0.45 and missing:
        return rng.choice(missing)
    if roll < 0.65:
        return f"{rng.choice(absent_colors(scene))} object"
    return absent_pair(rng, scene)


def absent_pair(rng: random.Random, scene: Scene) -> str:
    """A colour and a shape that do not occur together; mostly both occur apart, which is the hard case."""
    shapes = shapes_of(scene)
    present = {(thing.color, thing.shape) for thing in shapes}
    crossed = [(a.color, b.shape) for a in shapes for b in shapes if (a.color, b.shape) not in present]
    if crossed and rng.random() < 0.6:
        color, shape = rng.choice(crossed)
    elif shapes and rng.random() < 0.7:
        thing = rng.choice(shapes)
        color = rng.choice([c for c in COLORS if (c, thing.shape) not in present])
        shape = thing.shape
    else:
        color, shape = rng.choice(absent_colors(scene)), rng.choice(SHAPES)
    return f"{color} {shape}"


def _ask_by_reference(
    rng: random.Random, scene: Scene, templates: tuple[str, ...], answer: Callable[[Thing], str]
) -> Asked | None:
    shapes = shapes_of(scene)
    if rng.random() < _ABSENT:
        ref = absent_reference(rng, scene)
        return Asked(ask(rng, templates, ref=ref), f"There is no {ref}.")
    named = [(thing, refs) for thing in shapes if (refs := references(scene, thing))]
    if not named:
        return None
    thing, refs = rng.choice(named)
    return Asked(ask(rng, templates, ref=rng.choice(refs)), answer(thing), thing)


def _empty_place(rng: random.Random, scene: Scene) -> str | None:
    cells = free_cells(scene)
    if not cells:
        return None
    row, col = rng.choice(cells)
    return POSITIONS[row][col]
