"""Image Display Format, PS3.3 C.13.3."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from printing.display_format import MOST_IMAGE_BOXES, DisplayFormat
from printing.status import Refused

small = st.integers(1, 20)
formats = st.one_of(
    st.tuples(small, small).map(lambda pair: DisplayFormat("STANDARD", pair)),
    st.lists(small, min_size=1, max_size=20).map(lambda rows: DisplayFormat("ROW", tuple(rows))),
    st.lists(small, min_size=1, max_size=20).map(lambda columns: DisplayFormat("COL", tuple(columns))),
    st.integers(1, 9999).map(lambda number: DisplayFormat("CUSTOM", (number,))),
    st.sampled_from(["SLIDE", "SUPERSLIDE"]).map(DisplayFormat),
)


@given(formats)
def test_parse_of_text_is_the_format(display: DisplayFormat) -> None:
    assert DisplayFormat.parse(str(display)) == display


@given(formats, st.sampled_from([" ", "\0", "", "  "]), st.booleans())
def test_padding_and_case_are_forgiven(display: DisplayFormat, padding: str, lower: bool) -> None:
    text = str(display).lower() if lower else str(display)
    assert DisplayFormat.parse(padding + text + padding) == display


@given(st.text(alphabet="STANDARDROWCOL\\,0123456789 \0", max_size=60))
def test_any_text_is_a_bounded_format_or_refused(text: str) -> None:
    try:
        display = DisplayFormat.parse(text)
    except Refused as refused:
        assert refused.status in (0x0106, 0x0213)
    else:
        assert display.image_boxes is None or 1 <= display.image_boxes <= MOST_IMAGE_BOXES
        assert DisplayFormat.parse(str(display)) == display


@pytest.mark.parametrize(
    ("text", "boxes"),
    [(r"STANDARD\2,3", 6), (r"ROW\1,2,3", 6), (r"COL\4,1", 5), (r"STANDARD\20,20", 400), (r"ROW\1", 1)],
)
def test_c_13_3_number_of_image_boxes(text: str, boxes: int) -> None:
    assert DisplayFormat.parse(text).image_boxes == boxes


def test_c_13_3_standard_names_columns_first() -> None:
    assert DisplayFormat.parse(r"STANDARD\3,5").numbers == (3, 5)


@pytest.mark.parametrize(
    "text",
    ["STANDARD", r"STANDARD\1", r"STANDARD\1,2,3", r"STANDARD\0,1", r"ROW", r"ROW\0", r"CUSTOM\1,2", r"SLIDE\2", "",
     "\\", r"STANDARD\-1,2", r"STANDARD\1.5,2", r"PORTRAIT\1,1", r"STANDARD\99999,1", "ROW\\" + "1," * 600 + "1"],
)  # fmt: skip
def test_what_is_no_format_is_0106(text: str) -> None:
    with pytest.raises(Refused) as refused:
        DisplayFormat.parse(text)
    assert refused.value.status == 0x0106
    assert refused.value.offending == (0x20100010,)


@pytest.mark.parametrize("text", [r"STANDARD\21,20", r"STANDARD\9999,9999", r"ROW\9999,1"])
def test_too_many_image_boxes_is_0213(text: str) -> None:
    with pytest.raises(Refused) as refused:
        DisplayFormat.parse(text)
    assert refused.value.status == 0x0213


def test_a_backslash_that_a_language_ate_is_understood() -> None:
    assert DisplayFormat.parse("STANDARD\x01,1") == DisplayFormat("STANDARD", (1, 1))
    assert DisplayFormat.parse("STANDARD\\\\2,2") == DisplayFormat("STANDARD", (2, 2))
