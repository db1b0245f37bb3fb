"""Draws a scene. Only the boxes of the things are drawn at a multiple of the picture's resolution."""

from __future__ import annotations

import io
import math

from PIL import Image, ImageDraw, ImageFilter

from .backgrounds import draw_background
from .fonts import ink_box, load_font
from .palette import Rgb
from .scene import Look, Scene, Thing
from .shapes import Contour, contours

_TEXT_OVERSAMPLING = 3


def render(scene: Scene) -> Image.Image:
    """The picture of a scene in RGB. The same scene always gives the same pixels."""
    image = draw_background(scene.background, scene.width, scene.height)
    for thing in scene.things:
        if thing.kind == "shape":
            _draw_shape(image, thing)
        else:
            _draw_text(image, thing)
    return _finish(image, scene)


def _draw_shape(image: Image.Image, thing: Thing) -> None:
    x0, y0, x1, y1 = _pixels(image, thing)
    size = max(x1 - x0, y1 - y0)
    factor = 4 if size < 80 else 3 if size < 200 else 2
    margin = 1 + math.ceil(size * thing.look.shadow * 2)
    left, top = math.floor(x0) - margin, math.floor(y0) - margin
    patch = (math.ceil(x1) + margin - left, math.ceil(y1) + margin - top)
    cx, cy = ((x0 + x1) / 2 - left) * factor, ((y0 + y1) / 2 - top) * factor
    outlines = [
        [(cx + x * size * factor, cy + y * size * factor) for x, y in outline]
        for outline in contours(thing.shape, thing.look.shape)
    ]
    mask = Image.new("L", (patch[0] * factor, patch[1] * factor), 0)
    pen = ImageDraw.Draw(mask)
    for index, outline in enumerate(outlines):
        pen.polygon(outline, fill=0 if index else 255)
    whole = mask.reduce(factor)
    if thing.look.shadow:
        _paste_shadow(image, whole, (left, top), size * thing.look.shadow)
    if thing.look.outline:
        image.paste(thing.look.outline_rgb, (left, top), whole)
        _inset(pen, outlines, size * factor * thing.look.outline)
        whole = mask.reduce(factor)
    image.paste(_fill(thing.look, patch), (left, top), whole)


def _pixels(image: Image.Image, thing: Thing) -> tuple[float, float, float, float]:
    x0, y0, x1, y1 = thing.box
    return x0 * image.width, y0 * image.height, x1 * image.width, y1 * image.height


def _inset(pen: ImageDraw.ImageDraw, outlines: list[Contour], stroke: float) -> None:
    """Takes a stroke away along the inside of every outline."""
    for outline in outlines:
        pen.line([*outline, outline[0], outline[1]], fill=0, width=max(2, round(2 * stroke)), joint="curve")


def _fill(look: Look, size: tuple[int, int]) -> Image.Image:
    plain = Image.new("RGB", size, look.rgb)
    if not look.shade:
        return plain
    ramp = Image.linear_gradient("L")
    if look.shade_turned:
        ramp = ramp.transpose(Image.Transpose.ROTATE_90)
    return Image.composite(Image.new("RGB", size, _shaded(look.rgb, look.shade)), plain, ramp.resize(size))


def _shaded(rgb: Rgb, shade: float) -> Rgb:
    target = 255 if shade > 0 else 0
    r, g, b = (round(channel + (target - channel) * abs(shade)) for channel in rgb)
    return r, g, b


def _paste_shadow(image: Image.Image, mask: Image.Image, corner: tuple[int, int], offset: float) -> None:
    soft = mask.filter(ImageFilter.BoxBlur(max(1, offset / 2))).point([v * 2 // 5 for v in range(256)])
    image.paste((0, 0, 0), (corner[0] + round(offset), corner[1] + round(offset)), soft)


def _draw_text(image: Image.Image, thing: Thing) -> None:
    x0, y0, x1, y1 = _pixels(image, thing)
    left, top, right, bottom = ink_box(thing.look.face, thing.text)
    factor = 1 if thing.look.hinted else _TEXT_OVERSAMPLING
    size = max(6, round((y1 - y0) * factor / (bottom - top)))
    font = load_font(thing.look.face, size)
    shift_x, shift_y = size * (left + right) / 2, size * (top + bottom) / 2
    if factor == 1:
        at = ((x0 + x1) / 2 - shift_x, (y0 + y1) / 2 - shift_y)
        ImageDraw.Draw(image).text(at, thing.text, fill=thing.look.rgb, font=font)
        return
    # Reduced from a larger size, the glyphs keep their unhinted form, as browsers draw them.
    corner = (math.floor(x0) - 2, math.floor(y0) - 2)
    patch = (math.ceil(x1) + 2 - corner[0], math.ceil(y1) + 2 - corner[1])
    mask = Image.new("L", (patch[0] * factor, patch[1] * factor), 0)
    at = (((x0 + x1) / 2 - corner[0]) * factor - shift_x, ((y0 + y1) / 2 - corner[1]) * factor - shift_y)
    ImageDraw.Draw(mask).text(at, thing.text, fill=255, font=font)
    image.paste(thing.look.rgb, corner, mask.reduce(factor))


def _finish(image: Image.Image, scene: Scene) -> Image.Image:
    finish = scene.finish
    if finish.brightness != 1.0:
        image = image.point([min(255, round(v * finish.brightness)) for v in range(256)] * 3)
    if finish.blur:
        image = image.filter(ImageFilter.BoxBlur(finish.blur))
    if finish.jpeg:
        buffer = io.BytesIO()
        image.save(buffer, "JPEG", quality=finish.jpeg)
        image = Image.open(buffer).convert("RGB")
    return image
