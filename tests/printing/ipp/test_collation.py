"""Copies of a film session come one after the other, or it is said that they do not (PS3.4 H.4.1.2.4)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from printing.outputs import RenderedFilm
from printing.outputs.ipp import COLLATED, COLLATES, IppOutput

CAN: dict[str, Any] = {f"{COLLATES}-supported": [COLLATED], "copies-supported": []}
TOLD = ("the copies come film by film, not collated",)


@pytest.mark.parametrize(
    ("pages", "copies", "collated", "files", "attributes", "asked", "told"),
    [
        (2, 3, True, 1, CAN, True, ()),
        (2, 3, True, 1, {}, False, TOLD),
        (2, 3, True, 2, CAN, True, TOLD),
        (2, 3, True, 1, {**CAN, "job-creation-attributes-supported": ["copies"]}, False, TOLD),
        (1, 3, True, 1, CAN, False, ()),
        (2, 1, True, 1, CAN, False, ()),
        (2, 3, False, 1, CAN, False, ()),
    ],
)
def test_copies_of_a_session(
    pages: int,
    copies: int,
    collated: bool,
    files: int,
    attributes: dict[str, Any],
    asked: bool,
    told: tuple[str, ...],
) -> None:
    document = {"pages": [{"color": False}] * pages, "number_of_copies": copies, "collated": collated}
    film = RenderedFilm("film", Path(), (Path("film.pdf"),) * files, {"film": document})
    job, warnings = IppOutput(None)._job(film, attributes)  # type: ignore[arg-type]
    assert (COLLATES in job) == asked and warnings == told
