"""Annotations and marks on a film: text as printer pixels, in the fonts that have its characters (PS3.3 C.13.7).

Text is set by Pillow with Raqm, which joins Arabic letters and turns lines that run from right to left. Every
character is set in the first font that has it; what no font has is drawn as that font's empty box, never left out.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from printing.render.placement import MM_PER_INCH, Box

HEIGHT_MM = 3.0
"""Size of the letters: read from half a metre."""
MARGIN_MM = 2.0

FONTS = Path(__file__).parents[1] / "fonts"
OWN_FONT = FONTS / "DejaVuSans.ttf"
OWN_FONTS = (
    OWN_FONT,  # Latin, Greek, Cyrillic, Arabic, Hebrew and more
    FONTS / "NanumGothicCoding.ttf",  # Korean
    FONTS / "DroidSansFallbackFull.ttf",  # Chinese, Japanese
)
"""TrueType outlines, under the free licences beside them: the PDF embeds what it uses of them, and reportlab embeds no
PostScript outlines."""


@dataclass(frozen=True, slots=True)
class Part:
    """Some of a text, as long as one font sets it: what is drawn, and what the PDF says unseen."""

    text: str
    file: str
    """The font's."""
    left: int
    """From the beginning of the text, in printer pixels."""
    width: int


@dataclass(frozen=True, slots=True)
class SetText:
    """One text, set: where it stands on the film in printer pixels, and how much of each pixel it covers."""

    text: str
    left: int
    top: int
    coverage: NDArray[np.uint8]
    """0 to 255, (rows, columns)."""
    complete: bool = True
    """Whether some font had every character."""
    parts: tuple[Part, ...] = ()
    """From left to right."""


@lru_cache(maxsize=32)
def _font(file: str, size_px: int) -> ImageFont.FreeTypeFont | None:
    try:
        return ImageFont.truetype(file, size_px)
    except OSError:
        return None


@lru_cache(maxsize=8)
def _characters(file: str) -> frozenset[int]:
    """The code points that a font has, from its character map."""
    from reportlab.pdfbase.ttfonts import TTFontFile

    try:
        return frozenset(TTFontFile(file).charToGlyph)
    except Exception:  # a font that nobody can read has no characters
        return frozenset()


def font_files(more_fonts: Sequence[str] = ()) -> tuple[str, ...]:
    """The font files that are asked for a character, in order; those that are there."""
    return tuple(file for file in (str(OWN_FONT), *more_fonts, *map(str, OWN_FONTS[1:])) if Path(file).exists())


def fonts_for(text: str, files: Sequence[str]) -> Iterator[tuple[str, str]]:
    """(part of the text, font file) in order: each part as long as one font can set it."""
    part, current = "", files[0]
    for sign in text:
        having = current if ord(sign) in _characters(current) or sign.isspace() else None
        found = having or next((file for file in files if ord(sign) in _characters(file)), files[0])
        if found != current and part:
            yield part, current
            part = ""
        current = found
        part += sign
    if part:
        yield part, current


def set_text(
    text: str, place: str, width_px: int, height_px: int, dpi: float, more_fonts: Sequence[str] = ()
) -> SetText:
    """Set one annotation.

    Args:
        text: one line; line breaks become spaces.
        place: top or bottom, left, center or right.
        width_px: film width.
        height_px: film height.
        dpi: printer resolution.
        more_fonts: files that are asked after our own for Latin and before those for Korean, Chinese and Japanese.
    """
    margin = round(MARGIN_MM * dpi / MM_PER_INCH)
    line = _line(text, width_px - 2 * margin, dpi, more_fonts)
    rows, columns = line.coverage.shape
    edge, _, side = place.partition(" ")
    left = {"left": margin, "right": width_px - margin - columns}.get(side, (width_px - columns) // 2)
    top = margin if edge == "top" else height_px - margin - rows
    return replace(line, left=max(0, left), top=max(0, top))


def set_mark(text: str, cell: Box, image: Box, dpi: float) -> SetText:
    """Set words about an image in its cell: right below the image or beside it where there is room, else on its corner.

    Args:
        text: one line.
        cell: of the image box, in printer pixels.
        image: what is printed of the image.
        dpi: printer resolution.
    """
    line = _line(text, cell.width, dpi)
    rows, columns = line.coverage.shape
    gap = rows // 4
    left, top = cell.left, cell.bottom - rows
    if cell.bottom - image.bottom >= rows:
        left, top = (cell.left + cell.right - columns) // 2, min(image.bottom + gap, top)
    elif cell.right - image.right >= columns:
        left = min(image.right + gap, cell.right - columns)
    return replace(line, left=max(cell.left, left), top=max(cell.top, top))


def _line(text: str, room_px: int, dpi: float, more_fonts: Sequence[str] = ()) -> SetText:
    """One line, as large as letters are unless the room is too narrow for it."""
    line = " ".join(text.split())
    files = font_files(more_fonts)
    size_px = max(6, round(HEIGHT_MM * dpi / MM_PER_INCH))
    room = max(1, room_px)
    while True:
        parts = [(part, file, font) for part, file in fonts_for(line, files) if (font := _font(file, size_px))]
        length = sum(round(font.getlength(part)) for part, _, font in parts)
        if length <= room or size_px <= 6:
            break
        size_px = max(6, min(size_px - 1, size_px * room // max(1, length)))
    rows = round(size_px * 1.4)
    picture = Image.new("L", (max(1, min(length, room)), rows), 0)
    draw, at = ImageDraw.Draw(picture), 0
    drawn: list[Part] = []
    for part, file, font in parts:
        draw.text((at, round(size_px * 1.05)), part, fill=255, font=font, anchor="ls")
        drawn.append(Part(part, file, at, round(font.getlength(part))))
        at += drawn[-1].width
    complete = all(sign.isspace() or any(ord(sign) in _characters(file) for file in files) for sign in line)
    return SetText(line, 0, 0, np.asarray(picture), complete, tuple(drawn))
