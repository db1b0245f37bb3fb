"""The eight shapes as outlines, in units of their larger extent."""

from __future__ import annotations

import math
from dataclasses import dataclass

SHAPES = ("circle", "square", "triangle", "star", "heart", "diamond", "cross", "ring")

Point = tuple[float, float]
Contour = list[Point]

_CURVE_POINTS = 56  # at 300 px across, a chord misses the arc by less than half a pixel


@dataclass(frozen=True, slots=True)
class ShapeStyle:
    """How one shape differs from its neighbours of the same name.

    `rotation` in degrees; `stretch` = width / height before rotation; `ratio` in 0..1 chooses the
    proportion that a shape leaves open (depth of a star's notches, width of a cross's arms, a ring's hole).
    """

    rotation: float = 0.0
    stretch: float = 1.0
    ratio: float = 0.5


def contours(shape: str, style: ShapeStyle) -> list[Contour]:
    """Closed outlines with y down, centred on their bounding box, whose larger side is 1.

    The second outline of a ring is its hole. Raises KeyError for a name that is not in SHAPES.
    """
    outlines = _OUTLINES[shape](style.ratio)
    cos, sin = math.cos(math.radians(style.rotation)), math.sin(math.radians(style.rotation))
    turned = [
        [(x * style.stretch * cos - y * sin, x * style.stretch * sin + y * cos) for x, y in outline]
        for outline in outlines
    ]
    xs, ys = [x for x, _ in turned[0]], [y for _, y in turned[0]]
    x0, x1, y0, y1 = min(xs), max(xs), min(ys), max(ys)
    scale, cx, cy = 1 / max(x1 - x0, y1 - y0), (x0 + x1) / 2, (y0 + y1) / 2
    return [[((x - cx) * scale, (y - cy) * scale) for x, y in outline] for outline in turned]


def extent(outlines: list[Contour]) -> tuple[float, float]:
    """Width and height of outlines made by `contours`; the larger one is 1."""
    return 2 * max(x for x, _ in outlines[0]), 2 * max(y for _, y in outlines[0])


def _circle(radius: float = 1.0) -> Contour:
    return [
        (radius * math.cos(2 * math.pi * i / _CURVE_POINTS), radius * math.sin(2 * math.pi * i / _CURVE_POINTS))
        for i in range(_CURVE_POINTS)
    ]


def _star(ratio: float) -> Contour:
    inner = 0.36 + 0.13 * ratio  # 0.382 is the pentagram
    return [
        (r * math.sin(math.pi * i / 5), -r * math.cos(math.pi * i / 5))
        for i in range(10)
        for r in ((1.0, inner)[i % 2],)
    ]


def _triangle(ratio: float) -> Contour:
    height = 1.55 + 0.45 * ratio  # 1.73 is equilateral
    return [(0.0, -height / 2), (1.0, height / 2), (-1.0, height / 2)]


def _diamond(ratio: float) -> Contour:
    half_width = 0.68 + 0.32 * ratio
    return [(0.0, -1.0), (half_width, 0.0), (0.0, 1.0), (-half_width, 0.0)]


def _cross(ratio: float) -> Contour:
    a = 0.24 + 0.16 * ratio
    return [(-a, -1), (a, -1), (a, -a), (1, -a), (1, a), (a, a), (a, 1), (-a, 1), (-a, a), (-1, a), (-1, -a), (-a, -a)]


def _heart(ratio: float) -> Contour:
    if ratio < 0.5:  # the sine curve heart; otherwise two Bezier halves with a rounder top
        steps = [2 * math.pi * i / _CURVE_POINTS for i in range(_CURVE_POINTS)]
        return [
            (
                math.sin(t) ** 3,
                -(13 * math.cos(t) - 5 * math.cos(2 * t) - 2 * math.cos(3 * t) - math.cos(4 * t)) / 16,
            )
            for t in steps
        ]
    top = -0.45 - 0.3 * ratio
    right = _bezier((0, -0.45), (0.1, top - 0.45), (1.0, top - 0.4), (1.0, -0.3))
    right += _bezier((1.0, -0.3), (1.0, 0.2), (0.4, 0.6), (0, 1.0))
    return right + [(-x, y) for x, y in reversed(right)]


def _bezier(a: Point, b: Point, c: Point, d: Point) -> Contour:
    curve = []
    for i in range(15):
        t = i / 14
        wa, wb, wc, wd = (1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t * t * (1 - t), t**3
        curve.append((wa * a[0] + wb * b[0] + wc * c[0] + wd * d[0], wa * a[1] + wb * b[1] + wc * c[1] + wd * d[1]))
    return curve


_OUTLINES = {
    "circle": lambda ratio: [_circle()],
    "square": lambda ratio: [[(-1.0, -1.0), (1.0, -1.0), (1.0, 1.0), (-1.0, 1.0)]],
    "triangle": lambda ratio: [_triangle(ratio)],
    "star": lambda ratio: [_star(ratio)],
    "heart": lambda ratio: [_heart(ratio)],
    "diamond": lambda ratio: [_diamond(ratio)],
    "cross": lambda ratio: [_cross(ratio)],
    "ring": lambda ratio: [_circle(), _circle(0.45 + 0.25 * ratio)],
}
