"""Names of media: self-describing ones (PWG 5101.1 §5: iso_a4_210x297mm), and Film Size IDs (PS3.3 C.13.3)."""

from __future__ import annotations

import re
from collections.abc import Mapping

from printing.film_size import FILM_SIZES, parse
from printing.outputs import Paper

_SIZE = re.compile(r"_(\d{1,5}(?:\.\d{1,4})?)x(\d{1,5}(?:\.\d{1,4})?)(mm|in)$", re.ASCII)

MEDIA_NAMES: Mapping[str, str] = {
    "8INX10IN": "na_govt-letter_8x10in",
    "8_5INX11IN": "na_letter_8.5x11in",
    "10INX12IN": "oe_photo-10r_10x12in",
    "10INX14IN": "jis_b4_257x364mm",
    "11INX14IN": "na_edp_11x14in",
    "11INX17IN": "na_ledger_11x17in",
    "14INX14IN": "custom_14x14in_14x14in",
    "14INX17IN": "oe_14x17_14x17in",
    "24CMX24CM": "custom_240x240mm_240x240mm",
    "24CMX30CM": "custom_240x300mm_240x300mm",
    "A4": "iso_a4_210x297mm",
    "A3": "iso_a3_297x420mm",
}
"""Film Size ID → the name of that medium (PWG 5101.1)."""

MEDIUM_TYPES: Mapping[str, str] = {
    "transparency": "CLEAR FILM",
    "film": "CLEAR FILM",
    "dry-film": "CLEAR FILM",
    "wet-film": "CLEAR FILM",
    "back-print-film": "CLEAR FILM",
    "photographic-film": "CLEAR FILM",
}
"""media-type (PWG 5101.1 §4) → Medium Type (2000,0030); every other one is PAPER."""

NEAREST: Mapping[str, tuple[str, ...]] = {
    "PAPER": ("PAPER",),
    "CLEAR FILM": ("CLEAR FILM", "BLUE FILM"),
    "BLUE FILM": ("BLUE FILM", "CLEAR FILM"),
    "MAMMO CLEAR FILM": ("CLEAR FILM", "BLUE FILM"),
    "MAMMO BLUE FILM": ("BLUE FILM", "CLEAR FILM"),
}
"""Medium Type that is asked for → what comes nearest to it among what IPP has names for, the best first; there is none
for the film of mammography. CURRENT is what lies there."""

SAME_MM = 1.0
"""Sizes that differ by less are the same."""


def paper_of(name: str, margin_mm: float = 0.0) -> Paper | None:
    """The paper of a media name; None where the name does not say its size."""
    match = _SIZE.search(name)
    if match is None:
        return None
    unit = 25.4 if match[3] == "in" else 1.0
    wide, high = float(match[1]) * unit, float(match[2]) * unit
    return Paper(name, wide, high, margin_mm) if wide > 0 and high > 0 else None


def film_size_id(width_mm: float, height_mm: float) -> str:
    """The Film Size ID of a sheet: that of the standard, else one of the same pattern, in inches where they are round.

    Returns:
        Empty where a film cannot have this size.
    """
    sides = (width_mm, height_mm)
    for name, edges in FILM_SIZES.items():
        if _same(edges, sides):
            return name
    for unit, mm, digits, off_mm in (("IN", 25.4, 0, 0.1), ("IN", 25.4, 1, 0.1), ("CM", 10.0, 1, 0.51)):
        said = "X".join(f"{edge / mm:.{digits}f}{unit}".replace(".0", "").replace(".", "_") for edge in sides)
        film = parse(said)
        if film is not None and _same((film.width_mm, film.height_mm), sides, off_mm):
            return said
    return ""


def _same(one: tuple[float, float], other: tuple[float, float], within_mm: float = SAME_MM) -> bool:
    return all(abs(left - right) < within_mm for left, right in zip(one, other, strict=True))


def medium_type(media_type: str, media_color: str = "") -> str:
    """Medium Type (2000,0030) of a media-type and a media-color."""
    found = MEDIUM_TYPES.get(media_type, "PAPER")
    return "BLUE FILM" if found == "CLEAR FILM" and "blue" in media_color else found
