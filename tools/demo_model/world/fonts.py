"""The typefaces of the training pictures, taken from Debian packages."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from PIL import ImageFont

FONT_ROOT = Path("/usr/share/fonts")

# Package, folder under FONT_ROOT, files. All must be there: the same seed must choose the same face everywhere.
_PACKAGES: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("fonts-dejavu-core", "truetype/dejavu", (
        "DejaVuSans.ttf", "DejaVuSans-Bold.ttf", "DejaVuSerif.ttf", "DejaVuSerif-Bold.ttf", "DejaVuSansMono.ttf")),
    ("fonts-dejavu-extra", "truetype/dejavu", ("DejaVuSansCondensed-Bold.ttf", "DejaVuSans-Oblique.ttf")),
    ("fonts-liberation", "truetype/liberation", (
        "LiberationSans-Regular.ttf", "LiberationSans-Bold.ttf", "LiberationSans-Italic.ttf",
        "LiberationSerif-Regular.ttf", "LiberationSerif-Bold.ttf", "LiberationMono-Regular.ttf",
        "LiberationMono-Bold.ttf", "LiberationSansNarrow-Bold.ttf")),
    ("fonts-freefont-ttf", "truetype/freefont", (
        "FreeSans.ttf", "FreeSerifBold.ttf", "FreeSerifItalic.ttf", "FreeMonoBold.ttf")),
    ("fonts-roboto-unhinted", "truetype/roboto/unhinted/RobotoTTF", (
        "Roboto-Regular.ttf", "Roboto-Medium.ttf", "Roboto-Black.ttf", "Roboto-Light.ttf")),
    ("fonts-roboto-slab", "opentype/roboto/slab", ("RobotoSlab-Regular.otf", "RobotoSlab-Bold.otf")),
    ("fonts-lato", "truetype/lato", ("Lato-Regular.ttf", "Lato-Bold.ttf", "Lato-Light.ttf", "Lato-BoldItalic.ttf")),
    ("fonts-open-sans", "truetype/open-sans", (
        "OpenSans-Regular.ttf", "OpenSans-Semibold.ttf", "OpenSans-ExtraBold.ttf")),
    ("fonts-noto-core", "truetype/noto", (
        "NotoSans-Regular.ttf", "NotoSerif-Regular.ttf", "NotoSerif-BoldItalic.ttf")),
    ("fonts-linuxlibertine", "opentype/linux-libertine", ("LinLibertine_R.otf", "LinBiolinum_R.otf")),
    ("fonts-cabin", "opentype/cabin", ("Cabin-Regular.otf", "Cabin-Bold.otf")),
    ("fonts-firacode", "truetype/firacode", ("FiraCode-Medium.ttf",)),
    ("fonts-hack", "truetype/hack", ("Hack-Regular.ttf", "Hack-Bold.ttf")),
    ("fonts-comic-neue", "opentype/comic-neue", ("ComicNeue-Bold.otf",)),
    ("fonts-yanone-kaffeesatz", "opentype/yanone-kaffeesatz", ("YanoneKaffeesatz-Bold.otf",)),
    ("fonts-play", "truetype/play", ("Play-Regular.ttf",)),
)

FACES: tuple[str, ...] = tuple(f"{folder}/{name}" for _, folder, names in _PACKAGES for name in names)


@lru_cache(maxsize=1)
def check_fonts() -> None:
    """Raises FileNotFoundError, naming the Debian packages to install, if a face is missing."""
    missing = [
        (package, name)
        for package, folder, names in _PACKAGES
        for name in names
        if not (FONT_ROOT / folder / name).is_file()
    ]
    if missing:
        packages = " ".join(dict.fromkeys(package for package, _ in missing))
        raise FileNotFoundError(
            f"Cannot draw text: need {len(FACES)} font files under {FONT_ROOT}, {len(missing)} are missing "
            f"(first: {missing[0][1]}). Install them: apt-get install {packages}"
        )


@lru_cache(maxsize=2048)
def load_font(face: str, size: int) -> ImageFont.FreeTypeFont:
    """The face at a pixel size, kept open. `face` is one of FACES."""
    check_fonts()
    # The basic layout engine is several times faster than Raqm and draws A-Z and 0-9 the same.
    return ImageFont.truetype(str(FONT_ROOT / face), size, layout_engine=ImageFont.Layout.BASIC)


_MEASURE_SIZE = 120


@lru_cache(maxsize=8192)
def ink_box(face: str, text: str) -> tuple[float, float, float, float]:
    """Where the ink of a text is, (x0, y0, x1, y1) from the point it is drawn at, per pixel of font size.

    Unlike the font's own box this leaves out the empty space that belongs to the outer letters.
    """
    mask, (left, top) = load_font(face, _MEASURE_SIZE).getmask2(text, mode="L")
    x0, y0, x1, y1 = mask.getbbox()
    return (
        (left + x0) / _MEASURE_SIZE,
        (top + y0) / _MEASURE_SIZE,
        (left + x1) / _MEASURE_SIZE,
        (top + y1) / _MEASURE_SIZE,
    )


@lru_cache(maxsize=8192)
def character_spans(face: str, text: str) -> tuple[tuple[float, float], ...]:
    """Where each character begins and ends, as shares of the width of the text's ink."""
    font = load_font(face, _MEASURE_SIZE)
    x0, _, x1, _ = (v * _MEASURE_SIZE for v in ink_box(face, text))
    borders = [(font.getlength(text[:end]) - x0) / (x1 - x0) for end in range(len(text) + 1)]
    return tuple(zip(borders, borders[1:]))
