"""Whose film it is: everybody's clues, or nobody's."""

from __future__ import annotations

from dataclasses import replace

import pytest

from printing.outputs.archive.identity import Identity, Unidentified, identity_of
from printing.page import FilmDocument, FilmPage, PageImage, PatientClue, PixelReference, Rectangle

PIXELS = PixelReference("x", 0, 1, 1, 1, 1, "MONOCHROME2", 0, 8, 8, 7)
ANNA = {"patient_name": "Muster^Anna", "patient_id": "4711"}


def document(*clues: PatientClue, films: int = 1, images: int = 2) -> FilmDocument:
    boxes = tuple(PageImage(number, Rectangle(0, 0, 1, 1), PIXELS) for number in range(1, images + 1))
    empty = PageImage(images + 1, Rectangle(0, 0, 1, 1))
    page = FilmPage("8INX10IN", "PORTRAIT", 203.2, 254.0, r"STANDARD\1,3", (*boxes, empty))
    return FilmDocument((page,) * films, patient_clues=clues)


def clue(source: str, **fields: str) -> PatientClue:
    return PatientClue(source, **{**ANNA, **fields})


@pytest.mark.parametrize(
    ("films", "sources"),
    [
        (1, ["film session"]),
        (3, ["film session, Proposed Study Sequence"]),
        (1, ["film box, Proposed Study Sequence"]),
        (1, ["image box 1", "image box 2, Original Image Sequence"]),
        (2, ["film 1, film box", "film 2, image box 1", "film 2, image box 2"]),
    ],
)
def test_clues_that_cover_every_image_and_agree_are_an_identity(films: int, sources: list[str]) -> None:
    found = identity_of(document(*map(clue, sources), films=films))
    assert found == Identity("Muster^Anna", "4711")


@pytest.mark.parametrize(
    ("films", "clues", "why"),
    [
        (1, [], "names no Patient ID"),
        (1, [clue("film session", patient_id="")], "names no Patient ID"),
        (1, [clue("film session"), clue("film box", patient_id="4712")], "names 2 Patient IDs"),
        (1, [clue("film session"), clue("image box 2", patient_id="", patient_name="Muster^Berta")], "2 patient names"),
        (1, [clue("film session", patient_sex="F"), clue("film box", patient_sex="M")], "2 sexes"),
        (1, [clue("image box 1")], "for some of the images alone"),
        (2, [clue("film 1, film box")], "for some of the images alone"),
        (2, [clue("film box")], "for some of the images alone"),
        (1, [clue("annotation"), clue("film session label")], "names no Patient ID"),
    ],
)
def test_anything_else_is_nobodys(films: int, clues: list[PatientClue], why: str) -> None:
    with pytest.raises(Unidentified, match=why) as failure:
        identity_of(document(*clues, films=films))
    assert "4711" not in str(failure.value) and "Muster" not in str(failure.value)


def test_names_that_are_the_same_name_agree_and_what_is_no_value_is_left_out() -> None:
    first = clue("film session", patient_name="Muster^Anna^^", patient_birth_date="soon", patient_sex="?")
    study = replace(clue("film box", patient_name="MUSTER^anna"), accession_number="A1", study_instance_uid="1.2.3")
    found = identity_of(document(first, study))
    assert found == Identity("Muster^Anna^^", "4711", "", "", "A1", "1.2.3")


def test_two_studies_are_none() -> None:
    clues = (clue("film session", study_instance_uid="1.2.3"), clue("film box", study_instance_uid="1.2.4"))
    assert identity_of(document(*clues)).study_instance_uid == ""
