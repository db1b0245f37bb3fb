"""Where things go: a 3x3 grid, at most one thing per cell, nothing overlapping or cut off."""

from __future__ import annotations

import random
from dataclasses import dataclass

from .fonts import ink_box
from .shapes import ShapeStyle, contours, extent

Box = tuple[float, float, float, float]

_MIDDLE = (0.2, 0.8)  # a centre lies in this part of its cell
_TRIES = 12
_GAP = 0.012  # least distance between two things and to the edge, as a share of the shorter side
_WIDEST = 0.94  # the widest text, as a share of the picture's width


@dataclass(frozen=True, slots=True)
class Spot:
    """A cell and the box in it, as shares of the picture's width and height."""

    row: int
    col: int
    box: Box


class Layout:
    """The cells of one picture (`width` x `height` pixels) that are still free, and the boxes that are taken."""

    def __init__(self, rng: random.Random, width: int, height: int) -> None:
        self.shorter = min(width, height)
        # The model looks at a canvas of four tiles of 128 pixels: that is what is left of a large picture's side.
        self.seen = min(self.shorter, max(128, 256 * self.shorter / max(width, height)))
        self._rng = rng
        self._size = (width, height)
        self._free = [(row, col) for row in range(3) for col in range(3)]
        self._taken: list[Box] = []

    def place_shape(self, shape: str, style: ShapeStyle, share: float) -> Spot | None:
        """A place for a shape whose larger extent is `share` of the shorter side, or None if nothing is free."""
        if not self._free:
            return None
        w, h = extent(contours(shape, style))
        row, col = self._rng.choice(self._free)
        return self._settle(row, col, w * share * self.shorter, h * share * self.shorter)

    def place_text(self, face: str, text: str, share: float, corner: bool) -> Spot | None:
        """A place for a text whose ink is `share` of the shorter side high; too wide a text is shrunk.

        A text wider than its cell gets a row of its own.
        """
        width, height = self._size
        x0, y0, x1, y1 = ink_box(face, text)
        ratio = (x1 - x0) / (y1 - y0)
        h = min(share * self.shorter, _WIDEST * width / ratio, 0.9 * height)
        w = h * ratio
        cells = [cell for cell in self._free if not corner or (cell[0] != 1 and cell[1] != 1)]
        if w > 0.9 * width / 3:
            rows = [row for row in range(3) if sum(cell[0] == row for cell in self._free) == 3]
            cells = [(row, col) for row, col in cells if row in rows and self._span(0, col, w)]
        if not cells:
            return None
        row, col = self._rng.choice(cells)
        spot = self._settle(row, col, w, h)
        if spot is not None and w > 0.9 * width / 3:
            self._free = [cell for cell in self._free if cell[0] != row]
        return spot

    def _settle(self, row: int, col: int, w: float, h: float) -> Spot | None:
        """Tries centres ever closer to the middle of what the cell allows; takes the cell on success."""
        width, height = self._size
        xs, ys = self._span(0, col, w), self._span(1, row, h)
        if xs is None or ys is None:
            return None
        for attempt in range(_TRIES):
            spread = 1 - attempt / (_TRIES - 1)
            x, y = self._draw(xs, spread), self._draw(ys, spread)
            box = ((x - w / 2) / width, (y - h / 2) / height, (x + w / 2) / width, (y + h / 2) / height)
            if self._clear(box):
                self._free.remove((row, col))
                self._taken.append(box)
                return Spot(row, col, box)
        return None

    def _span(self, axis: int, index: int, extent: float) -> tuple[float, float] | None:
        """The centres in pixels that keep a thing of this extent in its cell's middle and in the picture."""
        cell, edge = self._size[axis] / 3, extent / 2 + _GAP * self.shorter
        low = max((index + _MIDDLE[0]) * cell, edge)
        high = min((index + _MIDDLE[1]) * cell, self._size[axis] - edge)
        return (low, high) if low <= high else None

    def _draw(self, span: tuple[float, float], spread: float) -> float:
        middle, half = (span[0] + span[1]) / 2, (span[1] - span[0]) / 2 * spread
        return middle + self._rng.uniform(-half, half)

    def _clear(self, box: Box) -> bool:
        gap_x, gap_y = _GAP * self.shorter / self._size[0], _GAP * self.shorter / self._size[1]
        x0, y0, x1, y1 = box[0] - gap_x, box[1] - gap_y, box[2] + gap_x, box[3] + gap_y
        return all(x0 > other[2] or x1 < other[0] or y0 > other[3] or y1 < other[1] for other in self._taken)
