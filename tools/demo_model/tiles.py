"""Cuts a picture into tiles as the published Mllama image processor does (mllama: canvas choice, resize, pad)."""

import numpy as np
from PIL import Image

from shape import ARRANGEMENTS, MAX_TILES, TILE


def choose_canvas(width: int, height: int, arrangements=ARRANGEMENTS) -> tuple[int, int]:
    """The arrangement (rows, columns) of tiles: the least enlargement, else the least reduction, then the least area."""
    scales = [min(rows * TILE / height, columns * TILE / width) for rows, columns in arrangements]
    enlarging = [s for s in scales if s >= 1]
    best = min(enlarging) if enlarging else max(scales)
    return min((a for a, s in zip(arrangements, scales) if s == best), key=lambda a: a[0] * a[1])


def fitted_size(width: int, height: int, rows: int, columns: int) -> tuple[int, int]:
    """The (width, height) the picture is resized to inside its canvas."""
    target_width = min(max(width, TILE), columns * TILE)
    target_height = min(max(height, TILE), rows * TILE)
    scale_width, scale_height = target_width / width, target_height / height
    if scale_width < scale_height:
        return target_width, min(int(height * scale_width) or 1, target_height)
    return min(int(width * scale_height) or 1, target_width), target_height


def cut(picture: Image.Image, arrangements=ARRANGEMENTS) -> tuple[np.ndarray, int, tuple[float, float]]:
    """RGB picture -> (u8 [MAX_TILES, 3, TILE, TILE], aspect ratio id, the picture's (width, height) on the canvas in tiles).

    Tiles beyond the arrangement are zero and must stay zero after normalisation; padding inside a tile is black.
    """
    rows, columns = choose_canvas(*picture.size, arrangements)
    width, height = fitted_size(*picture.size, rows, columns)
    canvas = np.zeros((rows * TILE, columns * TILE, 3), np.uint8)
    canvas[:height, :width] = np.asarray(picture.resize((width, height), Image.Resampling.BILINEAR))
    cut_up = canvas.reshape(rows, TILE, columns, TILE, 3).transpose(0, 2, 4, 1, 3).reshape(rows * columns, 3, TILE, TILE)
    tiles = np.zeros((MAX_TILES, 3, TILE, TILE), np.uint8)
    tiles[: rows * columns] = cut_up
    return tiles, ARRANGEMENTS.index((rows, columns)) + 1, (width / TILE, height / TILE)
