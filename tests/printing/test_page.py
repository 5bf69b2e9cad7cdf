"""FilmDocument: what N-ACTION froze comes back from its JSON form as it was."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from printing.page import (
    FilmDocument,
    FilmPage,
    PageImage,
    PageText,
    PatientClue,
    PixelReference,
    PresentationLUT,
    Rectangle,
    UnknownDocument,
)

LUT = PresentationLUT(None, tuple(range(4096)), 12)
PIXELS = PixelReference("box-1", 128, 8192, 64, 64, 1, "MONOCHROME2", 0, 16, 12, 11, (2, 3))
RECTANGLE = Rectangle(0.0, 0.0, 177.8, 215.9)
PAGE = FilmPage(
    "14INX17IN",
    "PORTRAIT",
    355.6,
    431.8,
    r"STANDARD\2,2",
    (
        PageImage(1, RECTANGLE, PIXELS, "REVERSE", requested_image_size_mm=100.5),
        PageImage(2, RECTANGLE, presentation_lut=PresentationLUT(None, (0, 1, 4095), 12)),
    ),
    annotations=(PageText(1, "Ünïcode", "HEADER", "top left"),),
    character_set=("", "ISO 2022 IR 87"),
)
CLUE = PatientClue("image box 2", patient_name="山田^太郎", study_instance_uid="1.2.3")
DOCUMENT = FilmDocument((PAGE, PAGE), 3, "HIGH", collated=True, patient_clues=(CLUE,))


def test_round_trip_keeps_every_value() -> None:
    assert FilmDocument.from_json(DOCUMENT.to_json()) == DOCUMENT


def test_same_document_same_bytes() -> None:
    assert FilmDocument.from_json(DOCUMENT.to_json()).to_json() == DOCUMENT.to_json()


def test_a_table_that_images_share_is_written_once() -> None:
    images = tuple(PageImage(number, RECTANGLE, presentation_lut=LUT) for number in range(1, 21))
    document = FilmDocument((replace(PAGE, images=images),))
    assert len(document.to_json()) < 2 * len(FilmDocument((replace(PAGE, images=images[:1]),)).to_json())
    assert FilmDocument.from_json(document.to_json()) == document


def test_a_document_with_its_table_beside_each_image_is_read_too() -> None:
    data = json.loads(DOCUMENT.to_json())
    (table,) = data.pop("presentation_luts")
    for page in data["pages"]:
        page["images"][1]["presentation_lut"] = table
    assert FilmDocument.from_json(json.dumps(data)) == DOCUMENT


def test_references_come_in_order() -> None:
    assert DOCUMENT.references() == (PIXELS, PIXELS)


@pytest.mark.parametrize("text", ["", "{}", "[]", "null", '{"version": 1}', '{"version": 1, "pages": [{"x": 1}]}'])
def test_other_json_is_refused(text: str) -> None:
    with pytest.raises(UnknownDocument):
        FilmDocument.from_json(text)


def test_other_version_is_refused() -> None:
    data = json.loads(DOCUMENT.to_json())
    data["version"] = 99
    with pytest.raises(UnknownDocument, match="another version"):
        FilmDocument.from_json(json.dumps(data))


@given(st.text(), st.integers(1, 99), st.booleans())
def test_any_text_survives(label: str, copies: int, collated: bool) -> None:
    document = FilmDocument((PAGE,), copies, film_session_label=label, collated=collated)
    assert FilmDocument.from_json(document.to_json()) == document
