"""PS3.4 H.4.4: annotation boxes, from the film's format to the text on the page."""

from __future__ import annotations

from dataclasses import replace

import pytest

from printing.annotation import FORMATS, PLACES
from printing.elements import decode_text
from printing.outputs.dicom.film import character_set as relayed_character_set
from printing.outputs.dicom.film import encoded
from printing.page import FilmDocument, FilmPage, PageText
from printing.printer import Printer
from printing.terms import ANNOTATION_BOX, COLOR_IMAGE_BOX, Command
from tests.printing.console import StepConsole, data_set


@pytest.fixture(params=[(True, False), (False, False), (True, True), (False, True)], ids=str)
def console(request: pytest.FixtureRequest) -> StepConsole:
    """A console in every encoding that there is."""
    explicit, undefined_lengths = request.param
    return StepConsole(explicit=explicit, undefined_lengths=undefined_lengths)


def annotated(format_id: str = "HEADER", **session: object) -> StepConsole:
    """A console with a film that has annotation boxes."""
    console = StepConsole()
    console.film_session(**session)
    assert console.film_box(AnnotationDisplayFormatID=format_id).status == 0
    return console


def texts(console: StepConsole) -> tuple[PageText, ...]:
    console.print_film()
    return console.submitted.document.pages[0].annotations


@pytest.mark.parametrize(("format_id", "boxes"), [("HEADER", 3), ("FOOTER", 3), ("LABEL", 1), ("ANNOTATION", 6)])
def test_h_4_2_2_1_3_every_printer_has_formats(console: StepConsole, format_id: str, boxes: int) -> None:
    console.film_session()
    answer = console.film_box(AnnotationDisplayFormatID=format_id)
    assert answer.status == 0 and answer.data is not None
    assert answer.data.AnnotationDisplayFormatID == format_id
    items = answer.data.ReferencedBasicAnnotationBoxSequence
    assert {item.ReferencedSOPClassUID for item in items} == {ANNOTATION_BOX}
    assert len({item.ReferencedSOPInstanceUID for item in items}) == boxes == len(FORMATS[format_id])
    assert len(console.boxes) == 1


def test_the_texts_stand_where_the_format_has_them(console: StepConsole) -> None:
    console.film_session()
    console.film_box(AnnotationDisplayFormatID="HEADER")
    for number, text in ((3, "right"), (1, "left")):
        answer = console.annotation(number, text)
        assert answer.status == 0 and answer.data is not None and answer.data.TextString == text
    assert texts(console) == (PageText(1, "left", "HEADER", "top left"), PageText(3, "right", "HEADER", "top right"))


def test_formats_of_the_configuration() -> None:
    printer = Printer(annotation_formats={**FORMATS, "LOGO": ("bottom right", "top left")})
    console = StepConsole(printer)
    console.film_session()
    assert console.film_box(AnnotationDisplayFormatID="LOGO").status == 0
    console.annotation(1, "Clinique du Lac")
    assert texts(console) == (PageText(1, "Clinique du Lac", "LOGO", "bottom right"),)


def test_a_format_that_nobody_has_gets_boxes_all_the_same() -> None:
    console = StepConsole()
    console.film_session()
    answer = console.film_box(AnnotationDisplayFormatID="COMBINED")
    assert (answer.status, answer.offending) == (0x0116, (0x20100030,))
    assert answer.data is not None and answer.data.AnnotationDisplayFormatID == "ANNOTATION"
    assert len(console.annotations) == len(PLACES) == 6


def test_without_a_format_there_are_no_annotation_boxes() -> None:
    console = StepConsole()
    console.film_session()
    answer = console.film_box()
    assert answer.data is not None and "ReferencedBasicAnnotationBoxSequence" not in answer.data
    assert console.annotations == [] and texts(console) == ()


@pytest.mark.parametrize("format_id", ["LABEL", "COMBINED"])
def test_where_the_class_was_not_negotiated_there_are_none_and_no_word_about_it(format_id: str) -> None:
    console = StepConsole(annotations=False)
    console.film_session()
    answer = console.film_box(AnnotationDisplayFormatID=format_id)
    assert answer.status == 0 and answer.data is not None
    assert "ReferencedBasicAnnotationBoxSequence" not in answer.data
    assert "AnnotationDisplayFormatID" not in answer.data


SETS = [
    ("ISO_IR 192", "Zoë 山田 김희중 Иванов عمر"),
    ("ISO_IR 100", "Größe"),
    ("ISO_IR 144", "Люкceмбypг"),
    ("ISO_IR 127", "قباني"),
    (r"\ISO 2022 IR 87", "山田^太郎"),
    (r"\ISO 2022 IR 149", "김희중"),
    ("GB18030", "王小东"),
]


@pytest.mark.filterwarnings("ignore:Found unknown escape sequence")  # of the answer, which names no character set
@pytest.mark.parametrize(("character_set", "text"), SETS)
def test_h_4_2_2_1_3_texts_are_in_the_sessions_character_set(character_set: str, text: str) -> None:
    console = annotated("LABEL", SpecificCharacterSet=character_set.split("\\"))
    data = data_set(SpecificCharacterSet=character_set.split("\\"), AnnotationPosition=1, TextString=text)
    assert console.say(Command.N_SET, ANNOTATION_BOX, console.annotations[0], data).status == 0
    assert [one.text for one in texts(console)] == [text]


@pytest.mark.parametrize(
    ("character_set", "text", "used"),
    [
        (r"\ISO 2022 IR 87", "山田^太郎", ("", "ISO 2022 IR 87")),
        (r"\ISO 2022 IR 58", "张^小东", ("ISO_IR 192",)),  # pydicom reads it and cannot write it
        ("ISO_IR 100", "CT 3", ()),
    ],
)
def test_relayed_texts_are_in_the_consoles_character_set_where_it_says_them(
    character_set: str, text: str, used: tuple[str, ...]
) -> None:
    page = FilmPage("A4", "PORTRAIT", 210, 297, r"STANDARD\1,1", (), character_set=tuple(character_set.split("\\")))
    document = FilmDocument((replace(page, annotations=(PageText(1, text),)),))
    assert relayed_character_set(document) == used
    written = encoded(text, used)
    assert decode_text(written.decode("latin-1"), used) == text


def test_h_4_4_2_1_3_a_text_without_signs_erases() -> None:
    console = annotated("LABEL")
    console.annotation(1, "wrong")
    answer = console.annotation(1, None)
    assert answer.status == 0 and answer.data is not None and answer.data.TextString == ""
    assert texts(console) == ()


def test_another_text_replaces_the_first() -> None:
    console = annotated("LABEL")
    console.annotation(1, "first")
    console.annotation(1, "second")
    assert [one.text for one in texts(console)] == ["second"]


def test_a_box_without_position_stands_where_it_was_made() -> None:
    console = annotated("HEADER")
    data = data_set(TextString="middle")
    assert console.say(Command.N_SET, ANNOTATION_BOX, console.annotations[1], data).status == 0
    assert texts(console) == (PageText(2, "middle", "HEADER", "top center"),)


def test_texts_stand_by_position_even_against_their_instances() -> None:
    console = annotated("HEADER")
    for number in (1, 2, 3):
        data = data_set(AnnotationPosition=4 - number, TextString=str(number))
        assert console.say(Command.N_SET, ANNOTATION_BOX, console.annotations[number - 1], data).status == 0
    assert [(one.position, one.text) for one in texts(console)] == [(1, "3"), (2, "2"), (3, "1")]


@pytest.mark.parametrize("position", [0, 4, 65535])
def test_a_position_that_is_not_there_is_0106(position: int) -> None:
    console = annotated("HEADER")
    answer = console.annotation(1, "x", AnnotationPosition=position)
    assert (answer.status, answer.offending) == (0x0106, (0x20300010,))


def test_h_4_2_2_2_3_annotations_of_earlier_films_are_frozen() -> None:
    console = annotated("LABEL")
    console.annotation(1, "first film")
    (frozen,) = console.annotations
    console.film_box(AnnotationDisplayFormatID="LABEL")
    assert console.say(Command.N_SET, ANNOTATION_BOX, frozen, data_set(TextString="x")).status == 0x0112
    console.annotation(1, "second film")
    console.print_session()
    pages = console.submitted.document.pages
    assert [page.annotations[0].text for page in pages] == ["first film", "second film"]


def test_class_and_instance_must_agree() -> None:
    console = annotated("LABEL")
    (uid,) = console.annotations
    assert console.say(Command.N_SET, COLOR_IMAGE_BOX, uid, data_set(ImageBoxPosition=1)).status == 0x0119
    assert console.say(Command.N_SET, ANNOTATION_BOX, console.boxes[0], data_set(TextString="x")).status == 0x0119
    assert console.say(Command.N_SET, ANNOTATION_BOX, "1.2.3.999", data_set(TextString="x")).status == 0x0112


def test_a_film_of_annotations_alone_is_an_empty_film() -> None:
    console = annotated("LABEL")
    console.annotation(1, "text")
    assert console.print_film().status == 0xB603
