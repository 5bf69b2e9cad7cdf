"""Which of the media of a size a film is printed on: Medium Type (2000,0030) against media-col-ready (PWG 5100.7)."""

from __future__ import annotations

from typing import Any

import pytest

from printing.ipp.media import job_media
from printing.ipp.message import Attributes, keyword
from printing.media_name import NEAREST
from printing.printer import Medium, Printer, Takes
from printing.terms import MEDIUM_TYPES

A4, A4_MM = "iso_a4_210x297mm", (21000, 29700)
PLAIN, CLEAR, BLUE = ("stationery", ""), ("transparency", ""), ("photographic-film", "clear-blue")


def lies(kind: tuple[str, str], size: tuple[int, int] = A4_MM) -> dict[str, Any]:
    said = {"media-size": [{"x-dimension": [size[0]], "y-dimension": [size[1]]}], "media-type": [kind[0]]}
    return {**said, "media-color": [kind[1]]} if kind[1] else said


def printer(*loaded: dict[str, Any], **more: list[Any]) -> Attributes:
    return {"media-supported": [A4], "media-col-ready": list(loaded), **more}


def asks_for(kind: tuple[str, str]) -> dict[str, Any]:
    return {"media-col": [{**lies(kind), "media-type": [keyword(kind[0])]} | _color(kind)]}


def _color(kind: tuple[str, str]) -> dict[str, Any]:
    return {"media-color": [keyword(kind[1])]} if kind[1] else {}


BY_NAME = {"media": [keyword(A4)]}
ALL = printer(lies(PLAIN), lies(CLEAR), lies(BLUE))


@pytest.mark.parametrize(
    ("said", "medium", "job", "told"),
    [
        (ALL, "PAPER", asks_for(PLAIN), ""),
        (ALL, "CLEAR FILM", asks_for(CLEAR), ""),
        (ALL, "BLUE FILM", asks_for(BLUE), ""),
        (ALL, "MAMMO BLUE FILM", asks_for(BLUE), "printed on BLUE FILM"),
        (ALL, "MAMMO CLEAR FILM", asks_for(CLEAR), "printed on CLEAR FILM"),
        (printer(lies(PLAIN), lies(CLEAR)), "BLUE FILM", asks_for(CLEAR), "printed on CLEAR FILM"),
        (printer(lies(CLEAR), lies(BLUE)), "PAPER", asks_for(CLEAR), "printed on CLEAR FILM"),
        # One kind of this size: nothing to choose; what is not there is said.
        (printer(lies(PLAIN)), "PAPER", BY_NAME, ""),
        (printer(lies(PLAIN)), "BLUE FILM", BY_NAME, "BLUE FILM is not loaded in iso_a4_210x297mm: printed on PAPER"),
        (printer(lies(PLAIN), lies(BLUE, (29700, 42000))), "BLUE FILM", BY_NAME, "printed on PAPER"),
        # Nobody asked, or nobody knows.
        (ALL, "", BY_NAME, ""),
        (ALL, "CURRENT", BY_NAME, ""),
        (printer(), "BLUE FILM", BY_NAME, ""),
        (printer({"media-size": lies(PLAIN)["media-size"]}), "BLUE FILM", BY_NAME, ""),
        # A printer that cannot be told.
        (
            {**ALL, "job-creation-attributes-supported": ["media"]},
            "CLEAR FILM",
            BY_NAME,
            "the printer cannot be told which medium to take",
        ),
        (
            {**ALL, "media-col-supported": ["media-size"]},
            "CLEAR FILM",
            BY_NAME,
            "the printer cannot be told which medium to take",
        ),
        (
            {**ALL, "media-col-supported": ["media-size", "media-type"]},
            "BLUE FILM",
            {"media-col": [{**lies(("photographic-film", "")), "media-type": [keyword("photographic-film")]}]},
            "",
        ),
    ],
)
def test_a_film_asks_for_its_medium(said: Attributes, medium: str, job: dict[str, Any], told: str) -> None:
    found, warnings = job_media(said, A4, medium)
    assert found == job
    assert told in " ".join(warnings) and bool(told) == bool(warnings)


def test_every_medium_type_has_its_nearest() -> None:
    assert {*NEAREST, "CURRENT"} == set(MEDIUM_TYPES)


def test_the_default_medium_is_what_lies_in_the_printer() -> None:
    """PS3.4 H.4.1.2.1: a console that names no medium has not asked for film."""
    assert Printer().taking(Takes()).medium_type == "BLUE FILM"
    assert Printer().taking(Takes(media=(Medium("PAPER", "A4"), Medium("CLEAR FILM", "A4")))).medium_type == "PAPER"
