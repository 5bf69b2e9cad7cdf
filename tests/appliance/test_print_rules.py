"""PS3.4 Annex H as tables: which classes there are, which attributes, which rules hold, which statuses are said."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from pydicom import Dataset
from pydicom.datadict import tag_for_keyword
from pydicom.sequence import Sequence

from appliance.association.message import Ending
from appliance.capabilities import PRINT, RETIRED
from appliance.jobs import JobEvent
from appliance.personality import Personality
from printing.attributes import BEYOND, usages
from printing.page import FilmDocument
from printing.printer import PrinterState
from printing.status import MEANINGS
from printing.terms import (
    ANNOTATION_BOX,
    COLOR_IMAGE_BOX,
    COLOR_META,
    FILM_BOX,
    FILM_SESSION,
    GRAYSCALE_IMAGE_BOX,
    GRAYSCALE_META,
    PRESENTATION_LUT,
    PRINT_JOB,
    PRINTER,
    PRINTER_CONFIGURATION,
    PRINTER_INSTANCE,
    Command,
    PrinterStatus,
)
from tests.appliance.print_rig import FINISHED, MemoryConsole, NetworkConsole, Rig, carry, wait_for
from tests.printing.console import Answer, data_set, image, lut_reference, reference

pytestmark = pytest.mark.filterwarnings("ignore:Invalid value for VR")


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    made = Rig(tmp_path)
    yield made
    made.close()


def documents(rig: Rig) -> list[FilmDocument]:
    return [
        FilmDocument.from_json((rig.job_folder(job.folder) / "document.json").read_bytes()) for job in rig.jobs.list()
    ]


# -- H.3, H.4: SOP classes ---------------------------------------------------------------------------------------------

LIVE = {
    GRAYSCALE_META: (),
    COLOR_META: (),
    FILM_SESSION: ("N-CREATE", "N-SET", "N-DELETE", "N-ACTION"),
    FILM_BOX: ("N-CREATE", "N-SET", "N-DELETE", "N-ACTION"),
    GRAYSCALE_IMAGE_BOX: ("N-SET",),
    COLOR_IMAGE_BOX: ("N-SET",),
    ANNOTATION_BOX: ("N-SET",),
    PRINT_JOB: ("N-GET", "N-EVENT-REPORT"),
    PRINTER: ("N-GET", "N-EVENT-REPORT"),
    PRESENTATION_LUT: ("N-CREATE", "N-DELETE"),
    PRINTER_CONFIGURATION: ("N-GET",),
}
NOT_PRINT = tuple(f"1.2.840.10008.5.1.1.{number}" for number in (33, 29, 30, 27))
"""Media Creation Management, and the hardcopy and stored print storage classes."""


def test_h_3_the_classes_and_their_operations() -> None:
    assert {one.sop_class_uid: one.operations for one in PRINT} == LIVE


def test_h_3_1_each_context_is_judged_by_itself(rig: Rig) -> None:
    more = tuple(uid for uid in (*LIVE, *RETIRED, *NOT_PRINT) if uid not in (GRAYSCALE_META, PRINT_JOB))
    console = NetworkConsole(rig, rig.listen(), more=more)
    assert {uid for uid, result in console.results.items() if result == 0} == set(LIVE)
    assert {console.results[uid] for uid in (*RETIRED, *NOT_PRINT)} == {3}
    assert console.whole_film().status == 0
    console.close()


def test_h_4_7_messages_of_retired_classes_are_0118_and_the_dialogue_goes_on(rig: Rig) -> None:
    console = NetworkConsole(rig, rig.listen())
    for uid in (*RETIRED, *NOT_PRINT):
        assert console.say(C, uid, "1.2.3", data_set(PrinterName="X")).status == 0x0118
        assert console.answer.comment
    assert console.whole_film().status == 0
    console.close()


def test_h_3_1_an_association_for_the_status_alone(rig: Rig) -> None:
    console = NetworkConsole(rig, rig.listen(), meta=PRINTER, more=(PRINTER_CONFIGURATION,))
    assert console.say(Command.N_GET, PRINTER, PRINTER_INSTANCE).status == 0
    console.close()


# -- H.4.1 to H.4.9: attributes by request -----------------------------------------------------------------------------

C, S = Command.N_CREATE, Command.N_SET
SESSION_U_M = "NumberOfCopies PrintPriority MediumType FilmDestination"
SESSION_U_U = "SpecificCharacterSet FilmSessionLabel MemoryAllocation OwnerID"
FILM_U_U = "SmoothingType BorderDensity EmptyImageDensity MinDensity Trim ICCProfile Illumination ReflectedAmbientLight"
BOX_U_U = "MagnificationType SmoothingType RequestedImageSize RequestedDecimateCropBehavior"
GRAY_U_U = "MinDensity MaxDensity ConfigurationInformation ReferencedPresentationLUTSequence"

ATTRIBUTES: list[tuple[str, Command, str, str]] = [
    (FILM_SESSION, C, "U/M", SESSION_U_M),
    (FILM_SESSION, C, "U/U", SESSION_U_U),
    (FILM_SESSION, S, "U/M", SESSION_U_M),
    (FILM_SESSION, S, "U/U", SESSION_U_U),
    (FILM_BOX, C, "M/M", "ImageDisplayFormat ReferencedFilmSessionSequence"),
    (FILM_BOX, C, "U/M", "FilmOrientation FilmSizeID MagnificationType MaxDensity ConfigurationInformation"),
    (FILM_BOX, C, "U/U", f"AnnotationDisplayFormatID RequestedResolutionID {FILM_U_U}"),
    (FILM_BOX, C, "U/MC", "ReferencedPresentationLUTSequence"),
    (FILM_BOX, S, "U/M", "MagnificationType MaxDensity ConfigurationInformation"),
    (FILM_BOX, S, "U/U", FILM_U_U),
    (FILM_BOX, S, "U/MC", "ReferencedPresentationLUTSequence"),
    (GRAYSCALE_IMAGE_BOX, S, "M/M", "ImageBoxPosition BasicGrayscaleImageSequence"),
    (GRAYSCALE_IMAGE_BOX, S, "U/M", "Polarity"),
    (GRAYSCALE_IMAGE_BOX, S, "U/U", f"{BOX_U_U} {GRAY_U_U}"),
    (COLOR_IMAGE_BOX, S, "M/M", "ImageBoxPosition BasicColorImageSequence"),
    (COLOR_IMAGE_BOX, S, "U/M", "Polarity"),
    (COLOR_IMAGE_BOX, S, "U/U", f"{BOX_U_U} ConfigurationInformation"),
    (ANNOTATION_BOX, S, "M/M", "AnnotationPosition"),
    (ANNOTATION_BOX, S, "U/M", "TextString"),
    (PRESENTATION_LUT, C, "MC/M", "PresentationLUTSequence PresentationLUTShape"),
]


@pytest.mark.parametrize("request_", sorted({row[:2] for row in ATTRIBUTES}, key=str), ids=str)
def test_every_attribute_of_a_request_has_its_usage(request_: tuple[str, Command]) -> None:
    wanted = {
        tag_for_keyword(keyword): usage
        for *one, usage, keywords in ATTRIBUTES
        if tuple(one) == request_
        for keyword in keywords.split()
    }
    sop_class, command = request_
    found = {
        tag: usage.of(command) for tag, usage in usages(sop_class, command).items() if (sop_class, tag) not in BEYOND
    }
    assert found == wanted


# -- H.4: what must hold -----------------------------------------------------------------------------------------------

Play = Callable[[Rig], None]
RULES: list[tuple[str, Play]] = []


def rule(section: str) -> Callable[[Play], Play]:
    """Make a dialogue a row of the table."""

    def add(play: Play) -> Play:
        RULES.append((section, play))
        return play

    return add


def filmed(rig: Rig, *films: str, **more: object) -> MemoryConsole:
    """A console with a session, its films, and an image in every box."""
    console = MemoryConsole(rig, **more)  # type: ignore[arg-type]
    console.film_session()
    for display_format in films or (r"STANDARD\1,1",):
        console.film_box(display_format)
        for number in range(1, len(console.boxes) + 1):
            console.image_box(number)
    return console


@rule("H.4.1.2.1.3")
def one_session_an_association(rig: Rig) -> None:
    assert filmed(rig).film_session().status == 0x0111
    assert MemoryConsole(rig).film_session().status == 0


@rule("H.4.2.2.1.3")
def film_boxes_need_a_session(rig: Rig) -> None:
    console = MemoryConsole(rig)
    assert console.film_box().status == 0x0112
    console.film_session()
    answer = console.film_box()
    assert answer.data is not None
    assert answer.data.ReferencedFilmSessionSequence[0].ReferencedSOPInstanceUID == console.session_uid


@rule("H.4.2.2.1.3")
def boxes_are_made_with_their_film_and_named_by_position(rig: Rig) -> None:
    for meta, box_class in ((GRAYSCALE_META, GRAYSCALE_IMAGE_BOX), (COLOR_META, COLOR_IMAGE_BOX)):
        console = MemoryConsole(rig, meta=meta, more=(ANNOTATION_BOX,))
        console.film_session()
        answer = console.film_box(r"ROW\1,2", AnnotationDisplayFormatID="HEADER")
        assert answer.data is not None
        assert [item.ReferencedSOPClassUID for item in answer.data.ReferencedImageBoxSequence] == [box_class] * 3
        assert [item.ReferencedSOPClassUID for item in answer.data.ReferencedBasicAnnotationBoxSequence] == [
            ANNOTATION_BOX
        ] * 3


@rule("H.4.2.2.2.3")
def only_the_last_film_can_be_changed(rig: Rig) -> None:
    console = MemoryConsole(rig, more=(ANNOTATION_BOX,))
    console.film_session()
    console.film_box(AnnotationDisplayFormatID="LABEL")
    console.image_box()
    first, boxes, notes = console.film_uid, list(console.boxes), list(console.annotations)
    console.film_box()
    console.image_box()
    assert console.say(S, FILM_BOX, first, data_set(Trim="YES")).status == 0x0112
    assert console.print_film(first).status == console.delete_film(first).status == 0x0112
    assert console.say(S, ANNOTATION_BOX, notes[0], data_set(TextString="x")).status == 0x0112
    console.boxes = boxes
    assert console.image_box().status == 0x0112
    assert console.print_session().status == 0
    assert len(documents(rig)[0].pages) == 2


@rule("H.4.2.2.1.3")
def an_unprinted_film_stands_in_nobodys_way(rig: Rig) -> None:
    assert filmed(rig).film_box().status == 0  # C616 is for printers that cannot print the session


@rule("H.4.1.2.4.3")
def what_is_printed_is_a_copy_and_can_be_printed_again(rig: Rig) -> None:
    console = filmed(rig)
    first = console.print_film()
    console.set_film(Trim="YES")
    again = console.print_film()
    assert first.status == again.status == 0
    assert [document.pages[0].trim for document in documents(rig)] == [False, True]
    assert len({job.uid for job in rig.jobs.list()}) == 2


@rule("H.4.1.2.4")
def a_session_is_one_collated_job(rig: Rig) -> None:
    console = filmed(rig, r"STANDARD\1,1", r"STANDARD\1,2")
    console.say(S, FILM_SESSION, console.session_uid, data_set(NumberOfCopies=4))
    assert console.print_session().status == console.print_film().status == 0
    session, film = documents(rig)
    assert (len(session.pages), session.number_of_copies, session.collated) == (2, 4, True)
    assert (len(film.pages), film.number_of_copies, film.collated) == (1, 4, False)


@rule("H.4.3.1.2.1.3")
def no_item_erases_and_another_image_replaces(rig: Rig) -> None:
    console = filmed(rig)
    assert console.image_box(1, image(9, 4)).status == 0
    console.print_film()
    empty = data_set(ImageBoxPosition=1, BasicGrayscaleImageSequence=Sequence([]))
    assert console.say(S, GRAYSCALE_IMAGE_BOX, console.boxes[0], empty).status == 0
    assert console.print_film().status == 0xB603
    rows = [[pixels.rows for pixels in document.references()] for document in documents(rig)]
    assert rows == [[9], []]


@rule("H.4.4.2.1.3")
def an_empty_text_erases(rig: Rig) -> None:
    console = MemoryConsole(rig, more=(ANNOTATION_BOX,))
    console.film_session()
    console.film_box(AnnotationDisplayFormatID="LABEL")
    for text in ("words", None):
        assert console.annotation(1, text).status == 0
        console.print_film()
    assert [len(document.pages[0].annotations) for document in documents(rig)] == [1, 0]


@rule("H.4.3.1.2.1.1")
def values_of_the_image_box_are_stronger(rig: Rig) -> None:
    console = MemoryConsole(rig, more=(PRESENTATION_LUT,))
    linear = console.presentation_lut(PresentationLUTShape="LIN OD").uid
    same = console.presentation_lut(PresentationLUTShape="IDENTITY").uid
    assert linear and same
    console.film_session()
    console.film_box(
        r"STANDARD\1,2", MagnificationType="BILINEAR", ReferencedPresentationLUTSequence=lut_reference(linear)
    )
    own = {"MagnificationType": "NONE", "ReferencedPresentationLUTSequence": lut_reference(same), "MinDensity": 33}
    console.image_box(1, None, **own)
    console.image_box(2)
    console.print_film()
    first, second = documents(rig)[0].pages[0].images
    assert first.presentation_lut is not None and second.presentation_lut is not None
    assert (first.magnification_type, first.presentation_lut.shape, first.min_density_centi_od) == (
        "NONE",
        "IDENTITY",
        33,
    )
    assert (second.magnification_type, second.presentation_lut.shape) == ("BILINEAR", "LIN OD")


@rule("H.4.3.1.2.1.3")
def nothing_makes_an_image_smaller_where_magnification_is_none(rig: Rig) -> None:
    console = MemoryConsole(rig)
    console.film_session()
    console.film_box(MagnificationType="NONE", FilmSizeID="8INX10IN")
    wish = {"RequestedDecimateCropBehavior": "DECIMATE"}
    assert console.image_box(1, image(4, 3000), **wish).status == 0xC603


@rule("H.4.9")
def a_presentation_lut_lives_for_the_association(rig: Rig) -> None:
    console = MemoryConsole(rig, more=(PRESENTATION_LUT,))
    uid = console.presentation_lut(PresentationLUTShape="LIN OD").uid
    assert uid
    for _ in range(2):
        console.film_session()
        assert console.film_box(ReferencedPresentationLUTSequence=lut_reference(uid)).status == 0
        assert console.say(Command.N_DELETE, PRESENTATION_LUT, uid).status == 0x0110
        console.delete_session()
    assert MemoryConsole(rig).say(Command.N_DELETE, PRESENTATION_LUT, uid).status == 0x0112
    assert console.say(Command.N_DELETE, PRESENTATION_LUT, uid).status == 0


@rule("H.4.1.2.1.3")
def the_end_deletes_what_was_not_printed_and_jobs_go_on(rig: Rig) -> None:
    for ending in (Ending.RELEASED, Ending.ABORTED_BY_PEER):
        console = filmed(rig)
        console.print_film()
        console.film_box()
        console.image_box()
        console.close(ending)
    wait_for(lambda: not rig.spooled(), "an empty spool")
    assert len(rig.jobs.list()) == 2
    assert carry(rig, *FINISHED).state == "DONE"


@rule("H.4.5.2.1.2")
def events_of_a_job_go_where_it_was_made(rig: Rig) -> None:
    console, other = filmed(rig), MemoryConsole(rig)
    uid = console.print_film().data[0x21000500].value[0].ReferencedSOPInstanceUID  # type: ignore[index]
    carry(rig, *FINISHED)
    assert console.association.told(PRINT_JOB) == [1, 2, 3] and other.association.told(PRINT_JOB) == []
    assert other.say(Command.N_GET, PRINT_JOB, uid).status == 0
    filmed(rig).print_film()
    carry(rig, (JobEvent.FAIL, {"info": "INVALID PAGE DES", "error": "x"}))
    assert console.association.told(PRINT_JOB) == [1, 2, 3]


@rule("H.4.6.2.1.2")
def events_of_a_printer_go_to_everybody_on_it(rig: Rig) -> None:
    rig.add_printer("OTHER", policy="truthful")
    rig.add_printer("TRUTHFUL", policy="truthful")
    consoles = [MemoryConsole(rig, printer=name) for name in ("TRUTHFUL", "TRUTHFUL", "OTHER")]
    for state in (PrinterState(PrinterStatus.WARNING, "SUPPLY LOW"), PrinterState()):
        rig.call(lambda state=state: rig.events.output_is("TRUTHFUL", state))  # type: ignore[misc]
        rig.settle()
    assert [console.association.told(PRINTER) for console in consoles] == [[2, 1], [2, 1], []]


@rule("H.4.2.2.1.3")
def texts_are_in_the_character_set_of_the_session(rig: Rig) -> None:
    console = MemoryConsole(rig, more=(ANNOTATION_BOX,))
    console.film_session(SpecificCharacterSet="ISO_IR 192", FilmSessionLabel="Größe")
    console.film_box(AnnotationDisplayFormatID="LABEL")
    console.annotation(1, "山田", SpecificCharacterSet="ISO_IR 192")
    console.print_film()
    (document,) = documents(rig)
    assert (document.film_session_label, document.pages[0].annotations[0].text) == ("Größe", "山田")


@rule("PS3.7 10.1.5")
def uids_that_are_left_out_are_made(rig: Rig) -> None:
    console = filmed(rig)
    assert console.session_uid and console.film_uid and console.print_film().status == 0


@pytest.mark.parametrize(("section", "play"), RULES, ids=[f"{section}-{play.__name__}" for section, play in RULES])
def test_rule(rig: Rig, section: str, play: Play) -> None:
    play(rig)


# -- statuses ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Said:
    """A status and a dialogue whose last answer has it."""

    status: int
    play: Callable[[MemoryConsole], Answer]
    strict: bool = False


def film(console: MemoryConsole, **attributes: object) -> MemoryConsole:
    console.film_session()
    console.film_box(**attributes)  # type: ignore[arg-type]
    return console


def crowded(console: MemoryConsole) -> MemoryConsole:
    """The disk reserve is reached once the images are there."""
    film(console).image_box()
    console.rig.films.has_room = lambda: False  # type: ignore[method-assign]
    return console


STATUSES = [
    Said(0x0000, lambda console: console.film_session()),
    Said(0x0105, lambda console: console.film_session(BodyPartExamined="X"), strict=True),
    Said(0x0106, lambda console: film(console).film_box("POSTER")),
    Said(0x0107, lambda console: console.film_session(BodyPartExamined="X")),
    Said(0x0110, lambda console: console.send(C, FILM_SESSION, None, b"\x08\0\x05\0")),
    Said(0x0111, lambda console: film(console).film_session()),
    Said(0x0112, lambda console: console.film_box()),
    Said(0x0116, lambda console: console.film_session(MediumType="PARCHMENT")),
    Said(0x0117, lambda console: console.film_session("1.2.")),
    Said(0x0118, lambda console: console.say(C, PRINTER, PRINTER_INSTANCE, Dataset())),
    Said(0x0119, lambda console: console.say(S, FILM_BOX, film(console).boxes[0], data_set(Trim="YES"))),
    Said(0x0120, lambda console: film(console).film_box(None)),
    Said(0x0121, lambda console: film(console).film_box("")),
    Said(0x0123, lambda console: film(console).print_film(action=2)),
    Said(0x0211, lambda console: console.say(Command.N_GET, FILM_SESSION, film(console).session_uid)),
    Said(0x0213, lambda console: film(console).film_box(r"STANDARD\30,30")),
    Said(0xB600, lambda console: console.film_session(MemoryAllocation=100)),
    Said(0xB602, lambda console: film(console).print_session()),
    Said(0xB603, lambda console: film(console).print_film()),
    Said(0xB604, lambda console: film(console).image_box(1, None, RequestedImageSize="400")),
    Said(0xB605, lambda console: film(console).film_box(MaxDensity=4095)),
    Said(
        0xB609,
        lambda console: film(console).image_box(
            1, None, RequestedImageSize="400", RequestedDecimateCropBehavior="CROP"
        ),
    ),
    Said(
        0xB60A,
        lambda console: film(console).image_box(
            1, None, RequestedImageSize="400", RequestedDecimateCropBehavior="DECIMATE"
        ),
    ),
    Said(0xC600, lambda console: console.film_session() and console.print_session()),
    Said(0xC601, lambda console: crowded(console).print_session()),
    Said(0xC602, lambda console: crowded(console).print_film()),
    Said(
        0xC603,
        lambda console: film(console).image_box(
            1, None, RequestedImageSize="400", RequestedDecimateCropBehavior="FAIL"
        ),
    ),
    Said(0xC605, lambda console: crowded(console).image_box()),
]


@pytest.mark.parametrize("said", STATUSES, ids=[f"{one.status:04X}" for one in STATUSES])
def test_every_status_can_be_heard(rig: Rig, said: Said) -> None:
    if said.strict:
        rig.personality = Personality(personality="strict")
    console = MemoryConsole(rig)
    answer = said.play(console)
    assert answer.status == said.status
    assert bool(answer.comment) == bool(said.status) and len(answer.comment) <= 64 and answer.comment.isascii()


def test_no_status_is_left_out() -> None:
    assert [one.status for one in STATUSES] == sorted(MEANINGS)


def test_a_reference_to_another_film_session_is_refused(rig: Rig) -> None:
    console = MemoryConsole(rig)
    console.film_session()
    other = reference(FILM_SESSION, "1.2.3.999")
    assert console.film_box(ReferencedFilmSessionSequence=other).status == 0x0106
