"""Film on paper: where a film lies on a sheet, and how large (the page of an output that has paper of its own sizes).

`fit` makes the film as large as the sheet lets it be, never larger than it is, and says the scale on the sheet; `true`
keeps its size, and what is larger than the sheet is lost at the edges, which is said too; `poster` keeps its size on as
many sheets as it takes.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

Scaling = Literal["fit", "true", "poster"]
Mm: TypeAlias = "tuple[float, float, float, float]"
"""A rectangle on a sheet: left, top, width, height, in mm from its top left corner."""
CAPTION_MM = 5.0
"""Room for the words below a film that is not in its own size, or not whole."""
BASELINE_MM = 3.9
"""Of these words, below what they stand under."""
SAME_MM = 1.0
"""Sizes that differ by less are the same: paper is not cut better."""
OVERLAP_MM = 6.0
"""What two sheets of a poster show both: room to join them."""
MARK_MM = 4.0
"""Room around a part of a poster, for the marks at which it is joined to the next."""
LINE_MM = 0.2
MOST_SHEETS = 16
"""Of one film; a 14×17 in film has four on A4."""


@dataclass(frozen=True, slots=True)
class Sheet:
    """A sheet, and where the film lies on it, in mm from its top left corner.

    Attributes:
        name: of the paper, as the printer calls it.
        width_mm, height_mm: of the sheet, as the film hangs.
        left_mm, top_mm: of the film's corner; outside of the sheet where only a part of the film is on it.
        scale: of the film; 1 is its true size.
        caption: what stands below it; empty where there is nothing to say.
        warning: for the film's record.
        turned: whether the sheet lies across the paper as the printer names it.
        window: the part of the sheet that shows the film; None is all of it.
        marks: lines, as rectangles.
    """

    name: str
    width_mm: float
    height_mm: float
    left_mm: float
    top_mm: float
    scale: float
    caption: str = ""
    warning: str = ""
    turned: bool = False
    window: Mm | None = None
    marks: tuple[Mm, ...] = ()

    def baseline_mm(self, film_height_mm: float) -> tuple[float, float]:
        """Where the caption begins."""
        if self.window is not None:
            left, top, _, height = self.window
            return left, top + height + MARK_MM + BASELINE_MM
        return self.left_mm, self.top_mm + film_height_mm * self.scale + BASELINE_MM

    def shows(self, x_mm: float, y_mm: float) -> bool:
        """Whether a point of the film is on this sheet."""
        if self.window is None:
            return True
        left, top, width, height = self.window
        return (
            0 <= self.left_mm + x_mm * self.scale - left < width and 0 <= self.top_mm + y_mm * self.scale - top < height
        )


def sheets_for(
    width_mm: float, height_mm: float, papers: Sequence[tuple[str, float, float, float]], scaling: Scaling
) -> tuple[Sheet, ...]:
    """The sheets of one film: the one that shows it largest, among those the one that shows most of it, and among those
    the smallest; of a poster the fewest.

    Args:
        width_mm: film width.
        height_mm: film height.
        papers: (name, width, height, margin) of each paper, in mm.
        scaling: fit, true or poster.

    Returns:
        Nothing where there is no paper: the page is the film.
    """
    sides = [
        (name, *side, margin, turned)
        for name, wide, high, margin in papers
        for side, turned in (((wide, high), False), ((high, wide), True))
    ]
    if not sides:
        return ()
    warning = ""
    if scaling == "poster":
        count, _, best = min((_count(width_mm, height_mm, *side[1:4]), side[1] * side[2], side) for side in sides)
        if 1 < count <= MOST_SHEETS:
            return tuple(_parts(width_mm, height_mm, *best))
        warning = f"the film would need more than {MOST_SHEETS} sheets" if count > 1 else ""
    one = max(
        (_laid(width_mm, height_mm, *side, scaling) for side in sides),
        key=lambda one: (round(one.scale, 3), _shown(one, width_mm, height_mm), -one.width_mm * one.height_mm),
    )
    return (replace(one, warning=f"{warning}: {one.warning}") if warning else one,)


def _shown(sheet: Sheet, width_mm: float, height_mm: float) -> float:
    """How much of a film is on a sheet, in whole percent: what is cut worse than that is not the same size."""
    sides = ((sheet.width_mm, width_mm), (sheet.height_mm, height_mm))
    return round(math.prod(min(1.0, has / (wanted * sheet.scale)) for has, wanted in sides), 2)


def _same(width_mm: float, height_mm: float, wide: float, high: float) -> bool:
    return abs(wide - width_mm) <= SAME_MM and abs(high - height_mm) <= SAME_MM


def _laid(
    width_mm: float, height_mm: float, name: str, wide: float, high: float, margin: float, turned: bool, how: Scaling
) -> Sheet:
    left, top = (wide - width_mm) / 2, (high - height_mm) / 2
    if _same(width_mm, height_mm, wide, high):
        return Sheet(name, wide, high, left, top, 1.0, turned=turned)
    room_wide, room_high = wide - 2 * margin, high - 2 * margin
    if how == "true" or (width_mm <= room_wide and height_mm <= room_high):
        cut = width_mm > room_wide + SAME_MM or height_mm > room_high + SAME_MM
        warning = f"the film is larger than what can be printed on {name}: its edges are not printed" if cut else ""
        return Sheet(name, wide, high, left, top, 1.0, "", warning, turned)
    scale = min(room_wide / width_mm, (room_high - CAPTION_MM) / height_mm)
    words = f"{100 * scale:.0f} % of the film's size: not to scale"
    left, top = (wide - width_mm * scale) / 2, margin + (room_high - CAPTION_MM - height_mm * scale) / 2
    return Sheet(name, wide, high, left, top, scale, words, f"printed on {name} at {words}", turned)


# -- posters ----------------------------------------------------------------------------------------------------


def _room(wide: float, high: float, margin: float) -> tuple[float, float]:
    """What one sheet of a poster can show."""
    return wide - 2 * (margin + MARK_MM), high - 2 * (margin + MARK_MM) - CAPTION_MM


def _along(length_mm: float, room_mm: float) -> int:
    """How many sheets beside each other show a length."""
    if length_mm <= room_mm:
        return 1
    step = room_mm - OVERLAP_MM
    return math.ceil((length_mm - OVERLAP_MM) / step - 1e-9) if step > OVERLAP_MM else MOST_SHEETS + 1


def _count(width_mm: float, height_mm: float, wide: float, high: float, margin: float) -> int:
    if _same(width_mm, height_mm, wide, high) or (width_mm <= wide - 2 * margin and height_mm <= high - 2 * margin):
        return 1
    room_wide, room_high = _room(wide, high, margin)
    return _along(width_mm, room_wide) * _along(height_mm, room_high)


def _parts(
    width_mm: float, height_mm: float, name: str, wide: float, high: float, margin: float, turned: bool
) -> Iterator[Sheet]:
    """Parts of one size, row by row, each in the middle of its sheet; two beside each other share `OVERLAP_MM`."""
    room_wide, room_high = _room(wide, high, margin)
    columns, rows = _along(width_mm, room_wide), _along(height_mm, room_high)
    across, down = _share(width_mm, columns), _share(height_mm, rows)
    left, top = (wide - across) / 2, margin + MARK_MM + (room_high - down) / 2
    for number in range(columns * rows):
        row, column = divmod(number, columns)
        yield Sheet(
            *(name, wide, high),
            left - column * (across - OVERLAP_MM),
            top - row * (down - OVERLAP_MM),
            1.0,
            f"sheet {number + 1} of {columns * rows} (row {row + 1}, column {column + 1}), true size",
            f"printed in true size on {columns * rows} sheets of {name}" if number == 0 else "",
            turned,
            (left, top, across, down),
            tuple(_marks(left, top, across, down, (column > 0, column < columns - 1), (row > 0, row < rows - 1))),
        )


def _share(length_mm: float, count: int) -> float:
    return (length_mm + (count - 1) * OVERLAP_MM) / count


def _marks(
    left: float, top: float, across: float, down: float, beside: tuple[bool, bool], above: tuple[bool, bool]
) -> Iterator[Mm]:
    """Short lines outside of the film, on both sides of every seam: the seam is in the middle of the overlap."""
    half, long, gap = OVERLAP_MM / 2, MARK_MM - 1.0, 0.5
    for there, x in zip(beside, (left + half, left + across - half), strict=True):
        for y in (top - gap - long, top + down + gap) if there else ():
            yield (x - LINE_MM / 2, y, LINE_MM, long)
    for there, y in zip(above, (top + half, top + down - half), strict=True):
        for x in (left - gap - long, left + across + gap) if there else ():
            yield (x, y - LINE_MM / 2, long, LINE_MM)
