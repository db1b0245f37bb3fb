"""Checks of the world: `python -m unittest world.test_world`, run in the folder above."""

from __future__ import annotations

import hashlib
import json
import random
import re
import unittest
from dataclasses import replace

from PIL import ImageChops

from .ask_whole import describe
from .conversation import Turn
from .draw import render
from .pairs import pair_conversations
from .palette import COLORS
from .phrases import POSITIONS, plural
from .questions import conversations
from .scene import Finish, Scene, sample_scene
from .shapes import SHAPES
from .talk import talk

_SCENES = [sample_scene(seed) for seed in range(300)]


def _turns(scenes: list[Scene]) -> list[tuple[Scene, Turn]]:
    return [
        (scene, turn)
        for scene in scenes
        for conversation in conversations(random.Random(scene.seed), scene, 6)
        for turn in conversation.turns
    ]


class SceneTest(unittest.TestCase):
    """What `sample_scene` promises."""

    def test_same_seed_gives_same_picture_and_questions(self) -> None:
        for seed in range(20):
            a, b = sample_scene(seed), sample_scene(seed)
            self.assertEqual(a, b)
            self.assertEqual(_digest(a), _digest(b))
            self.assertEqual(conversations(random.Random(1), a, 5), conversations(random.Random(1), b, 5))

    def test_one_thing_per_cell_centred_in_the_middle_of_it(self) -> None:
        for scene in _SCENES:
            self.assertEqual(len({(thing.row, thing.col) for thing in scene.things}), len(scene.things))
            for thing in scene.things:
                x0, y0, x1, y1 = thing.box
                self.assertGreater(min(thing.box), 0)
                self.assertLess(max(thing.box), 1)
                for center, cell in (((x0 + x1) / 2 * 3, thing.col), ((y0 + y1) / 2 * 3, thing.row)):
                    self.assertAlmostEqual(center, cell + 0.5, delta=0.3001)

    def test_sizes_are_in_their_bands(self) -> None:
        for scene in _SCENES:
            for thing in scene.things:
                x0, y0, x1, y1 = thing.box
                extent = max((x1 - x0) * scene.width, (y1 - y0) * scene.height) / min(scene.width, scene.height)
                if thing.kind == "shape":
                    low, high = (0.12, 0.17) if thing.size == "small" else (0.24, 0.32)
                    self.assertTrue(low - 1e-9 <= extent <= high + 1e-9, extent)

    def test_a_thing_is_drawn_in_its_box_and_fills_it(self) -> None:
        for scene in _SCENES[:150]:
            bare = replace(scene, finish=Finish())
            empty = render(replace(bare, things=()))
            for thing in scene.things:
                look = replace(thing.look, shadow=0.0)
                drawn = render(replace(bare, things=(replace(thing, look=look),)))
                box = ImageChops.difference(drawn, empty).getbbox()
                self.assertIsNotNone(box)
                wanted = [edge * (scene.width, scene.height)[i % 2] for i, edge in enumerate(thing.box)]
                tolerance = 2.5 if thing.kind == "shape" else 2.5 + 0.03 * (wanted[2] - wanted[0])
                for have, want in zip(box, wanted, strict=True):
                    self.assertAlmostEqual(have, want, delta=tolerance, msg=f"seed {scene.seed}: {thing}")


class AnswerTest(unittest.TestCase):
    """The answers, held against the scene by other means than those that made them."""

    def test_counts(self) -> None:
        seen = 0
        for scene, turn in _turns(_SCENES):
            if turn.kind != "count":
                continue
            count, noun = re.fullmatch(r"There (?:is|are) (no|\d+) (.*)\.", turn.answer).groups()
            names = [f"{thing.color} {thing.shape}" for thing in scene.things if thing.shape]
            have = [name for name in names if any(noun in (word, plural(word)) for word in _nouns(name))]
            self.assertEqual(len(have), 0 if count == "no" else int(count), (turn, scene.seed))
            seen += 1
        self.assertGreater(seen, 50)

    def test_the_descriptions_name_everything_in_reading_order(self) -> None:
        for scene in _SCENES:
            text = describe(scene)
            at = -1
            for thing in (thing for thing in scene.things if thing.kind == "shape"):
                name = f"{thing.size} {thing.color} {thing.shape} {POSITIONS[thing.row][thing.col]}"
                found = text.find(name, at + 1)
                self.assertGreater(found, at)
                at = found
            for thing in scene.things:
                self.assertIn(thing.text, text)

    def test_a_reference_fits_exactly_one_thing(self) -> None:
        named = rf"\bthe (?:({'|'.join(COLORS)}) )?({'|'.join(SHAPES)}|object|thing)\b(?! (?:at|on|in) the)"
        seen = 0
        for scene, turn in _turns(_SCENES):
            if turn.kind not in ("shape", "color", "size", "position", "relation", "yesno"):
                continue
            if turn.answer.startswith("There is no "):
                continue
            for color, shape in re.findall(named, turn.question):
                fitting = [t for t in scene.things if color in ("", t.color) and shape in (t.shape, "object", "thing")]
                self.assertEqual(len(fitting), 1, (turn, scene.seed))
                seen += 1
        self.assertGreater(seen, 300)

    def test_json_parses_and_lists_the_shapes(self) -> None:
        for scene, turn in _turns(_SCENES):
            if turn.kind == "json":
                listed = [(item["shape"], item["color"], item["size"]) for item in json.loads(turn.answer)]
                self.assertEqual(listed, [(t.shape, t.color, t.size) for t in scene.things if t.kind == "shape"])

    def test_yes_and_no_are_balanced(self) -> None:
        scenes = [sample_scene(seed) for seed in range(1000, 2500)]
        yes = [turn.answer.startswith("Yes") for _, turn in _turns(scenes) if turn.kind == "yesno"]
        self.assertAlmostEqual(sum(yes) / len(yes), 0.5, delta=0.05)

    def test_no_template_mark_is_left_over(self) -> None:
        rng = random.Random(3)
        made = [talk(rng) for _ in range(2000)]
        for first, second in zip(_SCENES[::2], _SCENES[1::2], strict=True):
            made += pair_conversations(rng, first, second, 3)
        texts = [turn.question for conversation in made for turn in conversation.turns]
        texts += [turn.question for _, turn in _turns(_SCENES)]
        for text in texts:
            self.assertNotRegex(text, r"[\[\](){}|<>]|  ")

    def test_pictures_come_before_the_questions_about_them(self) -> None:
        for first, second in zip(_SCENES[::2], _SCENES[1::2], strict=True):
            for conversation in pair_conversations(random.Random(0), first, second, 4):
                self.assertEqual(sum(turn.images for turn in conversation.turns), 2)
                self.assertGreater(conversation.turns[0].images, 0)


def _digest(scene: Scene) -> str:
    return hashlib.sha256(render(scene).tobytes()).hexdigest()


def _nouns(name: str) -> list[str]:
    color, shape = name.split()
    return [shape, f"{color} {shape}", f"{color} object", "object", "shape"]


if __name__ == "__main__":
    unittest.main()
