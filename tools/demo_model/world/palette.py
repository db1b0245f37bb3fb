"""The ten colour names as bands in HSV, and how far two colours are apart for the eye (CIE Lab)."""

from __future__ import annotations

import colorsys
import random

Rgb = tuple[int, int, int]

# Each name: (hue from, hue to, saturation from, to, value from, to, weight), hue in degrees. The gaps
# between the bands are the colours that two people would name differently; nothing is drawn in them.
BANDS: dict[str, tuple[tuple[float, float, float, float, float, float, float], ...]] = {
    "red": ((-8, 7, 0.78, 1.0, 0.78, 1.0, 1.0), (-12, -8, 0.84, 0.95, 0.8, 0.95, 0.15)),
    "orange": ((23, 38, 0.84, 1.0, 0.93, 1.0, 1.0),),
    "yellow": ((50, 60, 0.72, 1.0, 0.92, 1.0, 1.0),),
    "green": ((98, 150, 0.6, 1.0, 0.42, 0.9, 1.0), (95, 125, 0.5, 0.75, 0.55, 0.8, 0.3)),
    "blue": ((206, 240, 0.68, 1.0, 0.55, 1.0, 1.0), (200, 215, 0.6, 0.9, 0.75, 0.95, 0.3)),
    "purple": ((270, 290, 0.5, 0.95, 0.45, 0.85, 1.0), (290, 302, 0.6, 1.0, 0.42, 0.62, 0.4)),
    "pink": ((322, 342, 0.38, 0.68, 0.94, 1.0, 1.0), (322, 333, 0.68, 0.92, 0.95, 1.0, 0.3),
             (340, 352, 0.24, 0.4, 0.95, 1.0, 0.4)),
    "brown": ((19, 30, 0.58, 0.9, 0.34, 0.58, 1.0), (5, 17, 0.55, 0.78, 0.36, 0.55, 0.25)),
    "black": ((0, 360, 0.0, 0.3, 0.0, 0.12, 1.0),),
    "white": ((0, 360, 0.0, 0.04, 0.96, 1.0, 1.0),),
    "gray": ((0, 360, 0.0, 0.06, 0.42, 0.68, 1.0),),
}

COLORS = ("red", "orange", "yellow", "green", "blue", "purple", "pink", "brown", "black", "white")
BACKGROUND_NAMES = (*COLORS, "gray")

SHAPE_CONTRAST = 42.0  # least Lab distance from the background; about twice what "clearly different" needs
TEXT_LIGHTNESS_CONTRAST = 28.0  # thin strokes need a difference in lightness too, not only in hue


def hsv(hue: float, saturation: float, value: float) -> Rgb:
    """8-bit RGB of a hue in degrees and a saturation and value in 0..1."""
    r, g, b = colorsys.hsv_to_rgb(hue % 360 / 360, saturation, value)
    return round(r * 255), round(g * 255), round(b * 255)


def sample_color(rng: random.Random, name: str) -> Rgb:
    """A colour that everybody calls `name`."""
    bands = BANDS[name]
    h0, h1, s0, s1, v0, v1, _ = rng.choices(bands, [band[6] for band in bands])[0]
    return hsv(rng.uniform(h0, h1), rng.uniform(s0, s1), rng.uniform(v0, v1))


def mix(a: Rgb, b: Rgb, share: float) -> Rgb:
    """`a` at share 0, `b` at share 1."""
    return (
        round(a[0] + (b[0] - a[0]) * share),
        round(a[1] + (b[1] - a[1]) * share),
        round(a[2] + (b[2] - a[2]) * share),
    )


def lab(rgb: Rgb) -> tuple[float, float, float]:
    """CIE L*a*b* (D65) of an sRGB colour."""
    r, g, b = (_LINEAR[channel] for channel in rgb)
    x = _cube_root((0.4124 * r + 0.3576 * g + 0.1805 * b) / 0.9505)
    y = _cube_root(0.2126 * r + 0.7152 * g + 0.0722 * b)
    z = _cube_root((0.0193 * r + 0.1192 * g + 0.9505 * b) / 1.089)
    return 116 * y - 16, 500 * (x - y), 200 * (y - z)


def stands_out(rgb: Rgb, behind: list[tuple[float, float, float]], text: bool) -> bool:
    """Whether `rgb` is clear to see on every background colour in `behind` (Lab values)."""
    lightness, a, b = lab(rgb)
    for l0, a0, b0 in behind:
        if (lightness - l0) ** 2 + (a - a0) ** 2 + (b - b0) ** 2 < SHAPE_CONTRAST**2:
            return False
        if text and abs(lightness - l0) < TEXT_LIGHTNESS_CONTRAST:
            return False
    return True


def sample_visible(
    rng: random.Random, name: str, behind: list[tuple[float, float, float]], text: bool, tries: int = 6
) -> Rgb | None:
    """A colour of this name that stands out from `behind`, or None if none was found."""
    for _ in range(tries):
        rgb = sample_color(rng, name)
        if stands_out(rgb, behind, text):
            return rgb
    return None


def _linear(channel: int) -> float:
    c = channel / 255
    return c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4


def _cube_root(t: float) -> float:
    return t ** (1 / 3) if t > 0.008856 else 7.787 * t + 16 / 116


_LINEAR = tuple(_linear(channel) for channel in range(256))
