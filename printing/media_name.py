"""Self-describing media names (PWG 5101.1 §5): iso_a4_210x297mm, na_letter_8.5x11in."""

from __future__ import annotations

import re

from printing.outputs import Paper

_SIZE = re.compile(r"_(\d{1,5}(?:\.\d{1,4})?)x(\d{1,5}(?:\.\d{1,4})?)(mm|in)$", re.ASCII)


def paper_of(name: str, margin_mm: float = 0.0) -> Paper | None:
    """The paper of a media name; None where the name does not say its size."""
    match = _SIZE.search(name)
    if match is None:
        return None
    unit = 25.4 if match[3] == "in" else 1.0
    wide, high = float(match[1]) * unit, float(match[2]) * unit
    return Paper(name, wide, high, margin_mm) if wide > 0 and high > 0 else None
