"""Turning facts into English: references, positions, lists, and question templates with variations."""

from __future__ import annotations

import random
import re

from .palette import COLORS
from .scene import Scene, Thing
from .shapes import SHAPES

POSITIONS = (
    ("at the top left", "at the top", "at the top right"),
    ("on the left", "in the center", "on the right"),
    ("at the bottom left", "at the bottom", "at the bottom right"),
)
CELLS = tuple((row, col) for row in range(3) for col in range(3))
_IN_PICTURE = "in (the|this) (picture|picture|image|photo)"
_NAMES = ("ref", "other")  # the slots that name one thing

_INNERMOST = re.compile(r"\(([^()\[\]]*)\)|\[([^()\[\]]*)\]")


def expand(rng: random.Random, template: str) -> str:
    """One sentence of a template: `(a|b)` is a or b, `[a]` is a or nothing; both nest."""
    while (match := _INNERMOST.search(template)) is not None:
        choices = match[1].split("|") if match[1] is not None else ("", match[2])
        template = template[: match.start()] + rng.choice(choices) + template[match.end() :]
    return template


def ask(rng: random.Random, templates: tuple[str, ...], **words: str) -> str:
    """A question from one of the templates, `{name}` filled in, sometimes in sloppy or very polite spelling.

    The words may be templates themselves.
    """
    spoken = {name: word.replace(" object", " (object|object|thing)") for name, word in words.items() if name in _NAMES}
    template = rng.choice(templates).format(in_picture=_IN_PICTURE, **(words | spoken))
    return _respell(rng, expand(rng, template))


def plural(noun: str) -> str:
    """The plural of a shape or of one of the other nouns asked about."""
    if noun == "person":
        return "people"
    return noun + "es" if noun.endswith(("s", "x", "ch", "sh")) else noun + "s"


def with_article(phrase: str) -> str:
    """`a red star`, `an orange star`."""
    return ("an " if phrase[0] in "aeiou" else "a ") + phrase


def position(thing: Thing) -> str:
    """`at the top left`, for the thing's cell."""
    return POSITIONS[thing.row][thing.col]


def join(parts: list[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    return parts[0] if len(parts) == 1 else ", ".join(parts[:-1]) + " and " + parts[-1]


def shapes_of(scene: Scene) -> list[Thing]:
    """The shapes of a scene in reading order."""
    return [thing for thing in scene.things if thing.kind == "shape"]


def texts_of(scene: Scene, kind: str) -> list[Thing]:
    """The numbers or the words of a scene in reading order."""
    return [thing for thing in scene.things if thing.kind == kind]


def free_cells(scene: Scene) -> list[tuple[int, int]]:
    """The cells in which nothing is and that no wide thing reaches into."""
    taken = [(thing.row, thing.col) for thing in scene.things]
    return [cell for cell in CELLS if cell not in taken and not any(_reaches(thing, cell) for thing in scene.things)]


def references(scene: Scene, thing: Thing) -> list[str]:
    """All ways to name a shape that fit nothing else in the scene: `star`, `red star`, `red object`."""
    others = [other for other in scene.things if other is not thing]
    found = []
    if all(other.shape != thing.shape for other in others):
        found.append(thing.shape)
    if all((other.shape, other.color) != (thing.shape, thing.color) for other in others):
        found.append(f"{thing.color} {thing.shape}")
    if all(other.color != thing.color for other in others):
        found.append(f"{thing.color} object")
    return found


def place_reference(thing: Thing) -> str:
    """`object at the top left`, for a question that names the cell."""
    return f"object {position(thing)}"


def absent_shapes(scene: Scene) -> list[str]:
    """The shapes that the scene does not have."""
    return [shape for shape in SHAPES if all(thing.shape != shape for thing in scene.things)]


def absent_colors(scene: Scene) -> list[str]:
    """The colours that nothing in the scene has, texts included."""
    return [color for color in COLORS if all(thing.color != color for thing in scene.things)]


def clear_colors(scene: Scene) -> list[str]:
    """The colours of the shapes that no number or word shares: `red objects` then means shapes only."""
    texts = {thing.color for thing in scene.things if thing.kind != "shape"}
    return [color for color in COLORS if color not in texts and any(t.color == color for t in scene.things)]


def _reaches(thing: Thing, cell: tuple[int, int]) -> bool:
    row, col = cell
    x0, y0, x1, y1 = thing.box
    margin = 0.06  # a large shape may cross the line a little without anybody placing it there
    return (
        x1 > col / 3 + margin and x0 < (col + 1) / 3 - margin and y1 > row / 3 + margin and y0 < (row + 1) / 3 - margin
    )


def _respell(rng: random.Random, question: str) -> str:
    roll = rng.random()
    if roll < 0.84:
        return question
    lower = question if question.startswith("I ") else question[0].lower() + question[1:]
    if roll < 0.89:
        return lower.rstrip("?.!")
    if roll < 0.93:
        return lower
    if roll < 0.95:
        return question.rstrip("?.!")
    if question.endswith("?"):
        return question[:-1] + ", please?"
    return "Please " + lower
