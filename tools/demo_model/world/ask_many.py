"""Questions about several things: counts, what is beside what, and yes or no."""

from __future__ import annotations

import random
from collections.abc import Callable

from .ask_things import absent_pair
from .conversation import Asked
from .palette import COLORS
from .phrases import (
    absent_colors, absent_shapes, ask, clear_colors, join, place_reference, plural, position, references, shapes_of,
    texts_of, with_article,
)
from .scene import Scene, Thing
from .shapes import SHAPES

_COUNT = (
    "How many {things} are there[ {in_picture}]?", "How many {things} do you see[ {in_picture}]?",
    "Count the {things}[ {in_picture}].", "How many {things} can you see?", "How many {things} are {in_picture}?",
    "How many {things} does the (picture|image|photo) show?", "What is the number of {things}?",
)
_RELATION = (
    "What is {relation} the {ref}[ {in_picture}]?", "What do you see {relation} the {ref}?",
    "What can you see {relation} the {ref}?", "What is there {relation} the {ref}?",
    "Which objects are {relation} the {ref}?",
)
_IS_THERE = (
    "Is there {thing}[ {in_picture}]?", "Do you see {thing}[ {in_picture}]?", "Can you see {thing}?",
    "Does the (picture|image|photo) show {thing}?",
)
_ARE_THERE = (
    "Can you see any {things}[ {in_picture}]?", "Are there any {things}[ {in_picture}]?", "Do you see any {things}?",
)
_ANYTHING = ("Is there anything {color}[ {in_picture}]?", "Do you see anything {color}?", "Is anything {color}?")
_IS = ("Is the {ref} {attribute}[ {in_picture}]?", "Is the {ref} {attribute}?")
_MORE = (
    "Are there more {a} than {b}[ {in_picture}]?", "Do you see more {a} than {b}?", "Can you see more {a} than {b}?",
)

# A phrase, and whether a thing in that relation to an anchor fits.
_RELATIONS: tuple[tuple[str, Callable[[Thing, Thing], bool]], ...] = (
    ("(left of|to the left of)", lambda thing, anchor: thing.col < anchor.col),
    ("(right of|to the right of)", lambda thing, anchor: thing.col > anchor.col),
    ("above", lambda thing, anchor: thing.row < anchor.row),
    ("(below|below|under)", lambda thing, anchor: thing.row > anchor.row),
)

_NOT_IN_THIS_WORLD = (
    "dog", "cat", "car", "house", "tree", "person", "flower", "bird", "boat", "table", "face", "sun", "moon", "bus",
    "ball", "banana", "fish", "hexagon", "cube", "arrow",
)


def ask_count(rng: random.Random, scene: Scene) -> Asked | None:
    """How many of a shape, of a colour, of both, or of all. Counts above one are preferred where there are any."""
    shapes = shapes_of(scene)
    roll = rng.random()
    if not shapes and rng.random() < 0.7:
        return None  # nothing to count: rarely asked, or "no shapes" would be the most common answer
    if roll < 0.2:
        noun = rng.choice(("object", "shape")) if len(shapes) == len(scene.things) else "shape"
        return _count(rng, noun, shapes)
    if roll < 0.3 or (roll < 0.34 and not shapes):
        return _count(rng, *_sample_uncounted(rng, scene))
    groups: dict[str, list[Thing]] = {}
    for thing in shapes:
        groups.setdefault(thing.shape, []).append(thing)
        if roll < 0.45:
            groups.setdefault(f"{thing.color} {thing.shape}", []).append(thing)
    for color in clear_colors(scene):
        groups[f"{color} object"] = [thing for thing in shapes if thing.color == color]
    if not groups:
        return None
    counts = sorted({len(group) for group in groups.values()})
    wanted = rng.choices(counts, [1 if count == 1 else 2 for count in counts])[0]
    noun = rng.choice([noun for noun, group in groups.items() if len(group) == wanted])
    return _count(rng, noun, groups[noun])


def _sample_uncounted(rng: random.Random, scene: Scene) -> tuple[str, list[Thing]]:
    roll, missing = rng.random(), absent_shapes(scene)
    if roll < 0.12:
        return rng.choice(_NOT_IN_THIS_WORLD), []
    if roll < 0.65 and missing:
        return rng.choice(missing), []
    if roll < 0.8:
        return absent_pair(rng, scene), []
    return f"{rng.choice(absent_colors(scene))} object", []


def _count(rng: random.Random, noun: str, group: list[Thing]) -> Asked:
    topic = group[0] if len(group) == 1 else None
    return Asked(ask(rng, _COUNT, things=plural(noun)), count_answer(noun, len(group)), topic)


def count_answer(noun: str, count: int) -> str:
    """`There are 3 stars.`, `There is 1 star.`, `There are no stars.`"""
    if count == 1:
        return f"There is 1 {noun}."
    return f"There are {count or 'no'} {plural(noun)}."


def ask_relation(rng: random.Random, scene: Scene) -> Asked | None:
    """What is beside, above or below a uniquely named shape, when at most two shapes are."""
    candidates = []
    for anchor in shapes_of(scene):
        refs = references(scene, anchor) if rng.random() < 0.85 else [place_reference(anchor)]
        for phrase, fits in _RELATIONS:
            found = [thing for thing in scene.things if fits(thing, anchor)]
            names = [with_article(f"{thing.color} {thing.shape}") for thing in found]
            # Two things of the same name would make an odd answer, and no form says how texts are named here.
            if refs and len(set(names)) == len(names) <= 2 and all(thing.kind == "shape" for thing in found):
                candidates.append((refs, phrase, found, names))
    # "Nothing" fits most scenes, so it would drown the rest if it were not held back.
    if rng.random() < 0.75:
        candidates = [candidate for candidate in candidates if candidate[2]]
    if not candidates:
        return None
    refs, phrase, found, names = rng.choice(candidates)
    answer = f"There is {join(names)}." if names else "There is nothing."
    topic = found[0] if len(found) == 1 else None
    return Asked(ask(rng, _RELATION, relation=phrase, ref=rng.choice(refs)), answer, topic)


def ask_yes_no(rng: random.Random, scene: Scene) -> Asked | None:
    """A question whose answer is yes as often as no, whatever the scene."""
    wanted = rng.random() < 0.5
    kinds = (_ask_exists, _ask_related, _ask_attribute, _ask_more)
    return rng.choices(kinds, (5, 4, 4, 2))[0](rng, scene, wanted)


def _ask_exists(rng: random.Random, scene: Scene, wanted: bool) -> Asked | None:
    shapes, roll = shapes_of(scene), rng.random()
    answer = "Yes, there is." if wanted else "No, there is not."
    # Where yes can seldom be the answer, no must be seldom too: the question alone shall not tell.
    if roll < (0.2 if len(shapes) < len(scene.things) else 0.04):
        kind = rng.choice([kind for kind in ("number", "word") if bool(texts_of(scene, kind)) == wanted] or [""])
        return Asked(ask(rng, _IS_THERE, thing=f"a {kind}"), answer) if kind else None
    if roll < 0.3:
        colors = clear_colors(scene) if wanted else absent_colors(scene)
        return Asked(ask(rng, _ANYTHING, color=rng.choice(colors)), answer) if colors and shapes else None
    if not shapes and (wanted or rng.random() < 0.9):
        return None
    if wanted:
        thing = rng.choice(shapes)
        same = [other for other in shapes if other.shape == thing.shape]
        if roll < 0.5:
            return Asked(ask(rng, _ARE_THERE, things=plural(thing.shape)), answer, thing if len(same) == 1 else None)
        name = thing.shape if roll < 0.65 else f"{thing.color} {thing.shape}"
        return Asked(ask(rng, _IS_THERE, thing=with_article(name)), answer, thing if len(same) == 1 else None)
    missing = absent_shapes(scene)
    if roll < 0.35:
        return Asked(ask(rng, _IS_THERE, thing=with_article(rng.choice(_NOT_IN_THIS_WORLD))), answer)
    if roll < 0.65 and missing:
        shape = rng.choice(missing)
        if roll < 0.5:
            return Asked(ask(rng, _ARE_THERE, things=plural(shape)), answer)
        return Asked(ask(rng, _IS_THERE, thing=with_article(shape)), answer)
    return Asked(ask(rng, _IS_THERE, thing=with_article(absent_pair(rng, scene))), answer)


def _ask_related(rng: random.Random, scene: Scene, wanted: bool) -> Asked | None:
    named = [(thing, refs) for thing in shapes_of(scene) if (refs := references(scene, thing))]
    if len(named) < 2:
        return None
    (thing, thing_refs), (anchor, anchor_refs) = rng.sample(named, 2)
    phrases = [phrase for phrase, fits in _RELATIONS if fits(thing, anchor) == wanted]
    if not phrases:
        return None
    question = ask(
        rng, ("Is the {ref} {relation} the {other}[ {in_picture}]?",),
        ref=rng.choice(thing_refs), relation=rng.choice(phrases), other=rng.choice(anchor_refs),
    )
    return Asked(question, "Yes, it is." if wanted else "No, it is not.", thing)


def _ask_attribute(rng: random.Random, scene: Scene, wanted: bool) -> Asked | None:
    named = [(thing, refs) for thing in shapes_of(scene) if (refs := references(scene, thing))]
    if not named:
        return None
    thing, refs = rng.choice(named)
    colorless, formless = [r for r in refs if r == thing.shape], [r for r in refs if r.endswith("object")]
    roll = rng.random()
    if roll < 0.6 and colorless:
        ref = thing.shape if roll < 0.5 else place_reference(thing)
        true, others = thing.color, [c for c in COLORS if c != thing.color]
    elif roll < 0.75 and formless:
        ref, true = formless[0], with_article(thing.shape)
        others = [with_article(s) for s in SHAPES if s != thing.shape]
    elif roll < 0.85:
        ref, true = rng.choice(refs), position(thing)
        others = [p for p in _nearby_positions(scene, thing) if p != true]
    else:
        ref, true, others = rng.choice(refs), thing.size, ["large" if thing.size == "small" else "small"]
    if not wanted and not others:
        return None
    question = ask(rng, _IS, ref=ref, attribute=true if wanted else rng.choice(others))
    return Asked(question, "Yes, it is." if wanted else f"No, it is {true}.", thing)


def _nearby_positions(scene: Scene, thing: Thing) -> list[str]:
    """Where the other things are: an answer from the language alone must not do."""
    return [position(other) for other in scene.things if other is not thing]


def _ask_more(rng: random.Random, scene: Scene, wanted: bool) -> Asked | None:
    shapes = shapes_of(scene)
    if not shapes:
        return None
    if rng.random() < 0.7:
        pool = list(dict.fromkeys(thing.shape for thing in shapes))
        pool += [s for s in SHAPES if s not in pool][: 1 if len(pool) > 1 else 2]
        counts = {plural(name): sum(thing.shape == name for thing in shapes) for name in pool}
    else:
        pool = clear_colors(scene)
        counts = {f"{name} objects": sum(thing.color == name for thing in shapes) for name in pool}
    pairs = [(a, b) for a in counts for b in counts if a != b and (counts[a] > counts[b]) == wanted]
    if not pairs:
        return None
    a, b = rng.choice(pairs)
    return Asked(ask(rng, _MORE, a=a, b=b), "Yes, there are." if wanted else "No, there are not.")
