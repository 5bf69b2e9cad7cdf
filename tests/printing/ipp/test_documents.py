"""What a printer is sent, and how its paper is asked for: by what printers say of themselves."""

from __future__ import annotations

from typing import Any

import pytest

from printing.ipp.documents import target_of
from printing.ipp.media import job_media, papers_of
from printing.ipp.message import Attributes, Resolution, keyword
from printing.outputs import JPEG, PDF, PWG, Paper, Target

A4 = Paper("iso_a4_210x297mm", 210, 297, 4.2)


def dpi(*numbers: int) -> list[Resolution]:
    return [Resolution(number, number) for number in numbers]


@pytest.mark.parametrize(
    ("said", "target"),
    [
        ({"document-format-supported": [JPEG, PWG, PDF]}, Target(PDF, (A4,))),
        ({"document-format-supported": [JPEG, PWG]}, Target(JPEG, (A4,), 300)),  # no resolution: no raster
        ({"document-format-supported": [JPEG], "color-supported": [False]}, Target(JPEG, (A4,), 300, color=False)),
        ({"document-format-supported": ["application/vnd.hp-pcl", "image/urf"]}, None),
        ({}, None),
        (
            {"document-format-supported": [PWG], "pwg-raster-document-resolution-supported": dpi(300, 600)},
            Target(PWG, (A4,), 300, color=False),
        ),
        (
            {
                "document-format-supported": [JPEG, PWG],
                "pwg-raster-document-resolution-supported": dpi(150, 200),
                "pwg-raster-document-type-supported": ["black_1", "sgray_8", "srgb_8", "srgb_16"],
            },
            Target(PWG, (A4,), 200),
        ),
        (
            {
                "document-format-supported": [PWG],
                "printer-resolution-supported": [Resolution(1200, 600), Resolution(600, 600)],
                "pwg-raster-document-type-supported": ["srgb_8"],
            },
            Target(PWG, (A4,), 600, gray=False),
        ),
        (
            {
                "document-format-supported": [PWG, JPEG],
                "pwg-raster-document-resolution-supported": dpi(600),
                "pwg-raster-document-type-supported": ["black_1"],
            },
            Target(JPEG, (A4,), 300),
        ),
    ],
)
def test_the_best_format_that_a_printer_reads(said: Attributes, target: Target | None) -> None:
    assert target_of(said, (A4,), 300) == target


def media_col(x: int, y: int, margin: int = 420, **more: Any) -> Attributes:
    margins = {f"media-{edge}-margin": [margin] for edge in ("top", "bottom", "left", "right")}
    return {"media-size": [{"x-dimension": [x], "y-dimension": [y]}], **margins, **more}


def test_what_lies_in_the_printer_by_its_name_or_by_its_size() -> None:
    named = media_col(21000, 29700, **{"media-size-name": ["iso_a4_210x297mm"]})
    assert papers_of({"media-col-ready": [named]}) == (A4,)
    nameless: Attributes = {"media-col-ready": [media_col(21000, 29700)], "media-supported": ["iso_a4_210x297mm"]}
    assert papers_of(nameless) == (A4,)
    assert job_media(nameless, "iso_a4_210x297mm") == ({"media": [keyword("iso_a4_210x297mm")]}, ())


def test_paper_without_any_name_is_asked_for_by_its_size() -> None:
    said: Attributes = {"media-col-ready": [media_col(35560, 43180, 0)], "media-supported": ["iso_a4_210x297mm"]}
    (paper,) = papers_of(said)
    assert (paper.width_mm, paper.height_mm, paper.margin_mm) == (355.6, 431.8, 0)
    size = {"x-dimension": [35560], "y-dimension": [43180]}
    assert job_media(said, paper.name) == ({"media-col": [{"media-size": [size]}]}, ())
    by_name_alone: Attributes = {**said, "job-creation-attributes-supported": ["media", "copies"]}
    assert job_media(by_name_alone, paper.name) == ({"media": [keyword(paper.name)]}, ())


def test_paper_of_the_configuration_has_the_printers_name_and_margins() -> None:
    said: Attributes = {
        "media-supported": ["na_letter_8.5x11in", "custom_film_355.6x431.8mm"],
        "media-top-margin-supported": [300],
        "media-left-margin-supported": [100, 635],
    }
    (film,) = papers_of(said, "oe_14x17_14x17in")
    assert (film.name, film.width_mm, film.margin_mm) == ("custom_film_355.6x431.8mm", pytest.approx(355.6), 6.35)
    assert papers_of(said, "iso_a3_297x420mm") == (Paper("iso_a3_297x420mm", 297, 420, 6.35),)
    assert papers_of({}, "iso_a3_297x420mm") == (Paper("iso_a3_297x420mm", 297, 420, 0),)


def test_a_printer_that_says_nothing_of_paper_has_none() -> None:
    assert papers_of({}) == () and job_media({}, "") == ({}, ())
    broken: Attributes = {"media-col-ready": [{"media-size": [{"x-dimension": [0]}]}, "none"], "media-ready": ["a4"]}
    assert papers_of(broken) == ()
