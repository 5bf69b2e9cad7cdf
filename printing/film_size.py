"""Film Size ID (2010,0050), PS3.3 C.13.3: identifiers and their millimetres."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

INCH_MM = 25.4

FILM_SIZES: Mapping[str, tuple[float, float]] = {
    "8INX10IN": (203.2, 254.0),
    "8_5INX11IN": (215.9, 279.4),
    "10INX12IN": (254.0, 304.8),
    "10INX14IN": (257.0, 364.0),  # the standard's own note: 10INX14IN corresponds with 257 × 364 mm
    "11INX14IN": (279.4, 355.6),
    "11INX17IN": (279.4, 431.8),
    "14INX14IN": (355.6, 355.6),
    "14INX17IN": (355.6, 431.8),
    "24CMX24CM": (240.0, 240.0),
    "24CMX30CM": (240.0, 300.0),
    "A4": (210.0, 297.0),
    "A3": (297.0, 420.0),
}
"""Width and height in portrait, in millimetres."""

_PATTERN = re.compile(r"(\d{1,3}(?:[._]\d{1,2})?)(IN|CM)X(\d{1,3}(?:[._]\d{1,2})?)(IN|CM)", re.ASCII)
_UNITS = {"IN": INCH_MM, "CM": 10.0}

LEAST_MM, MOST_MM = 50.0, 1000.0
"""Edges of a film that is not in the table but says its size."""


@dataclass(frozen=True, slots=True)
class FilmSize:
    """A Film Size ID and its edges in portrait."""

    film_size_id: str
    width_mm: float
    height_mm: float

    def hung(self, film_orientation: str) -> tuple[float, float]:
        """Width and height in mm as the film hangs: LANDSCAPE turns it (Film Orientation (2010,0040))."""
        return (self.height_mm, self.width_mm) if film_orientation == "LANDSCAPE" else (self.width_mm, self.height_mm)


def parse(film_size_id: str) -> FilmSize | None:
    """The film of an identifier; None where it says no size that a film can have.

    Identifiers are Defined Terms, so others of the same pattern are right too: 35CMX43CM is a film of that size.
    """
    text = film_size_id.strip().upper().replace(" ", "")
    if text in FILM_SIZES:
        return FilmSize(text, *FILM_SIZES[text])
    match = _PATTERN.fullmatch(text)
    if match is None:
        return None
    width_mm, height_mm = (_millimetres(match[at], match[at + 1]) for at in (1, 3))
    if not (LEAST_MM <= width_mm <= MOST_MM and LEAST_MM <= height_mm <= MOST_MM):
        return None
    return FilmSize(text, width_mm, height_mm)


def _millimetres(number: str, unit: str) -> float:
    return round(float(number.replace("_", ".")) * _UNITS[unit], 3)
