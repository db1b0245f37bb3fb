"""What is behind the things: plain, gradient, grain or blotches, and which colours are visible on it."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass
from typing import Literal

from PIL import Image, ImageChops

from .palette import BACKGROUND_NAMES, COLORS, Rgb, hsv, lab, mix, sample_color, sample_visible

_LEAST_VISIBLE = 5  # a background on which fewer colours can be seen is not used


@dataclass(frozen=True, slots=True)
class Background:
    """`name` is set only for a plain background that has one of the known colour names.

    `behind` holds the Lab values of the colours that occur; `visible` and `text_visible` the names of
    the colours that stand out from all of them.
    """

    kind: Literal["plain", "gradient", "grain", "blotches"]
    name: str | None
    rgb: Rgb
    other: Rgb
    angle: float  # of a gradient, in degrees
    grain: int  # largest deviation of the noise, in 8-bit steps
    cells: int  # blotches across
    noise_seed: int
    behind: list[tuple[float, float, float]]
    visible: tuple[str, ...]
    text_visible: tuple[str, ...]


def sample_background(rng: random.Random, level: float) -> Background:
    """A background on which at least five of the ten colours are clearly visible, for texts too."""
    while True:
        background = _sample_any(rng, level)
        if len(background.text_visible) >= _LEAST_VISIBLE:
            return background


def draw_background(background: Background, width: int, height: int) -> Image.Image:
    """The picture before anything is drawn on it."""
    noise = random.Random(background.noise_seed)
    if background.kind == "gradient":
        image = _draw_gradient(background, width, height)
    elif background.kind == "blotches":
        image = _draw_blotches(background, noise, width, height)
    else:
        image = Image.new("RGB", (width, height), background.rgb)
    if background.grain:
        image = _add_grain(image, noise, background.grain)
    return image


def _sample_any(rng: random.Random, level: float) -> Background:
    roll = rng.random()
    plain = 1 - 0.42 * level
    name, other, grain, cells = None, None, 0, 0
    if roll < plain:
        kind = "plain"
        name, rgb = _sample_plain(rng)
    elif roll < plain + 0.17 * level:
        kind = "gradient"
        rgb, other = _sample_pair(rng, 0.15, 0.6)
    elif roll < plain + 0.30 * level:
        kind = "grain"
        rgb, grain = _sample_free(rng), rng.randint(4, 22)
    else:
        kind = "blotches"
        rgb, other = _sample_pair(rng, 0.1, 0.3)
        cells = rng.randint(3, 9)
        grain = rng.randint(3, 12) if rng.random() < 0.4 else 0
    other = other or rgb
    behind = [lab(mix(rgb, other, share)) for share in ((0.0,) if other == rgb else (0.0, 0.33, 0.67, 1.0))]
    text_visible = _visible(rng, behind, text=True)
    return Background(
        kind, name, rgb, other, rng.uniform(0, 360), grain, cells, rng.getrandbits(32), behind,
        _visible(rng, behind, text=False), text_visible,
    )


def _sample_plain(rng: random.Random) -> tuple[str | None, Rgb]:
    roll = rng.random()
    if roll < 0.28:
        return "white", sample_color(rng, "white")
    if roll < 0.38:
        return "black", sample_color(rng, "black")
    if roll < 0.48:
        return "gray", sample_color(rng, "gray")
    if roll < 0.68:
        name = rng.choice(BACKGROUND_NAMES)
        return name, sample_color(rng, name)
    return None, _sample_free(rng)


def _sample_free(rng: random.Random) -> Rgb:
    """Any colour; pale and dark ones more often, as in real pictures."""
    roll, hue = rng.random(), rng.uniform(0, 360)
    if roll < 0.45:
        return hsv(hue, rng.uniform(0.02, 0.25), rng.uniform(0.85, 1.0))
    if roll < 0.65:
        return hsv(hue, rng.uniform(0.1, 0.8), rng.uniform(0.08, 0.35))
    return hsv(hue, rng.uniform(0.05, 0.7), rng.uniform(0.3, 0.95))


def _sample_pair(rng: random.Random, least: float, most: float) -> tuple[Rgb, Rgb]:
    rgb = _sample_free(rng)
    target = _sample_free(rng) if rng.random() < 0.5 else rng.choice(((255, 255, 255), (0, 0, 0)))
    return rgb, mix(rgb, target, rng.uniform(least, most))


def _visible(rng: random.Random, behind: list[tuple[float, float, float]], text: bool) -> tuple[str, ...]:
    return tuple(name for name in COLORS if sample_visible(rng, name, behind, text, tries=2) is not None)


def _draw_gradient(background: Background, width: int, height: int) -> Image.Image:
    # A plane needs only its corners; the smooth resize from 16x16 is exact in between.
    n = 16
    dx, dy = math.cos(math.radians(background.angle)), math.sin(math.radians(background.angle))
    reach = abs(dx) + abs(dy)
    ramp = bytes(
        round(255 * min(1, max(0, 0.5 + ((2 * i / (n - 1) - 1) * dx + (2 * j / (n - 1) - 1) * dy) / (2 * reach))))
        for j in range(n)
        for i in range(n)
    )
    mask = Image.frombytes("L", (n, n), ramp)
    return _blend(background, mask, width, height, Image.Resampling.BILINEAR)


def _draw_blotches(background: Background, noise: random.Random, width: int, height: int) -> Image.Image:
    across = background.cells
    down = max(2, round(across * height / width))
    mask = Image.frombytes("L", (across, down), noise.randbytes(across * down))
    return _blend(background, mask, width, height, Image.Resampling.BICUBIC)


def _blend(
    background: Background, mask: Image.Image, width: int, height: int, resampling: Image.Resampling
) -> Image.Image:
    small_a = Image.new("RGB", mask.size, background.rgb)
    small_b = Image.new("RGB", mask.size, background.other)
    return Image.composite(small_b, small_a, mask).resize((width, height), resampling)


def _add_grain(image: Image.Image, noise: random.Random, grain: int) -> Image.Image:
    table = [v * (2 * grain + 1) // 256 for v in range(256)]
    layer = Image.frombytes("L", image.size, noise.randbytes(image.width * image.height)).point(table)
    # add() computes (a + b) / scale + offset in 8 bits with clipping: the noise is centred on zero.
    return ImageChops.add(image, Image.merge("RGB", (layer, layer, layer)), 1, -grain)
