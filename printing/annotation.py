"""Annotation formats: how many annotation boxes an Annotation Display Format ID means, and where they stand.

The standard leaves both to the printer (PS3.3 C.13.3). A console that asks for a format that nobody has gets boxes too,
for it will send its text anyway: those of the format that has a place in every corner.
"""

from __future__ import annotations

from collections.abc import Mapping

PLACES = tuple(f"{edge} {side}" for edge in ("top", "bottom") for side in ("left", "center", "right"))
"""Where a text can stand on the film."""

FALLBACK = "ANNOTATION"
"""The format for consoles that ask for one that is not there; some Agfa imagers' own name for six places."""

FORMATS: Mapping[str, tuple[str, ...]] = {
    "HEADER": ("top left", "top center", "top right"),
    "FOOTER": ("bottom left", "bottom center", "bottom right"),
    "LABEL": ("bottom center",),
    FALLBACK: PLACES,
}
"""Places by Annotation Position, from 1, of each format that every printer has."""

MOST_BOXES = 32
"""Annotation boxes of one configured format."""
