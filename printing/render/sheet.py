"""Film on paper: where a film lies on a sheet, and how large (the page of an output that has paper of its own sizes).

`fit` makes the film as large as the sheet lets it be, never larger than it is, and says the scale on the sheet; `true`
keeps its size, and what is larger than the sheet is lost at the edges, which is said too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Scaling = Literal["fit", "true"]
CAPTION_MM = 5.0
"""Room for the words below a film that is not in its own size."""
SAME_MM = 1.0
"""Sizes that differ by less are the same: paper is not cut better."""


@dataclass(frozen=True, slots=True)
class Sheet:
    """A sheet, and where the film lies on it, in mm from its top left corner.

    Attributes:
        name: of the paper, as the printer calls it.
        width_mm, height_mm: of the sheet, as the film hangs.
        left_mm, top_mm: of the film's corner.
        scale: of the film; 1 is its true size.
        caption: what stands below it; empty where there is nothing to say.
        warning: for the film's record.
    """

    name: str
    width_mm: float
    height_mm: float
    left_mm: float
    top_mm: float
    scale: float
    caption: str = ""
    warning: str = ""


def sheet_for(
    width_mm: float, height_mm: float, papers: Sequence[tuple[str, float, float, float]], scaling: Scaling
) -> Sheet | None:
    """The sheet that shows a film largest, and among those the smallest.

    Args:
        width_mm: film width.
        height_mm: film height.
        papers: (name, width, height, margin) of each paper, in mm.
        scaling: fit or true.

    Returns:
        None where there is no paper: the page is the film.
    """
    found = [
        _laid(width_mm, height_mm, name, *side, margin, scaling)
        for name, wide, high, margin in papers
        for side in ((wide, high), (high, wide))
    ]
    return max(
        found,
        key=lambda one: (round(one.scale, 3), _inside(one, width_mm, height_mm), -one.width_mm * one.height_mm),
        default=None,
    )


def _inside(sheet: Sheet, width_mm: float, height_mm: float) -> bool:
    return sheet.width_mm >= width_mm * sheet.scale - SAME_MM and sheet.height_mm >= height_mm * sheet.scale - SAME_MM


def _laid(
    width_mm: float, height_mm: float, name: str, wide: float, high: float, margin: float, scaling: Scaling
) -> Sheet:
    if abs(wide - width_mm) <= SAME_MM and abs(high - height_mm) <= SAME_MM:
        return Sheet(name, wide, high, (wide - width_mm) / 2, (high - height_mm) / 2, 1.0)
    room_wide, room_high = wide - 2 * margin, high - 2 * margin
    if scaling == "true" or (width_mm <= room_wide and height_mm <= room_high):
        cut = width_mm > wide + SAME_MM or height_mm > high + SAME_MM
        warning = f"the film is larger than {name}: its edges are not printed" if cut else ""
        return Sheet(name, wide, high, (wide - width_mm) / 2, (high - height_mm) / 2, 1.0, "", warning)
    scale = min(room_wide / width_mm, (room_high - CAPTION_MM) / height_mm)
    words = f"{100 * scale:.0f} % of the film's size: not to scale"
    left, top = (wide - width_mm * scale) / 2, margin + (room_high - CAPTION_MM - height_mm * scale) / 2
    return Sheet(name, wide, high, left, top, scale, words, f"printed on {name} at {words}")
