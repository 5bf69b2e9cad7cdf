"""Whose film it is: what a dialogue lets slip goes into the film's document, and nowhere else."""

from __future__ import annotations

import pytest
from pydicom import Dataset
from pydicom.sequence import Sequence

from printing.clues import MOST_CLUES, harvest, harvested
from printing.elements import read
from printing.page import PatientClue
from tests.printing.console import StepConsole, data_set, encode, image

PATIENT = {"PatientName": "Doe^Jane", "PatientID": "4711", "PatientBirthDate": "19700101", "PatientSex": "F"}
CLUE = {"patient_name": "Doe^Jane", "patient_id": "4711", "patient_birth_date": "19700101", "patient_sex": "F"}


def clues(console: StepConsole) -> tuple[PatientClue, ...]:
    console.print_film()
    return console.submitted.document.patient_clues


def test_a_dialogue_that_says_nothing_leaves_no_clue() -> None:
    console = StepConsole()
    console.whole_film()
    assert console.submitted.document.patient_clues == ()


def test_c_13_1_proposed_study_sequence_of_the_film_session() -> None:
    console = StepConsole()
    study = data_set(**PATIENT, StudyInstanceUID="1.2.3.4", AccessionNumber="A1")
    assert console.film_session(ProposedStudySequence=Sequence([study])).status == 0
    console.film_box()
    assert clues(console) == (
        PatientClue(
            "film session, Proposed Study Sequence", **CLUE, study_instance_uid="1.2.3.4", accession_number="A1"
        ),
    )


@pytest.mark.parametrize("inside", [False, True], ids=["beside the image sequence", "inside of it"])
def test_c_13_5_original_image_sequence_of_an_image_box(inside: bool) -> None:
    original = Sequence([data_set(ReferencedSOPInstanceUID="1.2.9", StudyInstanceUID="1.2.3.4", PatientID="4711")])
    console = StepConsole()
    console.film_session()
    console.film_box(r"STANDARD\1,2")
    if inside:
        answer = console.image_box(2, image(OriginalImageSequence=original))
    else:
        answer = console.image_box(2, None, OriginalImageSequence=original)
    assert answer.status == 0
    assert clues(console) == (
        PatientClue(
            "image box 2, Original Image Sequence",
            patient_id="4711",
            study_instance_uid="1.2.3.4",
            sop_instance_uid="1.2.9",
        ),
    )


def test_patient_attributes_in_an_image_box() -> None:
    console = StepConsole()
    console.film_session()
    console.film_box()
    assert console.image_box(1, None, **PATIENT, PatientComments="x").status == 0
    assert clues(console) == (PatientClue("image box 1", **CLUE),)


def test_another_image_in_the_box_brings_its_own_patient() -> None:
    console = StepConsole()
    console.film_session()
    console.film_box()
    console.image_box(1, None, PatientID="first")
    console.image_box(1, None, PatientID="second")
    assert clues(console) == (PatientClue("image box 1", patient_id="second"),)


def test_free_texts_are_clues_too() -> None:
    console = StepConsole()
    console.film_session(FilmSessionLabel="DOE JANE 4711")
    wanted = "aycan print I1=DOE_JANE I2=4711"
    console.film_box(AnnotationDisplayFormatID="LABEL", ConfigurationInformation=wanted)
    console.annotation(1, "Doe, Jane")
    assert clues(console) == (
        PatientClue("configuration information", text="DOE JANE 4711"),
        PatientClue("film session label", text="DOE JANE 4711"),
        PatientClue("annotation", text="Doe, Jane"),
    )


def test_names_are_in_the_sessions_character_set_or_their_own() -> None:
    console = StepConsole()
    console.film_session(SpecificCharacterSet="ISO_IR 192")
    console.film_box(r"STANDARD\1,2")
    item = Dataset()
    item.add_new(0x00100010, "PN", "山田^太郎".encode())
    raw = read(encode(item), True)
    assert harvest("x", raw, ("ISO_IR 192",)) == (PatientClue("x", patient_name="山田^太郎"),)
    own = data_set(SpecificCharacterSet="ISO_IR 100", PatientName="Größe")
    assert harvest("x", read(encode(own), True), ("ISO_IR 192",)) == (PatientClue("x", patient_name="Größe"),)


def test_the_same_clue_is_kept_once() -> None:
    console = StepConsole()
    console.film_session()
    console.film_box()
    console.image_box(1, image(PatientID="1"), PatientID="1")
    assert clues(console) == (PatientClue("image box 1", patient_id="1"),)


def test_a_film_of_another_session_has_no_clue_of_this_one() -> None:
    console = StepConsole()
    console.film_session(PatientID="1")
    console.delete_session()
    console.film_session()
    console.film_box()
    assert clues(console) == ()


def test_clues_are_bounded() -> None:
    many = data_set(ProposedStudySequence=Sequence([data_set(PatientID=str(number)) for number in range(99)]))
    assert len(harvest("x", read(encode(many), True), ())) == MOST_CLUES
    long = Dataset()
    long.add_new(0x00100020, "LT", "9" * 5000)
    (found,) = harvest("x", read(encode(long), True), ())
    assert len(found.patient_id) == 324


@pytest.mark.parametrize(
    ("tag", "is_one"), [(0x00100010, True), (0x00104000, True), (0x0020000D, True), (0x00180015, False)]
)
def test_which_attributes_are_looked_at(tag: int, is_one: bool) -> None:
    assert harvested(tag) is is_one
