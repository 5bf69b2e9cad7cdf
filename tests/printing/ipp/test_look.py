"""What an IPP printer says it takes, and which of its trays is empty."""

from __future__ import annotations

from typing import Any

import pytest

from printing.ipp.look import look_of, state_of
from printing.ipp.message import Resolution, Tagged
from printing.outputs import Paper
from printing.printer import Medium, PrinterState
from printing.terms import STATUS_INFO_TERMS, PrinterStatus


def sheet(wide: int, high: int, tray: str, kind: str = "stationery", color: str = "white") -> dict[str, list[Any]]:
    return {
        "media-size": [{"x-dimension": [wide], "y-dimension": [high]}],
        "media-source": [tray],
        "media-type": [kind],
        "media-color": [color],
    }


def tray(name: str, level: int, size: tuple[int, int] = (0, 0)) -> Tagged:
    lies = f"mediafeed={size[1]};mediaxfeed={size[0]}"
    return Tagged(0x30, f"type=sheetFeedAuto;{lies};maxcapacity=250;level={level};status=0;name={name}".encode())


LOADED = {
    "media-col-ready": [sheet(21000, 29700, "top"), sheet(35560, 43180, "bottom", "film", "clear-blue")],
    "media-col-default": [sheet(35560, 43180, "bottom")],
    "media-supported": [
        "iso_a3_297x420mm",
        "iso_a4_210x297mm",
        "na_govt-letter_8x10in",
        "iso_dl_110x220mm",
        "nonsense",
    ],
    "print-color-mode-supported": ["monochrome", "color"],
    "printer-resolution-supported": [Resolution(600, 600), Resolution(1200, 600)],
}


def test_media_are_film_sizes_the_default_first() -> None:
    takes = look_of(LOADED, (Paper("iso_a4_210x297mm", 210, 297, 4.2),)).takes
    assert takes is not None
    assert takes.media == (
        Medium("BLUE FILM", "14INX17IN"),
        Medium("PAPER", "A4"),
        Medium("PAPER", "A3", installed=False),
        Medium("PAPER", "8INX10IN", installed=False),
    )
    assert (takes.color, takes.finest_dpi, takes.papers) == (True, 600, (("iso_a4_210x297mm", 210, 297, 4.2),))


@pytest.mark.parametrize(
    ("trays", "reason", "info"),
    [
        ([("top", 0), ("bottom", 200)], "media-empty", "EMPTY A4 PAPR"),
        ([("top", 200), ("bottom", 0)], "media-empty", "EMPTY 14X17 BLUE"),
        ([("top", 5), ("bottom", 200)], "media-low", "LOW A4 PAPR"),
        ([("top", -2), ("bottom", -2)], "media-empty", "SUPPLY EMPTY"),
        ([], "media-empty", "SUPPLY EMPTY"),
    ],
)
def test_the_tray_that_is_empty_is_named(trays: list[tuple[str, int]], reason: str, info: str) -> None:
    said = {
        **LOADED,
        "printer-state": [5],
        "printer-state-reasons": [f"{reason}-error"],
        "printer-input-tray": [tray(*one) for one in trays],
    }
    assert state_of(said) == PrinterState(PrinterStatus.FAILURE, info)


def test_the_only_medium_is_the_one_that_is_empty_and_a_second_tray_of_it_is_none() -> None:
    one = {
        "printer-state": [5],
        "printer-state-reasons": ["media-empty"],
        "media-col-ready": [sheet(21000, 29700, "top")],
    }
    assert state_of(one).info == "EMPTY A4 PAPR"
    two = {**one, "printer-input-tray": [tray("top", 0), tray("bottom", 100, (21000, 29700))]}
    assert state_of(two).info == "SUPPLY EMPTY"


@pytest.mark.parametrize(
    "hostile",
    [
        {"printer-state": ["x"], "printer-state-reasons": [7], "media-col-ready": [7, {"media-size": [7]}, {}]},
        {"printer-input-tray": [7, "=;=;;", b"level=99999999999999;name=top", tray("x" * 5000, 0)]},
        {
            "media-supported": [7, "_1x1mm", "_99999x99999in"],
            "media-ready": [None],
            "printer-resolution-supported": [3],
        },
        {"media-col-ready": [{"media-size": [{"x-dimension": ["1"], "y-dimension": [None]}]}], "color-supported": [1]},
    ],
)
def test_nonsense_is_no_error(hostile: dict[str, Any]) -> None:
    look = look_of({**LOADED, **hostile})
    assert look.state.info in {*STATUS_INFO_TERMS, "NORMAL"} and look.takes is not None


@pytest.mark.parametrize(
    ("more", "dpi"),
    [
        ({"document-format-supported": ["application/pdf", "image/pwg-raster"]}, None),
        (
            {
                "document-format-supported": ["image/pwg-raster"],
                "pwg-raster-document-resolution-supported": [Resolution(300, 300), Resolution(600, 600)],
            },
            300,
        ),
        ({"document-format-supported": ["image/jpeg"]}, 150),
        ({}, None),
    ],
)
def test_a_raster_has_one_resolution_and_that_is_told(more: dict[str, Any], dpi: float | None) -> None:
    takes = look_of({**LOADED, **more}, (), 300 if dpi == 300 else 150).takes
    assert takes is not None and takes.dpi == dpi
