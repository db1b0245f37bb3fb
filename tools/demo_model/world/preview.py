"""Prints a contact sheet for people: `python -m world.preview OUT.png --seed N`."""

from __future__ import annotations

import argparse
import random
import textwrap

from PIL import Image, ImageDraw

from .draw import render
from .fonts import load_font
from .questions import conversations
from .scene import sample_scene

_COLUMNS, _ROWS = 4, 3
_CELL = (430, 440)
_PICTURE = (410, 270)
_QUESTIONS = 4


def make_sheet(seed: int, level: float) -> Image.Image:
    """Twelve scenes with a few of their questions and answers."""
    sheet = Image.new("RGB", (_COLUMNS * _CELL[0], _ROWS * _CELL[1]), (120, 120, 120))
    pen = ImageDraw.Draw(sheet)
    font = load_font("truetype/dejavu/DejaVuSans.ttf", 12)
    for index in range(_COLUMNS * _ROWS):
        scene = sample_scene(seed + index, level)
        picture = render(scene)
        picture.thumbnail(_PICTURE)
        x, y = index % _COLUMNS * _CELL[0] + 10, index // _COLUMNS * _CELL[1] + 10
        sheet.paste(picture, (x, y))
        lines = [f"{scene.width} x {scene.height}, {scene.background.kind}"]
        for conversation in conversations(random.Random(seed + index), scene, _QUESTIONS):
            for turn in conversation.turns:
                lines += textwrap.wrap(f"{turn.question}  {turn.answer}", 64)
        pen.multiline_text((x, y + _PICTURE[1] + 4), "\n".join(lines[:10]), fill="white", font=font, spacing=2)
    return sheet


def main() -> None:
    """Reads the command line and writes the sheet."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", help="file to write, .png")
    parser.add_argument("--seed", type=int, default=0, help="seed of the first scene")
    parser.add_argument("--level", type=float, default=1.0, help="0 (easy) to 1 (everything)")
    args = parser.parse_args()
    make_sheet(args.seed, args.level).save(args.out)


if __name__ == "__main__":
    main()
