"""PS3.4 H.4.1–H.4.3: the hierarchy of a film session, request by request."""

from __future__ import annotations

from base64 import b64decode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom import Dataset
from pydicom.sequence import Sequence

from printing import session as room
from printing.elements import Malformed, read
from printing.hierarchy import Session, referenced_luts
from printing.layout import CustomFormat, Formats
from printing.page import FilmDocument, Rectangle
from printing.printer import Printer
from printing.session import Forget
from printing.status import MEANINGS
from printing.terms import (
    ANNOTATION_BOX,
    COLOR_IMAGE_BOX,
    FILM_BOX,
    FILM_SESSION,
    GRAYSCALE_IMAGE_BOX,
    PRESENTATION_LUT,
    PRINT_JOB,
    PRINTER,
    Command,
)
from tests.printing.console import StepConsole, data_set, image, lut_reference, lut_table, reference


@pytest.fixture(params=[(True, False), (False, False), (True, True), (False, True)], ids=str)
def console(request: pytest.FixtureRequest) -> StepConsole:
    """A console in every encoding that there is."""
    explicit, undefined_lengths = request.param
    return StepConsole(explicit=explicit, undefined_lengths=undefined_lengths)


def filmed(display_format: str = r"STANDARD\1,1", **attributes: object) -> StepConsole:
    """A console with a session and a film."""
    console = StepConsole()
    console.film_session()
    assert console.film_box(display_format, **attributes).status == 0
    return console


# -- film session, H.4.1 ---------------------------------------------------------------------------------------------


def test_h_4_1_2_1_session_without_data_set_gets_defaults(console: StepConsole) -> None:
    answer = console.film_session()
    assert answer.status == 0 and answer.data is not None
    assert answer.data.NumberOfCopies == 1
    assert answer.data.PrintPriority == "MED"
    assert answer.data.MediumType == "BLUE FILM"
    assert answer.data.FilmDestination == "PROCESSOR"


def test_ps3_7_10_1_5_we_make_the_uid_and_say_it() -> None:
    assert StepConsole().film_session().uid == "1.2.3.1"
    assert StepConsole().film_session(uid="1.2.840.99").uid == "1.2.840.99"


def test_ps3_7_10_1_5_the_uid_is_said_with_a_warning_too() -> None:
    answer = StepConsole().film_session(MediumType="PARCHMENT")
    assert (answer.status, answer.uid) == (0x0116, "1.2.3.1")


@pytest.mark.parametrize("uid", ["1.2..3", "1.2.x", "1." * 40 + "1", "../../etc"])
def test_what_is_no_uid_is_0117(uid: str) -> None:
    assert StepConsole().film_session(uid=uid).status == 0x0117


def test_h_4_1_2_1_3_one_session_at_a_time() -> None:
    console = StepConsole()
    console.film_session()
    assert console.say(Command.N_CREATE, FILM_SESSION, "1.9").status == 0x0111
    assert console.delete_session().status == 0
    assert console.film_session().status == 0


def test_h_4_1_2_2_set_changes_what_is_printed() -> None:
    console = filmed()
    console.image_box()
    answer = console.say(Command.N_SET, FILM_SESSION, console.session_uid, data_set(NumberOfCopies=4))
    assert answer.status == 0 and answer.data is not None and answer.data.NumberOfCopies == 4
    console.print_film()
    assert console.submitted.document.number_of_copies == 4


def test_h_4_1_2_3_delete_takes_everything_with_it() -> None:
    console = filmed()
    console.image_box()
    assert console.delete_session().status == 0
    assert console.effects == (Forget(("file2",)),)
    assert console.print_film().status == 0x0112
    assert console.session == Session()


def test_b600_memory_is_not_allocated_ahead() -> None:
    answer = StepConsole().film_session(MemoryAllocation=4096)
    assert answer.status == 0xB600 and answer.data is not None
    assert "MemoryAllocation" not in answer.data


# -- film box, H.4.2 -------------------------------------------------------------------------------------------------


def test_h_4_2_2_1_film_box_needs_a_session() -> None:
    assert StepConsole().film_box().status == 0x0112


def test_h_4_2_2_1_3_image_boxes_are_made_and_named_in_order(console: StepConsole) -> None:
    console.film_session()
    answer = console.film_box(r"STANDARD\2,3")
    assert answer.status == 0 and answer.data is not None
    items = answer.data.ReferencedImageBoxSequence
    assert {item.ReferencedSOPClassUID for item in items} == {GRAYSCALE_IMAGE_BOX}
    assert len({item.ReferencedSOPInstanceUID for item in items}) == 6
    (session,) = answer.data.ReferencedFilmSessionSequence
    assert session.ReferencedSOPInstanceUID == console.session_uid


def test_h_4_2_2_1_3_the_context_decides_on_color() -> None:
    console = StepConsole(color=True)
    console.film_session()
    answer = console.film_box()
    assert answer.data is not None
    assert answer.data.ReferencedImageBoxSequence[0].ReferencedSOPClassUID == COLOR_IMAGE_BOX


def test_h_4_2_2_1_1_every_attribute_is_answered_as_it_is_used(console: StepConsole) -> None:
    console.film_session()
    data = console.film_box(FilmSizeID="A4", BorderDensity="WHITE").data
    assert data is not None
    assert (data.FilmSizeID, data.FilmOrientation, data.MagnificationType) == ("A4", "PORTRAIT", "CUBIC")
    assert (data.BorderDensity, data.EmptyImageDensity, data.Trim) == ("WHITE", "BLACK", "NO")
    assert (data.MinDensity, data.MaxDensity, data.Illumination, data.ReflectedAmbientLight) == (20, 300, 2000, 10)
    assert (data.ImageDisplayFormat, data.RequestedResolutionID) == (r"STANDARD\1,1", "STANDARD")
    assert data.ConfigurationInformation == ""


def test_film_box_without_reference_to_the_session_is_taken() -> None:
    console = StepConsole()
    console.film_session()
    console.session_uid, uid = None, console.session_uid
    assert uid and console.film_box().status == 0


def test_film_box_of_another_session_is_0106() -> None:
    console = StepConsole()
    console.film_session()
    answer = console.film_box(ReferencedFilmSessionSequence=reference(FILM_SESSION, "1.2.3.999"))
    assert (answer.status, answer.offending) == (0x0106, (0x20100500,))


def test_h_4_2_2_1_1_display_format_is_mandatory() -> None:
    console = StepConsole()
    console.film_session()
    assert console.film_box(None).status == 0x0120
    assert console.film_box("").status == 0x0121
    assert console.film_box("POSTER").status == 0x0106
    assert console.film_box(r"CUSTOM\1").status == 0x0106


def test_film_box_uid_that_exists_is_0111() -> None:
    console = filmed()
    assert console.say(
        Command.N_CREATE, FILM_BOX, console.session_uid, data_set(ImageDisplayFormat="SLIDE")
    ).status == (0x0111)


def test_empty_values_are_the_defaults() -> None:
    console = StepConsole()
    console.film_session(MemoryAllocation=None, NumberOfCopies=None)
    answer = console.film_box(FilmSizeID=None, MaxDensity=None, FilmOrientation=None)
    assert answer.status == 0 and answer.data is not None
    assert (answer.data.FilmSizeID, answer.data.MaxDensity) == ("14INX17IN", 300)


def test_b605_densities_are_clamped_to_the_printer() -> None:
    console = StepConsole()
    console.film_session()
    answer = console.film_box(MinDensity=0, MaxDensity=4095)
    assert answer.status == 0xB605 and answer.data is not None
    assert (answer.data.MinDensity, answer.data.MaxDensity) == (0, 300)


@pytest.mark.parametrize(
    ("lowest", "highest", "status", "used"),
    [(5, 210, 0, (5, 210)), (20, 180, 0, (20, 180)), (20, 300, 0xB605, (20, 210)), (4, 200, 0xB605, (5, 200))],
)
def test_b605_is_judged_by_what_paper_reaches(lowest: int, highest: int, status: int, used: tuple[int, int]) -> None:
    console = StepConsole(Printer(min_density_centi_od=5, max_density_centi_od=210, densities_end=True))
    console.film_session()
    answer = console.film_box(MinDensity=lowest, MaxDensity=highest)
    assert answer.status == status and answer.data is not None
    assert (answer.data.MinDensity, answer.data.MaxDensity) == used
    assert console.image_box(MaxDensity=highest).status == (0xB605 if highest > 210 else 0)


def test_b605_where_min_density_is_not_below_max_density() -> None:
    console = StepConsole()
    console.film_session()
    answer = console.film_box(MinDensity=200, MaxDensity=100)
    assert answer.status == 0xB605 and answer.data is not None
    assert (answer.data.MinDensity, answer.data.MaxDensity) == (20, 300)


def test_h_4_2_2_2_3_set_makes_no_new_image_boxes() -> None:
    console = filmed(r"STANDARD\2,2")
    boxes = console.session.film_session.film_boxes[0].image_boxes  # type: ignore[union-attr]
    answer = console.set_film(MagnificationType="REPLICATE", Trim="YES")
    assert answer.status == 0 and answer.data is not None
    assert (answer.data.MagnificationType, answer.data.Trim) == ("REPLICATE", "YES")
    assert console.session.film_session.film_boxes[0].image_boxes == boxes  # type: ignore[union-attr]
    console.print_film()
    assert console.submitted.document.pages[0].trim


def test_h_4_2_2_2_1_the_format_cannot_be_set() -> None:
    console = filmed()
    answer = console.set_film(ImageDisplayFormat=r"STANDARD\2,2", Trim="YES")
    assert (answer.status, answer.offending) == (0x0107, (0x20100010,))
    console.print_film()
    assert len(console.submitted.document.pages[0].images) == 1


def test_h_4_2_2_2_3_earlier_films_are_frozen() -> None:
    console = filmed()
    first, boxes = console.film_uid, list(console.boxes)
    console.image_box()
    console.film_box(r"STANDARD\1,2")
    assert console.say(Command.N_SET, FILM_BOX, first, data_set(Trim="YES")).status == 0x0112
    assert console.print_film(first).status == 0x0112
    assert console.delete_film(first).status == 0x0112
    data = data_set(ImageBoxPosition=1, BasicGrayscaleImageSequence=Sequence([image()]))
    assert console.say(Command.N_SET, GRAYSCALE_IMAGE_BOX, boxes[0], data).status == 0x0112
    assert console.print_session().status == 0xB602
    assert [len(page.images) for page in console.submitted.document.pages] == [1, 2]


def test_h_4_2_2_3_deleting_the_last_film_thaws_none() -> None:
    console = filmed()
    first = console.film_uid
    console.film_box()
    assert console.delete_film().status == 0
    assert console.print_film(first).status == 0x0112
    assert console.print_session().status == 0xB602
    assert len(console.submitted.document.pages) == 1


def test_films_of_a_session_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "MOST_FILM_BOXES", 2)
    console = filmed()
    assert console.film_box().status == 0
    assert console.film_box().status == 0x0213


def test_image_boxes_of_a_session_are_bounded() -> None:
    console = filmed(r"STANDARD\20,20")
    for _ in range(9):
        assert console.film_box(r"STANDARD\20,20").status == 0
    assert console.film_box().status == 0x0213


# -- image box, H.4.3 ------------------------------------------------------------------------------------------------


def test_h_4_3_1_2_1_the_pixels_are_where_they_were_sent(console: StepConsole) -> None:
    console.film_session()
    console.film_box()
    item = image(6, 4, bits=12, photometric="MONOCHROME1")
    assert console.image_box(1, item, Polarity="REVERSE").status == 0
    console.print_film()
    (box,) = console.submitted.document.pages[0].images
    assert box.pixels is not None and box.polarity == "REVERSE"
    raw = console.files[box.pixels.file]
    assert raw[box.pixels.offset : box.pixels.offset + box.pixels.length] == item.PixelData


def test_h_4_3_1_2_1_1_position_is_mandatory() -> None:
    console = filmed()
    data = data_set(BasicGrayscaleImageSequence=Sequence([image()]))
    assert console.say(Command.N_SET, GRAYSCALE_IMAGE_BOX, console.boxes[0], data).status == 0x0120
    for position in (0, 2, 65535):
        data.ImageBoxPosition = position
        assert console.say(Command.N_SET, GRAYSCALE_IMAGE_BOX, console.boxes[0], data).status == 0x0106


def test_h_4_3_1_2_1_1_image_sequence_is_mandatory() -> None:
    console = filmed()
    answer = console.say(Command.N_SET, GRAYSCALE_IMAGE_BOX, console.boxes[0], data_set(ImageBoxPosition=1))
    assert (answer.status, answer.offending) == (0x0120, (0x20200110,))


def test_two_images_in_one_box_are_0106() -> None:
    console = filmed()
    data = data_set(ImageBoxPosition=1, BasicGrayscaleImageSequence=Sequence([image(), image()]))
    assert console.say(Command.N_SET, GRAYSCALE_IMAGE_BOX, console.boxes[0], data).status == 0x0106


def test_a_refused_image_leaves_the_box_as_it_was() -> None:
    console = filmed()
    console.image_box()
    before = console.session
    assert console.image_box(1, image(Rows=99)).status == 0x0106
    assert console.session is before and console.effects == ()


def test_h_4_3_1_2_1_3_no_item_erases_the_box() -> None:
    console = filmed()
    console.image_box()
    data = data_set(ImageBoxPosition=1, BasicGrayscaleImageSequence=Sequence([]))
    assert console.say(Command.N_SET, GRAYSCALE_IMAGE_BOX, console.boxes[0], data).status == 0
    assert console.effects == (Forget(("file2",)),)
    assert console.print_film().status == 0xB603
    assert console.submitted.document.pages[0].images[0].pixels is None


def test_h_4_3_1_2_1_3_another_image_replaces_the_first() -> None:
    console = filmed()
    console.image_box()
    assert console.image_box(1, image(8, 8)).status == 0
    assert console.effects == (Forget(("file2",)),)
    console.print_film()
    (box,) = console.submitted.document.pages[0].images
    assert box.pixels is not None and box.pixels.rows == 8


def test_images_stand_by_position_whatever_order_they_come_in() -> None:
    console = filmed(r"STANDARD\3,4")
    for number in (7, 1, 12, 5):
        assert console.image_box(number, image(number, 4)).status == 0
    console.print_film()
    images = console.submitted.document.pages[0].images
    assert [box.position for box in images] == list(range(1, 13))
    assert {box.position: box.pixels.rows for box in images if box.pixels} == {7: 7, 1: 1, 12: 12, 5: 5}
    seventh = images[6].cell
    assert (seventh.x_mm, seventh.y_mm) == pytest.approx((0.0, 2 * 431.8 / 4))


def test_images_stand_by_position_even_against_their_instances() -> None:
    console = filmed(r"STANDARD\1,3")
    for number in (1, 2, 3):
        data = data_set(ImageBoxPosition=4 - number, BasicGrayscaleImageSequence=Sequence([image(number, 4)]))
        assert console.say(Command.N_SET, GRAYSCALE_IMAGE_BOX, console.boxes[number - 1], data).status == 0
    console.print_film()
    found = {box.position: box.pixels.rows for box in console.submitted.document.pages[0].images if box.pixels}
    assert found == {3: 1, 2: 2, 1: 3}


@settings(max_examples=50, deadline=None)
@given(st.permutations(range(1, 7)), st.permutations(range(1, 7)))
def test_any_order_and_any_positions_are_a_whole_film(order: list[int], positions: list[int]) -> None:
    console = filmed(r"ROW\1,2,3")
    for number in order:
        data = data_set(
            ImageBoxPosition=positions[number - 1], BasicGrayscaleImageSequence=Sequence([image(number, 4)])
        )
        assert console.say(Command.N_SET, GRAYSCALE_IMAGE_BOX, console.boxes[number - 1], data).status == 0
    console.print_film()
    images = console.submitted.document.pages[0].images
    assert [box.position for box in images] == [1, 2, 3, 4, 5, 6]
    assert all(box.pixels is not None and positions[box.pixels.rows - 1] == box.position for box in images)


def test_h_4_3_1_2_1_1_image_box_values_are_stronger_than_the_films() -> None:
    console = filmed(r"STANDARD\1,2", MagnificationType="BILINEAR", SmoothingType="1", MaxDensity=310)
    console.image_box(1, None, MagnificationType="REPLICATE", SmoothingType="2", MaxDensity=250, MinDensity=30)
    console.image_box(2)
    console.print_film()
    first, second = console.submitted.document.pages[0].images
    assert (first.magnification_type, first.smoothing_type) == ("REPLICATE", "2")
    assert (first.min_density_centi_od, first.max_density_centi_od) == (30, 250)
    assert (second.magnification_type, second.smoothing_type) == ("BILINEAR", "1")
    assert (second.min_density_centi_od, second.max_density_centi_od) == (None, None)
    assert console.submitted.document.pages[0].max_density_centi_od == 310


@pytest.mark.parametrize("nothing", [None, "WHATEVER"])
def test_h_4_3_1_2_1_1_an_image_box_without_a_value_has_the_films(nothing: str | None) -> None:
    """Some consoles send every attribute, empty where nobody set it."""
    given = {"MagnificationType": "NONE", "MaxDensity": 210, "MinDensity": 40, "ConfigurationInformation": "CS005"}
    console = filmed(r"STANDARD\1,2", **given)
    empty = {**dict.fromkeys(given), "MagnificationType": nothing}
    for box in (1, 2):
        answer = console.image_box(box, None, **empty)
        assert answer.status == (0x0116 if nothing else 0) and answer.data is not None
        assert not answer.data.MagnificationType
        console.image_box(2, None, MagnificationType="CUBIC", MaxDensity=250)
    console.image_box(2, None, **empty)
    console.print_film()
    page = console.submitted.document.pages[0]
    assert (page.min_density_centi_od, page.max_density_centi_od) == (40, 210)
    for one in page.images:
        assert (one.magnification_type, one.configuration_information) == ("NONE", "CS005")
        assert (one.min_density_centi_od, one.max_density_centi_od) == (None, None)


def test_an_empty_value_takes_away_what_was_set_before() -> None:
    console = filmed()
    console.image_box(1, None, RequestedImageSize="50", RequestedDecimateCropBehavior="CROP")
    answer = console.image_box(1, None, RequestedImageSize=None, RequestedDecimateCropBehavior=None)
    assert answer.status == 0 and answer.data is not None and not answer.data.RequestedImageSize
    console.print_film()
    (one,) = console.submitted.document.pages[0].images
    assert (one.requested_image_size_mm, one.requested_decimate_crop_behavior) == (None, "DECIMATE")


def test_what_was_taken_away_is_not_the_consoles_any_more() -> None:
    """An imager that the film is relayed to is told nothing of it."""
    console = filmed(MaxDensity=250, BorderDensity="WHITE")
    console.set_film(MaxDensity=None)
    console.image_box()
    console.print_film()
    given = console.submitted.document.pages[0].given or ()
    assert "MaxDensity" not in given and "BorderDensity" in given


def test_b605_where_an_images_densities_and_the_films_leave_no_range() -> None:
    """Printed as they are, black and white would change places."""
    console = filmed(r"STANDARD\1,2", MinDensity=30, MaxDensity=300)
    for own in ({"MinDensity": 200, "MaxDensity": 100}, {"MaxDensity": 20}, {"MinDensity": 300}):
        answer = console.image_box(1, None, **own)
        assert answer.status == 0xB605 and answer.data is not None and 0 < len(answer.comment) <= 64
        assert all(not answer.data[keyword].value for keyword in own)
    assert console.image_box(1, None, MinDensity=150).status == 0
    assert console.image_box(2, None, MinDensity=100).status == 0
    assert console.set_film(MaxDensity=140).status == 0xB605
    console.print_film()
    first, second = console.submitted.document.pages[0].images
    assert (first.min_density_centi_od, second.min_density_centi_od) == (None, 100)


def test_h_4_3_2_color_boxes_have_no_densities() -> None:
    console = StepConsole(color=True)
    console.film_session()
    console.film_box()
    answer = console.image_box(1, None, MaxDensity=250)
    assert (answer.status, answer.offending) == (0x0107, (0x20100130,))


def icc(space: bytes = b"RGB ", length: int = 200, mark: bytes = b"acsp") -> bytes:
    """As much of an ICC profile as is looked at."""
    return (length.to_bytes(4, "big") + bytes(12) + space + bytes(16) + mark).ljust(200, b"\1")


def test_h_4_2_2_1_1_a_colour_film_has_an_icc_profile() -> None:
    console = StepConsole(color=True)
    console.film_session()
    assert console.film_box(ICCProfile=icc()).status == 0
    console.print_film()
    (page,) = console.submitted.document.pages
    assert b64decode(page.icc_profile) == icc()
    assert console.set_film(Trim="YES").status == 0
    console.print_film()
    assert console.submitted.document.pages[0].icc_profile == page.icc_profile


@pytest.mark.parametrize(
    "profile", [b"", icc(b"CMYK"), icc(length=9), icc(mark=b"abcd"), icc()[:100], bytes(70000)], ids=len
)
def test_what_is_no_icc_profile_is_left_out(profile: bytes) -> None:
    console = StepConsole(color=True)
    console.film_session()
    assert console.film_box(ICCProfile=profile).status == (0x0116 if profile else 0)
    console.print_film()
    assert console.submitted.document.pages[0].icc_profile == ""


MIB = 1 << 20


def long_icc(length: int, filler: bytes = b"\1") -> bytes:
    return icc(length=length).ljust(length, filler)


@pytest.mark.parametrize(("length", "taken"), [(2 * MIB, True), (4 * MIB, True), (4 * MIB + 2, False)])
def test_the_profile_of_a_real_printer_is_taken_and_a_longer_one_is_told(length: int, taken: bool) -> None:
    console = StepConsole(color=True)
    console.film_session()
    answer = console.film_box(ICCProfile=long_icc(length))
    if taken:
        assert answer.status == 0
    else:
        assert (answer.status, answer.comment) == (0x0116, "ICCProfile is longer than 4096 KiB: left out")
    console.print_film()
    assert len(b64decode(console.submitted.document.pages[0].icc_profile)) == (length if taken else 0)


def test_profiles_of_one_session_are_bounded_together_and_equal_ones_count_once() -> None:
    console = StepConsole(color=True)
    console.film_session()
    first, other, short = long_icc(3 * MIB), long_icc(2 * MIB), long_icc(MIB // 2)
    statuses = [console.film_box(ICCProfile=one).status for one in (first, first, other, short)]
    assert statuses == [0, 0, 0x0116, 0]
    assert console.set_film(ICCProfile=long_icc(MIB)).status == 0, "the film's own profile makes room for the new one"
    console.print_session()
    document = console.submitted.document
    profiles = [len(b64decode(page.icc_profile)) for page in document.pages]
    assert profiles == [3 * MIB, 3 * MIB, 0, MIB]
    assert document.pages[0].icc_profile is document.pages[1].icc_profile
    text = document.to_json()
    assert len(text) < 6 * MIB, "a profile that films share is written once"
    assert FilmDocument.from_json(text) == document


def test_a_grey_film_has_no_icc_profile() -> None:
    console = StepConsole()
    console.film_session()
    answer = console.film_box(ICCProfile=icc())
    assert (answer.status, answer.offending) == (0x0107, (0x00282000,))
    strict = StepConsole(strict=True)
    strict.film_session()
    assert strict.film_box(ICCProfile=icc()).status == 0x0105


def test_h_4_3_2_color_pixels_in_a_color_box() -> None:
    console = StepConsole(color=True)
    console.film_session()
    console.film_box()
    assert console.image_box(1, image(2, 3, photometric="RGB", planar=0)).status == 0
    console.print_film()
    page = console.submitted.document.pages[0]
    assert page.color and page.images[0].pixels is not None and page.images[0].pixels.planar_configuration == 0


def test_class_and_instance_must_agree() -> None:
    console = filmed()
    data = data_set(ImageBoxPosition=1, BasicColorImageSequence=Sequence([image(photometric="RGB")]))
    assert console.say(Command.N_SET, COLOR_IMAGE_BOX, console.boxes[0], data).status == 0x0119
    assert console.say(Command.N_SET, FILM_BOX, console.session_uid, data_set(Trim="NO")).status == 0x0119
    assert console.say(Command.N_ACTION, FILM_SESSION, console.film_uid, action=1).status == 0x0119
    assert console.say(Command.N_SET, GRAYSCALE_IMAGE_BOX, "1.2.3.999", data).status == 0x0112


TOO_LARGE = [
    ({"RequestedImageSize": "400"}, 0xB604),
    ({"RequestedImageSize": "400", "RequestedDecimateCropBehavior": "CROP"}, 0xB609),
    ({"RequestedImageSize": "400", "RequestedDecimateCropBehavior": "DECIMATE"}, 0xB60A),
    ({"RequestedImageSize": "400", "RequestedDecimateCropBehavior": "FAIL"}, 0xC603),
    ({"RequestedImageSize": "100"}, 0x0000),
]


@pytest.mark.parametrize(("asked", "status"), TOO_LARGE)
def test_h_4_3_1_2_1_3_images_that_are_too_large(asked: dict[str, str], status: int) -> None:
    console = filmed()
    answer = console.image_box(1, None, **asked)
    assert answer.status == status
    if status < 0xC000:
        assert console.print_film().status == 0  # said once is enough
        (box,) = console.submitted.document.pages[0].images
        assert box.requested_image_size_mm == float(asked["RequestedImageSize"])
    else:
        assert console.print_film().status == 0xB603


def test_c603_where_magnification_none_leaves_no_way_out() -> None:
    console = filmed(FilmSizeID="8INX10IN", MagnificationType="NONE")
    assert console.image_box(1, image(2, 2500)).status == 0xC603
    assert console.image_box(1, image(2, 2500), RequestedDecimateCropBehavior="DECIMATE").status == 0xC603
    assert console.image_box(1, image(2, 2500), RequestedDecimateCropBehavior="CROP").status == 0xB609


def test_c603_at_n_action_where_the_film_was_set_after_its_image() -> None:
    console = filmed(FilmSizeID="8INX10IN")
    assert console.image_box(1, image(2, 2500)).status == 0
    assert console.set_film(MagnificationType="NONE").status == 0
    assert console.print_film().status == 0xC603
    assert console.effects == ()


# -- printing, H.4.1.2.4 and H.4.2.2.4 -------------------------------------------------------------------------------


def test_h_4_2_2_4_film_n_action_prints_the_film(console: StepConsole) -> None:
    console.film_session(NumberOfCopies=2, PrintPriority="HIGH", FilmSessionLabel="label", OwnerID="me")
    console.film_box(r"STANDARD\1,2", FilmSizeID="8INX10IN", FilmOrientation="LANDSCAPE")
    console.image_box(1)
    answer = console.print_film()
    assert answer.status == 0 and answer.data is not None
    document = console.submitted.document
    assert (document.number_of_copies, document.print_priority, document.collated) == (2, "HIGH", False)
    assert (document.film_session_label, document.owner_id) == ("label", "me")
    (page,) = document.pages
    assert (page.width_mm, page.height_mm) == (254.0, 203.2)
    assert page.images[1].cell == Rectangle(0, 101.6, 254.0, 101.6)
    assert [box.pixels is None for box in page.images] == [False, True]


def test_h_4_2_2_4_the_print_job_is_named_by_2100_0500() -> None:
    console = filmed()
    console.image_box()
    answer = console.print_film()
    assert answer.data is not None
    assert [int(element.tag) for element in answer.data] == [0x21000500]
    (item,) = answer.data[0x21000500].value
    assert item.ReferencedSOPClassUID == PRINT_JOB
    assert item.ReferencedSOPInstanceUID == console.submitted.print_job_uid


def test_h_4_2_2_4_no_print_job_where_the_class_was_not_accepted() -> None:
    console = StepConsole(print_job=False)
    answer = console.whole_film()
    assert answer.status == 0 and answer.data is None


def test_h_4_1_2_4_session_n_action_prints_every_film_collated() -> None:
    console = filmed(r"STANDARD\1,1", FilmSizeID="A4")
    console.image_box()
    console.film_box(r"STANDARD\1,2")
    console.image_box(1)
    assert console.print_session().status == 0
    document = console.submitted.document
    assert document.collated
    assert [page.film_size_id for page in document.pages] == ["A4", "14INX17IN"]
    assert console.submitted.otherwise == 0xC601


def test_h_4_1_2_4_3_what_is_printed_is_a_copy() -> None:
    console = filmed()
    console.image_box()
    console.print_film()
    document = console.submitted.document
    before = document.to_json()
    console.set_film(Trim="YES")
    console.image_box(1, image(9, 9))
    console.delete_session()
    assert document.to_json() == before
    assert FilmDocument.from_json(before) == document


def test_h_4_2_2_4_3_a_film_can_be_printed_again_as_another_job() -> None:
    console = filmed()
    console.image_box()
    console.print_film()
    first = console.submitted
    assert console.print_film().status == 0
    assert console.submitted.document == first.document
    assert console.submitted.print_job_uid != first.print_job_uid


def test_c600_a_session_without_films() -> None:
    console = StepConsole()
    console.film_session()
    assert console.print_session().status == 0xC600
    assert console.effects == ()


def test_b603_a_film_without_images_is_a_page() -> None:
    console = filmed(r"STANDARD\1,2")
    assert console.print_film().status == 0xB603
    assert console.submitted.otherwise == 0xC602
    console.image_box(2)
    assert console.print_film().status == 0


@pytest.mark.parametrize("action", [0, 2, 65535])
def test_0123_another_action(action: int) -> None:
    console = filmed()
    assert console.print_film(action=action).status == 0x0123
    assert console.print_session(action=action).status == 0x0123


def test_label_in_the_sessions_character_set() -> None:
    console = StepConsole()
    console.film_session(SpecificCharacterSet="ISO_IR 192", FilmSessionLabel="山田")
    console.film_box()
    console.print_film()
    assert console.submitted.document.film_session_label == "山田"
    assert console.submitted.document.pages[0].character_set == ("ISO_IR 192",)


def test_custom_format_of_the_configuration() -> None:
    printer = Printer(formats=Formats({3: CustomFormat(((0.0, 0.0, 1.0, 0.5), (0.0, 0.5, 1.0, 0.5)))}))
    console = StepConsole(printer)
    console.film_session()
    answer = console.film_box(r"CUSTOM\3")
    assert answer.data is not None and len(answer.data.ReferencedImageBoxSequence) == 2


# -- what is not served ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sop_class_uid", "command", "status"),
    [
        (PRINTER, Command.N_CREATE, 0x0118),
        (GRAYSCALE_IMAGE_BOX, Command.N_CREATE, 0x0118),
        (PRESENTATION_LUT, Command.N_SET, 0x0211),
        (ANNOTATION_BOX, Command.N_CREATE, 0x0118),
        (FILM_BOX, Command.N_GET, 0x0211),
        (GRAYSCALE_IMAGE_BOX, Command.N_DELETE, 0x0211),
        (GRAYSCALE_IMAGE_BOX, Command.N_ACTION, 0x0211),
    ],
)
def test_what_a_class_does_not_do(sop_class_uid: str, command: Command, status: int) -> None:
    answer = filmed().say(command, sop_class_uid, "1.2.3", Dataset())
    assert answer.status == status


def test_every_status_has_words_that_fit_an_error_comment() -> None:
    assert all(0 < len(words) <= 64 and words.isascii() for words in MEANINGS.values())


def test_every_refusal_says_why() -> None:
    console = filmed()
    console.print_film(action=9)
    assert console.answer.comment


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_no_order_of_requests_breaks_the_session(data: st.DataObject) -> None:
    """Whatever a peer says next: an answer, and films whose boxes stand at positions 1 to n."""
    console = StepConsole()
    requests = {
        "session": console.film_session,
        "film": lambda: console.film_box(data.draw(st.sampled_from([r"STANDARD\2,2", r"ROW\1,2", "SLIDE", "BAD"]))),
        "image": lambda: console.image_box(data.draw(st.integers(1, len(console.boxes)))) if console.boxes else None,
        "set": lambda: console.set_film(Trim="YES"),
        "print": console.print_film,
        "print session": console.print_session,
        "delete": console.delete_film,
        "delete session": console.delete_session,
        "lut": lambda: console.presentation_lut("1.2.9", PresentationLUTShape="LIN OD"),
        "delete lut": lambda: console.say(Command.N_DELETE, PRESENTATION_LUT, "1.2.9"),
        "use lut": lambda: console.set_film(ReferencedPresentationLUTSequence=lut_reference("1.2.9")),
        "annotated film": lambda: console.film_box(AnnotationDisplayFormatID="HEADER"),
        "annotation": lambda: console.annotation(1, "text") if console.annotations else None,
    }
    for name in data.draw(st.lists(st.sampled_from(sorted(requests)), max_size=15)):
        requests[name]()
        assert console.answer.status in (0, 0x0106, 0x0110, 0x0111, 0x0112, 0x0116, 0x0119, 0xB602, 0xB603, 0xC600)
        assert referenced_luts(console.session) <= set(console.session.presentation_luts)
        film_session = console.session.film_session
        for film in film_session.film_boxes if film_session else ():
            assert sorted(box.position for box in film.image_boxes) == list(range(1, len(film.cells) + 1))


@settings(max_examples=300, deadline=None)
@given(st.data(), st.booleans())
def test_no_damaged_message_breaks_the_session(data: st.DataObject, explicit: bool) -> None:
    """Bytes turned in every message of a dialogue: an answer that the standard has, and a document that is one."""
    strict, by_position = data.draw(st.booleans()), data.draw(st.booleans())
    console = StepConsole(explicit=explicit, strict=strict, boxes_by_position=by_position)
    console.damage = lambda raw: damaged(raw, explicit, data)
    table = lut_table(256, 10)
    lut = console.presentation_lut(PresentationLUTSequence=table).uid or "1.2.3"
    console.film_session(NumberOfCopies=2, FilmSessionLabel="label", SpecificCharacterSet="ISO_IR 100", OwnerID="me")
    wanted = {"AnnotationDisplayFormatID": "HEADER", "ReferencedPresentationLUTSequence": lut_reference(lut)}
    console.film_box(
        r"ROW\1,2", FilmSizeID="A4", MaxDensity=300, MinDensity=20, BorderDensity="150", Trim="YES", **wanted
    )
    for number in range(1, len(console.annotations) + 1):
        console.annotation(number, "text")
        assert console.answer.status in MEANINGS
    original = Sequence([data_set(PatientID="1", StudyInstanceUID="1.2")])
    for number in range(1, len(console.boxes) + 1):
        console.image_box(
            number,
            image(4, 4, bits=12),
            Polarity="REVERSE",
            RequestedImageSize="50.5",
            OriginalImageSequence=original,
            PatientName="Doe",
        )
        assert console.answer.status in MEANINGS
    console.print_film()
    assert console.answer.status in MEANINGS
    for effect in console.effects:
        if isinstance(effect, room.Submit):
            assert FilmDocument.from_json(effect.document.to_json()) == effect.document


def damaged(raw: bytes, explicit: bool, data: st.DataObject) -> bytes:
    """Some bytes turned; what is no attribute list any more comes as it was."""
    turned = bytearray(raw)
    for _ in range(data.draw(st.integers(0, 3)) if raw else 0):
        turned[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    try:
        read(bytes(turned), explicit)
    except Malformed:
        return raw
    return bytes(turned)


# -- strict and lenient ----------------------------------------------------------------------------------------------


def film_of(strict: bool, *, color: bool = False) -> StepConsole:
    console = StepConsole(strict=strict, color=color)
    console.film_session()
    assert console.film_box(r"STANDARD\1,2").status == 0
    return console


STRICTER: list[tuple[str, dict[str, object], dict[str, object]]] = [
    ("10 bits stored", {"bits": 10}, {}),
    ("16 bits stored", {"bits": 16}, {}),
    ("another box's position", {}, {"ImageBoxPosition": 2}),
    ("term that nobody has", {}, {"Polarity": "SOUTH"}),
    ("attribute that nobody has", {}, {"PatientID": "X"}),
]


@pytest.mark.parametrize(("what", "pixels", "attributes"), STRICTER, ids=[row[0] for row in STRICTER])
def test_what_only_a_strict_printer_refuses(what: str, pixels: dict[str, int], attributes: dict[str, object]) -> None:
    lenient, strict = film_of(False), film_of(True)
    assert lenient.image_box(1, image(**pixels), **attributes).status in (0, 0x0116)
    assert strict.image_box(1, image(**pixels), **attributes).status in (0x0105, 0x0106)
    assert strict.answer.comment and strict.effects == ()
    assert strict.image_box(1).status == 0


def test_a_strict_printer_wants_colour_by_plane() -> None:
    assert film_of(False, color=True).image_box(1, image(photometric="RGB", planar=0)).status == 0
    assert film_of(True, color=True).image_box(1, image(photometric="RGB", planar=0)).status == 0x0106
    assert film_of(True, color=True).image_box(1, image(photometric="RGB", planar=1)).status == 0


@pytest.mark.parametrize("written", [r"standard\1,2", r"STANDARD\\1,2", "STANDARD\x011,2", r"STANDARD\1, 2"])
def test_a_strict_printer_wants_the_format_as_the_standard_writes_it(written: str) -> None:
    for strict, status in ((False, 0), (True, 0x0106)):
        console = StepConsole(strict=strict)
        console.film_session()
        assert console.film_box(written).status == status


def test_an_image_that_stands_in_the_wrong_sequence_is_found() -> None:
    data = data_set(ImageBoxPosition=1, ReferencedImageBoxSequence=Sequence([image(7, 4)]))
    console = filmed()
    assert console.say(Command.N_SET, GRAYSCALE_IMAGE_BOX, console.boxes[0], data).status == 0
    console.print_film()
    (pixels,) = console.submitted.document.references()
    assert pixels.rows == 7
    strict = film_of(True)
    assert strict.say(Command.N_SET, GRAYSCALE_IMAGE_BOX, strict.boxes[0], data).status == 0x0120


# -- image boxes by position alone -----------------------------------------------------------------------------------


def unknown_box(console: StepConsole, position: int, uid: str | None = "1.2.3.999") -> int:
    data = data_set(ImageBoxPosition=position, BasicGrayscaleImageSequence=Sequence([image(position, 4)]))
    return console.say(Command.N_SET, GRAYSCALE_IMAGE_BOX, uid, data).status


@pytest.mark.parametrize("uid", ["1.2.3.999", None, ""])
def test_an_instance_that_nobody_knows_is_taken_by_its_position_where_that_is_wished(uid: str | None) -> None:
    console = StepConsole(boxes_by_position=True)
    console.film_session()
    assert unknown_box(console, 1, uid) == 0x0112
    console.film_box(r"STANDARD\1,3")
    assert [unknown_box(console, position, uid) for position in (3, 1)] == [0, 0]
    assert unknown_box(console, 4, uid) == 0x0112
    console.print_film()
    found = {box.position: box.pixels.rows for box in console.submitted.document.pages[0].images if box.pixels}
    assert found == {1: 1, 3: 3}


def test_known_instances_are_not_taken_by_position() -> None:
    console = StepConsole(boxes_by_position=True)
    console.film_session()
    console.film_box()
    (frozen,) = console.boxes
    console.film_box()
    assert unknown_box(console, 1, frozen) == 0x0112
    assert unknown_box(console, 1, console.film_uid) == 0x0119
    console.delete_film()
    assert unknown_box(console, 1) == 0x0112


def test_without_the_wish_an_unknown_instance_is_0112() -> None:
    assert unknown_box(filmed(), 1) == 0x0112


# -- films without an image ------------------------------------------------------------------------------------------


def test_empty_films_make_no_job_where_that_is_wished() -> None:
    console = StepConsole(skip_empty_films=True)
    console.film_session()
    console.film_box()
    assert console.print_film().status == 0xB603
    assert console.effects == () and console.answer.data is None
    assert console.print_session().status == 0xB602 and console.effects == ()
    console.image_box()
    console.film_box(r"STANDARD\1,2")
    assert console.print_session().status == 0xB602
    assert [len(page.images) for page in console.submitted.document.pages] == [1]
