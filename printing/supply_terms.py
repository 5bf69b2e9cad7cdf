"""Terms that say which supply is empty or low (PS3.3 C.13.9.1): EMPTY A4 PAPR, LOW 14X17 BLUE."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal

from printing.printer import Medium
from printing.terms import STATUS_INFO_TERMS

Level = Literal["EMPTY", "LOW"]

_SIZES: Mapping[str, str] = {
    "8INX10IN": "8X10",
    "10INX12IN": "10X12",
    "10INX14IN": "10X14",
    "11INX14IN": "11X14",
    "14INX14IN": "14X14",
    "14INX17IN": "14X17",
    "24CMX24CM": "24X24",
    "24CMX30CM": "24X30",
    "A4": "A4",
}
_KINDS: Mapping[str, tuple[str, ...]] = {
    "PAPER": (" PAPR",),
    "CLEAR FILM": (" CLR", " TRANS"),
    "MAMMO CLEAR FILM": (" CLR",),
    "BLUE FILM": (" BLUE",),
    "MAMMO BLUE FILM": (" BLUE",),
}


def supply_term(level: Level, media: Iterable[Medium]) -> str:
    """What is empty or low: the term of the first medium that has one, else that of any supply.

    Args:
        level: EMPTY or LOW.
        media: what is known to be so.
    """
    for medium in media:
        size = _SIZES.get(medium.film_size_id, "")
        for kind in _KINDS.get(medium.medium_type, ("",)):
            if (term := f"{level} {size}{kind}") in STATUS_INFO_TERMS:
                return term
    return f"SUPPLY {level}"


def general_term(info: str) -> str:
    """The term without the medium, for consoles that know no other."""
    level, _, rest = info.partition(" ")
    return f"SUPPLY {level}" if level in ("EMPTY", "LOW") and rest and info in STATUS_INFO_TERMS else info
