"""Film on paper: how large, where, and what is said about it."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from printing.media_name import paper_of
from printing.outputs import Paper
from printing.render.sheet import CAPTION_MM, MOST_SHEETS, OVERLAP_MM, SAME_MM, sheets_for

A4, A3 = ("iso_a4_210x297mm", 210.0, 297.0, 5.0), ("iso_a3_297x420mm", 297.0, 420.0, 5.0)
LETTER = ("na_letter_8.5x11in", 215.9, 279.4, 6.35)


def test_no_paper_is_no_sheet() -> None:
    assert sheets_for(355.6, 431.8, [], "fit") == ()


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
    (sheet,) = sheets_for(*film, papers, "fit")
    assert sheet.name == name
    assert sheet.scale == pytest.approx(scale, abs=0.03)
    assert bool(sheet.caption) == bool(sheet.warning) == (scale != 1.0)


def test_true_size_keeps_its_size_and_says_what_is_lost() -> None:
    (sheet,) = sheets_for(355.6, 431.8, [A4], "true")
    assert sheet.scale == 1.0 and "edges" in sheet.warning and not sheet.caption
    (fitting,) = sheets_for(203.2, 254.0, [A3], "true")
    assert fitting.scale == 1.0 and fitting.warning == ""


ENVELOPE = ("na_number-10_4.125x9.5in", 104.775, 241.3, 6.35)


@pytest.mark.parametrize(
    ("film", "papers", "name"),
    [
        ((355.6, 431.8), [ENVELOPE, LETTER], "na_letter_8.5x11in"),
        ((355.6, 431.8), [A4, ENVELOPE, A3], "iso_a3_297x420mm"),
        ((203.2, 254.0), [A3, LETTER, ENVELOPE], "na_letter_8.5x11in"),
        ((210.3, 297.2), [A3, A4], "iso_a4_210x297mm"),
    ],
)
def test_true_size_takes_the_sheet_that_shows_most_of_the_film(
    film: tuple[float, float], papers: list[tuple[str, float, float, float]], name: str
) -> None:
    for order in itertools.permutations(papers):
        (sheet,) = sheets_for(*film, order, "true")
        assert (sheet.name, sheet.scale) == (name, 1.0)


def test_true_size_says_what_the_margins_take() -> None:
    (sheet,) = sheets_for(203.2, 254.0, [A4], "true")
    assert sheet.warning == (
        "the film is larger than what can be printed on iso_a4_210x297mm: its edges are not printed"
    )


SIZES = st.floats(50, 500)


@given(SIZES, SIZES, st.lists(st.tuples(st.just("p"), SIZES, SIZES, st.floats(0, 12)), min_size=1, max_size=4))
def test_a_fitted_film_lies_inside_of_what_can_be_printed(
    width: float, height: float, papers: list[tuple[str, float, float, float]]
) -> None:
    (sheet,) = sheets_for(width, height, papers, "fit")
    assert 0 < sheet.scale <= 1
    assert sheet.left_mm >= -SAME_MM and sheet.top_mm >= -SAME_MM
    assert sheet.left_mm + width * sheet.scale <= sheet.width_mm + SAME_MM
    assert sheet.top_mm + height * sheet.scale <= sheet.height_mm + SAME_MM
    if sheet.caption:
        assert sheet.top_mm + height * sheet.scale + CAPTION_MM <= sheet.height_mm + SAME_MM


@pytest.mark.parametrize(
    ("film", "papers", "count", "name"),
    [
        ((355.6, 431.8), [A4], 4, "iso_a4_210x297mm"),
        ((355.6, 431.8), [A4, A3], 2, "iso_a3_297x420mm"),
        ((431.8, 355.6), [A3], 2, "iso_a3_297x420mm"),
        ((203.2, 254.0), [A3, A4], 1, "iso_a3_297x420mm"),
        ((210.0, 297.0), [A4], 1, "iso_a4_210x297mm"),
        ((200.0, 287.0), [A4], 1, "iso_a4_210x297mm"),
        ((200.1, 287.0), [A4], 2, "iso_a4_210x297mm"),
    ],
)
def test_a_poster_takes_as_few_sheets_as_it_can(
    film: tuple[float, float], papers: list[tuple[str, float, float, float]], count: int, name: str
) -> None:
    sheets = sheets_for(*film, papers, "poster")
    assert len(sheets) == count and {sheet.name for sheet in sheets} == {name}
    assert all(sheet.scale == 1.0 for sheet in sheets)
    assert bool(sheets[0].caption) == bool(sheets[0].warning) == (count > 1)
    assert [sheet.warning for sheet in sheets[1:]] == [""] * (count - 1)


def test_a_poster_of_too_many_sheets_is_made_to_fit_and_says_so() -> None:
    for paper in (("label_50x70mm", 50.0, 70.0, 3.0), ("stamp_20x20mm", 20.0, 20.0, 3.0)):
        (sheet,) = sheets_for(355.6, 431.8, [paper], "poster")
        assert (
            sheet.scale < 1 and f"more than {MOST_SHEETS} sheets" in sheet.warning and "not to scale" in sheet.warning
        )


@given(SIZES, SIZES, st.floats(150, 500), st.floats(150, 500), st.floats(0, 12))
def test_the_parts_of_a_poster_show_the_whole_film_and_overlap(
    width: float, height: float, wide: float, high: float, margin: float
) -> None:
    sheets = sheets_for(width, height, [("p", wide, high, margin)], "poster")
    if len(sheets) == 1:
        return
    parts = []
    for sheet in sheets:
        assert sheet.window is not None
        left, top, across, down = sheet.window
        for x, y, w, h in (*sheet.marks, sheet.window, (*sheet.baseline_mm(height), 0, 0)):
            assert x >= margin - 0.1 and x + w <= sheet.width_mm - margin + 0.1
            assert y >= margin - 0.1 and y + h <= sheet.height_mm - margin + 0.1
        for x, y, w, h in sheet.marks:
            assert x + w <= left or x >= left + across or y + h <= top or y >= top + down, "a mark lies on the film"
        parts.append((left - sheet.left_mm, top - sheet.top_mm, across, down))
    columns, rows = sorted({round(x, 6) for x, *_ in parts}), sorted({round(y, 6) for _, y, *_ in parts})
    assert len(parts) == len(columns) * len(rows)
    for places, length, part in ((columns, width, parts[0][2]), (rows, height, parts[0][3])):
        assert places[0] == pytest.approx(0, abs=1e-6) and places[-1] + part == pytest.approx(length)
        assert all(b - a == pytest.approx(part - OVERLAP_MM, abs=1e-5) for a, b in itertools.pairwise(places))


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
