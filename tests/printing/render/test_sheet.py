"""Film on paper: how large, where, and what is said about it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from printing.media_name import paper_of
from printing.outputs import Paper
from printing.render.sheet import CAPTION_MM, SAME_MM, sheet_for

A4, A3 = ("iso_a4_210x297mm", 210.0, 297.0, 5.0), ("iso_a3_297x420mm", 297.0, 420.0, 5.0)
LETTER = ("na_letter_8.5x11in", 215.9, 279.4, 6.35)


def test_no_paper_is_no_sheet() -> None:
    assert sheet_for(355.6, 431.8, [], "fit") is None


@pytest.mark.parametrize(
    ("film", "papers", "name", "scale"),
    [
        ((203.2, 254.0), [LETTER], "na_letter_8.5x11in", 1.0),
        ((203.2, 254.0), [A4, A3], "iso_a3_297x420mm", 1.0),
        ((210.0, 297.0), [A3, A4], "iso_a4_210x297mm", 1.0),
        ((297.4, 209.7), [A4], "iso_a4_210x297mm", 1.0),
        ((355.6, 431.8), [A4], "iso_a4_210x297mm", 200 / 355.6),
        ((355.6, 431.8), [A4, A3], "iso_a3_297x420mm", 287 / 355.6),
        ((431.8, 355.6), [A4], "iso_a4_210x297mm", 195 / 355.6),
    ],
)
def test_a_film_is_shown_as_large_as_it_may_be(
    film: tuple[float, float], papers: list[tuple[str, float, float, float]], name: str, scale: float
) -> None:
    sheet = sheet_for(*film, papers, "fit")
    assert sheet is not None and sheet.name == name
    assert sheet.scale == pytest.approx(scale, abs=0.03)
    assert bool(sheet.caption) == bool(sheet.warning) == (scale != 1.0)


def test_true_size_keeps_its_size_and_says_what_is_lost() -> None:
    sheet = sheet_for(355.6, 431.8, [A4], "true")
    assert sheet is not None and sheet.scale == 1.0 and "edges" in sheet.warning and not sheet.caption
    fitting = sheet_for(203.2, 254.0, [A3], "true")
    assert fitting is not None and fitting.scale == 1.0 and fitting.warning == ""


SIZES = st.floats(50, 500)


@given(SIZES, SIZES, st.lists(st.tuples(st.just("p"), SIZES, SIZES, st.floats(0, 12)), min_size=1, max_size=4))
def test_a_fitted_film_lies_inside_of_what_can_be_printed(
    width: float, height: float, papers: list[tuple[str, float, float, float]]
) -> None:
    sheet = sheet_for(width, height, papers, "fit")
    assert sheet is not None and 0 < sheet.scale <= 1
    assert sheet.left_mm >= -SAME_MM and sheet.top_mm >= -SAME_MM
    assert sheet.left_mm + width * sheet.scale <= sheet.width_mm + SAME_MM
    assert sheet.top_mm + height * sheet.scale <= sheet.height_mm + SAME_MM
    if sheet.caption:
        assert sheet.top_mm + height * sheet.scale + CAPTION_MM <= sheet.height_mm + SAME_MM


@pytest.mark.parametrize(
    ("name", "paper"),
    [
        ("iso_a4_210x297mm", Paper("iso_a4_210x297mm", 210, 297, 5)),
        ("na_letter_8.5x11in", Paper("na_letter_8.5x11in", 215.9, 279.4, 5)),
        ("custom_x_100x200mm", Paper("custom_x_100x200mm", 100, 200, 5)),
        ("a4", None),
        ("custom_min_0x0in", None),
        ("iso_a4_210x297", None),
        ("", None),
    ],
)
def test_media_names_say_their_size(name: str, paper: Paper | None) -> None:
    found = paper_of(name, 5)
    if paper is None or found is None:
        assert found is paper
    else:
        assert (found.name, found.margin_mm) == (paper.name, 5)
        assert (found.width_mm, found.height_mm) == pytest.approx((paper.width_mm, paper.height_mm))
