"""What a picture shows: the facts that questions are asked about, and the style that `draw` needs."""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from typing import Literal

from .backgrounds import Background, sample_background
from .fonts import FACES
from .layout import Layout, Spot
from .palette import Rgb, sample_visible
from .shapes import SHAPES, ShapeStyle
from .words import sample_word

Kind = Literal["shape", "number", "word"]
SIZES = ("small", "large")
_EXTENTS = {"small": (0.12, 0.17), "large": (0.24, 0.32)}  # share of the picture's shorter side
_LEAST_TEXT, _TINY_TEXT = 14, (14, 18)  # height in pixels where the model looks; below, digits cannot be told apart
_TOUCHY_COLORS = ("orange", "yellow", "brown", "red", "pink")  # much lighter or darker, they get another name


@dataclass(frozen=True, slots=True)
class Look:
    """How one thing is drawn. `outline` is the stroke's width as a share of the extent, 0 for none."""

    rgb: Rgb
    shape: ShapeStyle = ShapeStyle()
    shade: float = 0.0  # lightness difference across the fill, -1..1
    shade_turned: bool = False  # across instead of down
    outline: float = 0.0
    outline_rgb: Rgb = (0, 0, 0)
    shadow: float = 0.0  # offset of a soft shadow as a share of the extent
    face: str = ""
    hinted: bool = True


@dataclass(frozen=True, slots=True)
class Thing:
    """One shape, number or word. `size` and `shape` are "" for texts, `text` is "" for shapes.

    `row`, `col` in 0..2; `box` = (x0, y0, x1, y1), its tight extent as shares of the picture's width and height.
    """

    kind: Kind
    shape: str
    color: str
    size: str
    text: str
    row: int
    col: int
    box: tuple[float, float, float, float]
    look: Look


@dataclass(frozen=True, slots=True)
class Finish:
    """What happens to the whole picture at the end. `jpeg` is a quality, or 0 for none."""

    blur: float = 0.0
    brightness: float = 1.0
    jpeg: int = 0


@dataclass(frozen=True, slots=True)
class Scene:
    """A whole picture. `things` are in reading order: by row, then by column; at most one per cell."""

    seed: int
    width: int
    height: int
    background: Background
    things: tuple[Thing, ...]
    finish: Finish


@dataclass(frozen=True, slots=True)
class _Plan:
    """How many of what a scene shall hold, before it is known what fits."""

    shapes: int = 0
    numbers: int = 0
    words: int = 0
    tiny_number: bool = False
    every_kind: bool = False  # of shape and color, whatever the scene's vocabulary would be
    few_kinds: bool = False  # two shapes in three colors at most


def sample_scene(seed: int, level: float = 1.0) -> Scene:
    """The scene of this seed. `level` in 0..1 goes from few large plain things to everything."""
    rng = random.Random(seed)
    return _sample(seed, rng, _sample_plan(rng, level), level)


def sample_crowd(seed: int, level: float = 1.0) -> Scene:
    """A scene with something in nearly every cell, numbers and words among it: much to see at the price of one
    picture. Nobody is asked about it, because the questions know two numbers and one word at most."""
    rng = random.Random(seed)
    if rng.random() < 0.5:
        return _sample(seed, rng, _Plan(9, rng.randint(5, 8), 0, every_kind=True), level)
    if rng.random() < 0.4:
        return _sample(seed, rng, _Plan(5, 4, tiny_number=True, every_kind=True), level)
    words = int(rng.random() < 0.3)
    return _sample(seed, rng, _Plan(9, rng.randint(2, 5 - words), words, every_kind=True), level)


def sample_small_number(seed: int, level: float = 1.0) -> Scene:
    """A scene with nothing but a small number in a corner, which few of the others have."""
    return _sample(seed, random.Random(seed), _Plan(numbers=1, tiny_number=True), level)


def sample_repeats(seed: int, level: float = 1.0) -> Scene:
    """A scene with several of the same: three or four of anything are rare in the others."""
    rng = random.Random(seed)
    return _sample(seed, rng, _Plan(shapes=rng.randint(3, 7), few_kinds=True), level)


def _sample(seed: int, rng: random.Random, plan: _Plan, level: float) -> Scene:
    width, height = _sample_dimensions(rng, plan.tiny_number)
    background = sample_background(rng, level)
    layout = Layout(rng, width, height)
    things: list[Thing] = []
    for _ in range(plan.words):
        _add(things, _sample_text(rng, layout, background, "word", sample_word(rng), level, False))
    for _ in range(plan.numbers):
        _add(things, _sample_text(rng, layout, background, "number", _number(rng), level, plan.tiny_number))
    shapes, colors = _sample_vocabulary(rng, background)
    if plan.every_kind:
        shapes, colors = list(SHAPES), list(background.visible)
    if plan.few_kinds:
        shapes, colors = rng.sample(SHAPES, 2), rng.sample(background.visible, min(3, len(background.visible)))
    for _ in range(plan.shapes):
        _add(things, _sample_shape(rng, layout, background, rng.choice(shapes), rng.choice(colors), level))
    things.sort(key=lambda thing: (thing.row, thing.col))
    return Scene(seed, width, height, background, tuple(things), _sample_finish(rng, level, min(width, height)))


def _add(things: list[Thing], thing: Thing | None) -> None:
    if thing is not None:
        things.append(thing)


def _sample_plan(rng: random.Random, level: float) -> _Plan:
    most = 2 + round(3 * level)
    some = rng.choices(range(1, most + 1), [3.0 if n <= 3 else 2.5 for n in range(1, most + 1)])[0]
    roll = rng.random()
    if roll < 0.03:
        return _Plan()
    if roll < 0.03 + 0.05 * level:
        return _Plan(numbers=1, tiny_number=True)
    if roll < 0.20:
        return _Plan(numbers=2 if rng.random() < 0.25 * level else 1)
    if roll < 0.31:
        return _Plan(shapes=max(1, some - 1), numbers=2 if rng.random() < 0.2 * level else 1)
    if roll < 0.35:
        return _Plan(words=1)
    if roll < 0.38:
        return _Plan(shapes=max(1, some - 1), words=1, numbers=int(rng.random() < 0.15))
    if roll < 0.38 + 0.05 * level:
        return _Plan(shapes=rng.randint(6, 9))
    return _Plan(shapes=some)


_ASPECTS = ((4, 3), (3, 2), (1, 1), (3, 4), (2, 3), (16, 9), (9, 16), (2, 1), (1, 2), (3, 1), (1, 3))
_ASPECT_WEIGHTS = (22, 15, 18, 12, 6, 7, 4, 3, 3, 1.5, 1.5)
_LEAST_SIDE, _MOST_SIDE = 128, 1600


def _sample_dimensions(rng: random.Random, big: bool) -> tuple[int, int]:
    x, y = rng.choices(_ASPECTS, _ASPECT_WEIGHTS)[0]
    aspect = x / y if rng.random() < 0.7 else min(3.0, max(1 / 3, x / y * rng.uniform(0.8, 1.25)))
    roll = rng.random()
    if big:
        width = 10 ** rng.uniform(2.6, 2.95)
    elif roll < 0.1:
        width = rng.uniform(128, 240)
    elif roll < 0.13:
        width = rng.uniform(700, 1600)
    else:
        width = 240 * 2.2 ** rng.random()
    width = max(width, _LEAST_SIDE, _LEAST_SIDE * aspect)
    width = min(width, _MOST_SIDE, _MOST_SIDE * aspect)
    return round(width), round(width / aspect)


def _sample_vocabulary(rng: random.Random, background: Background) -> tuple[list[str], list[str]]:
    """The shapes and colours that a scene draws from; often only two, so that there is something to count."""
    roll = rng.random()
    shapes = rng.sample(SHAPES, 2) if roll < 0.33 else [rng.choice(SHAPES)] if roll < 0.37 else list(SHAPES)
    colors = list(background.visible)
    if rng.random() < 0.33:
        colors = rng.sample(colors, 2)
    elif "white" in colors:
        colors += ["white", "white"]  # makes up for the many backgrounds on which it cannot be seen
    return shapes, colors


def _sample_shape(
    rng: random.Random, layout: Layout, background: Background, shape: str, color: str, level: float
) -> Thing | None:
    size = rng.choices(SIZES, (1, 1.6 - 0.6 * level))[0]
    turn = rng.uniform(-10, 10) if rng.random() < 0.6 else 0.0
    stretch = rng.uniform(0.95, 1.05) if rng.random() < 0.5 else 1.0
    style = ShapeStyle(turn, stretch, rng.random())
    spot = layout.place_shape(shape, style, rng.uniform(*_EXTENTS[size]))
    rgb = sample_visible(rng, color, background.behind, text=False)
    if spot is None or rgb is None:
        return None
    look = _shape_look(rng, rgb, color, style)
    if shape == "ring" and look.outline:  # two strokes on a thin band: they must leave most of its colour
        look = replace(look, outline=look.outline / 2)
    return Thing("shape", shape, color, size, "", spot.row, spot.col, spot.box, look)


def _shape_look(rng: random.Random, rgb: Rgb, color: str, style: ShapeStyle) -> Look:
    limit = 0.06 if color in _TOUCHY_COLORS else 0.16
    shade = rng.uniform(-limit, limit) if rng.random() < 0.3 else 0.0
    outline, outline_rgb = 0.0, (0, 0, 0)
    if rng.random() < 0.25:
        outline = rng.uniform(0.02, 0.06)
        darker = rng.uniform(0.5, 0.8) if color in _TOUCHY_COLORS else rng.uniform(0.35, 0.75)
        outline_rgb = (round(rgb[0] * darker), round(rgb[1] * darker), round(rgb[2] * darker))
        if color != "white" and rng.random() < 0.25:
            outline_rgb = (25, 25, 25) if rng.random() < 0.6 else (245, 245, 245)
            outline = min(outline, 0.04)
    shadow = rng.uniform(0.03, 0.07) if rng.random() < 0.05 else 0.0
    return Look(rgb, style, shade, rng.random() < 0.5, outline, outline_rgb, shadow)


def _number(rng: random.Random) -> str:
    digits = rng.choices((1, 2, 3), (3, 4, 3))[0]
    return str(rng.randint(0, 9) if digits == 1 else rng.randint(10, 99) if digits == 2 else rng.randint(100, 999))


def _sample_text(
    rng: random.Random, layout: Layout, background: Background, kind: Kind, text: str, level: float, tiny: bool
) -> Thing | None:
    if tiny:
        height = rng.uniform(*_TINY_TEXT) / layout.seen
    else:
        least = max(0.16 - 0.11 * level, _LEAST_TEXT / layout.seen)
        height = least * (0.35 / least) ** rng.random()
    face = rng.choice(FACES)
    color = rng.choice(background.text_visible)
    rgb = sample_visible(rng, color, background.behind, text=True)
    spot: Spot | None = layout.place_text(face, text, height, corner=tiny)
    if spot is None or rgb is None:
        return None
    look = Look(rgb, face=face, hinted=rng.random() < 0.5)
    return Thing(kind, "", color, "", text, spot.row, spot.col, spot.box, look)


def _sample_finish(rng: random.Random, level: float, shorter: int) -> Finish:
    blur = rng.uniform(0.4, 0.9) if rng.random() < 0.15 * level and shorter > 160 else 0.0
    brightness = rng.uniform(0.94, 1.05) if rng.random() < 0.4 else 1.0
    jpeg = rng.randint(40, 90) if rng.random() < 0.15 * level else 0
    return Finish(blur, brightness, jpeg)
