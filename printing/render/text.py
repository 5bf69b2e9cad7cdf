"""Annotations and marks on a film: text as printer pixels, in the fonts that have its characters (PS3.3 C.13.7).

Text is set by Pillow with Raqm, which joins Arabic letters and turns lines that run from right to left. Every
character is set in the first font that has it; what no font has is drawn as that font's empty box, never left out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
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
LEAST_PX = 6
"""Letters are never smaller; a line that is too long for its room even so is cut."""

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

    @property
    def box(self) -> Box:
        """What it covers of the film."""
        rows, columns = self.coverage.shape
        return Box(self.left, self.top, self.left + columns, self.top + rows)


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
    return set_texts([(text, place)], width_px, height_px, dpi, more_fonts)[0]


def set_texts(
    texts: Sequence[tuple[str, str]], width_px: int, height_px: int, dpi: float, more_fonts: Sequence[str] = ()
) -> tuple[SetText, ...]:
    """Set the annotations of a film so that none covers another: a part of a name, or of an identifier, is worse than
    small letters. Texts that have one place stand below each other; those side by side have letters of one size.

    Args:
        texts: (text, place) of each, as `set_text` has them.
        width_px: film width.
        height_px: film height.
        dpi: printer resolution.
        more_fonts: as of `set_text`.

    Returns:
        One for each, in their order.
    """
    margin, size_px = round(MARGIN_MM * dpi / MM_PER_INCH), _size_px(dpi)
    lines: dict[str, list[dict[str, int]]] = {}
    for number, (_, place) in enumerate(texts):
        edge, _, side = place.partition(" ")
        of_the_edge = lines.setdefault(edge, [])
        line = next((line for line in of_the_edge if side not in line), None)
        if line is None:
            of_the_edge.append(line := {})
        line[side] = number
    made: dict[int, SetText] = {}
    for edge, of_the_edge in lines.items():
        for above, line in enumerate(of_the_edge):
            words = {side: texts[number][0] for side, number in line.items()}
            for side, one in _side_by_side(words, width_px - 2 * margin, size_px, more_fonts).items():
                rows, columns = one.coverage.shape
                left = {"left": margin, "right": width_px - margin - columns}.get(side, (width_px - columns) // 2)
                below = len(of_the_edge) - 1 - above
                down = (
                    above * _rows(size_px) if edge == "top" else height_px - 2 * margin - rows - below * _rows(size_px)
                )
                made[line[side]] = replace(one, left=max(0, left), top=max(0, margin + down))
    return tuple(made[number] for number in range(len(texts)))


def _side_by_side(
    words: Mapping[str, str], room_px: int, size_px: int, more_fonts: Sequence[str]
) -> dict[str, SetText]:
    """The texts of one line, by their sides: in letters that let the longest stand beside its neighbours."""
    while True:
        smallest = size_px <= LEAST_PX
        shares = 1 if not smallest or len(words) == 1 else 3 if "center" in words else 2
        rooms = room_px // shares
        made = {side: _line(text, rooms, size_px, more_fonts) for side, text in words.items()}
        wide = {side: one.coverage.shape[1] + size_px / 2 for side, one in made.items()}
        left, center, right = (wide.get(side, 0.0) for side in ("left", "center", "right"))
        needed = max(2 * max(left, right) + center if center else left + right, 1.0)
        if smallest or len(words) == 1 or needed <= room_px + size_px / 2:
            return made
        size_px = max(LEAST_PX, min(size_px - 1, int(size_px * room_px / needed)))


def _size_px(dpi: float) -> int:
    return max(LEAST_PX, round(HEIGHT_MM * dpi / MM_PER_INCH))


def _rows(size_px: int) -> int:
    """Of a line of letters."""
    return round(size_px * 1.4)


def set_mark(text: str, cell: Box, image: Box, dpi: float, taken: Sequence[SetText] = ()) -> SetText:
    """Set words about an image in its cell: right below the image or beside it where there is room, else on its corner;
    above the annotations that stand there.

    Args:
        text: one line.
        cell: of the image box, in printer pixels.
        image: what is printed of the image.
        dpi: printer resolution.
        taken: the film's annotations.
    """
    line = _line(text, cell.width, _size_px(dpi))
    rows, columns = line.coverage.shape
    gap = rows // 4
    left, top = cell.left, cell.bottom - rows
    if cell.bottom - image.bottom >= rows:
        left, top = (cell.left + cell.right - columns) // 2, min(image.bottom + gap, top)
    elif cell.right - image.right >= columns:
        left = min(image.right + gap, cell.right - columns)
    mark = replace(line, left=max(cell.left, left), top=max(cell.top, top))
    for other in sorted(taken, key=lambda other: -other.top):  # from the bottom: whatever it meets next lies higher
        meets = mark.box.clipped(other.box)
        if meets.width > 0 and meets.height > 0 and other.top - rows >= cell.top:
            mark = replace(mark, top=other.top - rows)
    return mark


def _line(text: str, room_px: int, size_px: int, more_fonts: Sequence[str] = ()) -> SetText:
    """One line, in letters of this size unless the room is too narrow for it."""
    line = " ".join(text.split())
    files = font_files(more_fonts)
    room = max(1, room_px)
    while True:
        parts = [(part, file, font) for part, file in fonts_for(line, files) if (font := _font(file, size_px))]
        length = sum(round(font.getlength(part)) for part, _, font in parts)
        if length <= room or size_px <= LEAST_PX:
            break
        size_px = max(LEAST_PX, min(size_px - 1, size_px * room // max(1, length)))
    rows = _rows(size_px)
    picture = Image.new("L", (max(1, min(length, room)), rows), 0)
    draw, at = ImageDraw.Draw(picture), 0
    drawn: list[Part] = []
    for part, file, font in parts:
        draw.text((at, round(size_px * 1.05)), part, fill=255, font=font, anchor="ls")
        drawn.append(Part(part, file, at, round(font.getlength(part))))
        at += drawn[-1].width
    complete = all(sign.isspace() or any(ord(sign) in _characters(file) for file in files) for sign in line)
    return SetText(line, 0, 0, np.asarray(picture), complete, tuple(drawn))
