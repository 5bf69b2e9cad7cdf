"""PS3.4 H.4.9: Presentation LUTs, from N-CREATE to the image that they are printed with."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom import Dataset
from pydicom.sequence import Sequence

from printing import session as room
from printing.hierarchy import Session
from printing.page import PageImage, PresentationLUT
from printing.terms import FILM_SESSION, GRAYSCALE_IMAGE_BOX, PRESENTATION_LUT, Command
from tests.printing.console import StepConsole, data_set, image, lut_reference, lut_table

GONE: list[object] = []


@pytest.fixture(params=[(True, False), (False, False), (True, True), (False, True)], ids=str)
def console(request: pytest.FixtureRequest) -> StepConsole:
    """A console in every encoding that there is."""
    explicit, undefined_lengths = request.param
    return StepConsole(explicit=explicit, undefined_lengths=undefined_lengths)


def printed(console: StepConsole) -> tuple[PageImage, ...]:
    console.print_film()
    return console.submitted.document.pages[-1].images


# -- N-CREATE ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", ["IDENTITY", "LIN OD"])
def test_h_4_9_2_1_a_shape(console: StepConsole, shape: str) -> None:
    answer = console.presentation_lut(PresentationLUTShape=shape)
    assert answer.status == 0 and answer.data is not None
    assert answer.data.PresentationLUTShape == shape
    assert console.session.presentation_luts == {answer.uid: PresentationLUT(shape)}


@pytest.mark.parametrize("bits", range(10, 17))
@pytest.mark.parametrize("entries", [256, 4096])
@pytest.mark.parametrize("vr", ["OW", "US"])
def test_h_4_9_2_1_a_table(console: StepConsole, entries: int, bits: int, vr: str) -> None:
    answer = console.presentation_lut(PresentationLUTSequence=lut_table(entries, bits, vr=vr))
    assert answer.status == 0 and answer.data is not None
    (item,) = answer.data.PresentationLUTSequence
    assert list(item.LUTDescriptor) == [entries, 0, bits]
    (lut,) = console.session.presentation_luts.values()
    top = (1 << bits) - 1
    assert lut.shape is None and lut.bits == bits and lut.table is not None
    assert (len(lut.table), lut.table[0], lut.table[-1]) == (entries, top, 0)
    assert struct.pack(f"<{entries}H", *lut.table) == item.LUTData


def test_ps3_7_10_1_5_we_make_the_uid_or_keep_the_peers() -> None:
    console = StepConsole()
    assert console.presentation_lut(PresentationLUTShape="IDENTITY").uid == "1.2.3.1"
    assert console.presentation_lut("1.2.9", PresentationLUTShape="IDENTITY").uid == "1.2.9"
    assert console.presentation_lut("1.2.9", PresentationLUTShape="LIN OD").status == 0x0111


def descriptor(*values: int) -> Sequence:
    table = lut_table()
    table[0].LUTDescriptor = list(values)
    return table


WRONG: list[tuple[str, dict[str, object], int, tuple[int, ...]]] = [
    ("neither", {}, 0x0120, (0x20500020, 0x20500010)),
    ("both", {"PresentationLUTShape": "IDENTITY", "PresentationLUTSequence": lut_table()}, 0x0106, (0x20500010,)),
    ("softcopy shape", {"PresentationLUTShape": "INVERSE"}, 0x0106, (0x20500020,)),
    ("no item", {"PresentationLUTSequence": []}, 0x0106, (0x20500010,)),
    ("two items", {"PresentationLUTSequence": [*lut_table(), *lut_table()]}, 0x0106, (0x20500010,)),
    ("empty item", {"PresentationLUTSequence": [Dataset()]}, 0x0120, (0x00283002,)),
    ("1024 entries", {"PresentationLUTSequence": lut_table(1024)}, 0x0106, (0x00283002,)),
    ("from 1", {"PresentationLUTSequence": descriptor(4096, 1, 12)}, 0x0106, (0x00283002,)),
    ("8 bits", {"PresentationLUTSequence": descriptor(4096, 0, 8)}, 0x0106, (0x00283002,)),
    ("17 bits", {"PresentationLUTSequence": descriptor(4096, 0, 17)}, 0x0106, (0x00283002,)),
    ("two numbers", {"PresentationLUTSequence": descriptor(4096, 0)}, 0x0106, (0x00283002,)),
    ("too few", {"PresentationLUTSequence": lut_table(data=bytes(8190))}, 0x0106, (0x00283006,)),
    ("too many", {"PresentationLUTSequence": lut_table(data=bytes(8194))}, 0x0106, (0x00283006,)),
    ("no data", {"PresentationLUTSequence": lut_table(data=b"")}, 0x0121, (0x00283006,)),
    ("above", {"PresentationLUTSequence": lut_table(data=b"\x00\x10" * 4096)}, 0x0106, (0x00283006,)),
]


@pytest.mark.parametrize(("what", "asked", "status", "offending"), WRONG, ids=[row[0] for row in WRONG])
def test_c_11_4_what_is_no_presentation_lut(
    what: str, asked: dict[str, object], status: int, offending: tuple[int, ...]
) -> None:
    console = StepConsole()
    answer = console.presentation_lut(**asked)
    assert (answer.status, answer.offending) == (status, offending) and answer.comment
    assert console.session == Session()


def test_luts_of_an_association_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "MOST_PRESENTATION_LUTS", 2)
    console = StepConsole()
    for status in (0, 0, 0x0213):
        assert console.presentation_lut(PresentationLUTShape="IDENTITY").status == status


# -- references -------------------------------------------------------------------------------------------------------


def luts(console: StepConsole) -> dict[str, str]:
    """Three Presentation LUTs that differ."""
    made = {
        "LIN OD": console.presentation_lut(PresentationLUTShape="LIN OD").uid,
        "IDENTITY": console.presentation_lut(PresentationLUTShape="IDENTITY").uid,
        "table": console.presentation_lut(PresentationLUTSequence=lut_table(256, 10)).uid,
    }
    assert all(made.values())
    return {name: uid for name, uid in made.items() if uid}


def test_h_2_1_2_image_box_over_film_box_over_film_session(console: StepConsole) -> None:
    made = luts(console)
    console.film_session(ReferencedPresentationLUTSequence=lut_reference(made["IDENTITY"]))
    console.film_box(r"STANDARD\1,2")
    assert [box.presentation_lut for box in printed(console)] == [PresentationLUT("IDENTITY")] * 2
    console.film_box(r"STANDARD\1,2", ReferencedPresentationLUTSequence=lut_reference(made["LIN OD"]))
    console.image_box(2, None, ReferencedPresentationLUTSequence=lut_reference(made["table"]))
    first, second = printed(console)
    assert first.presentation_lut == PresentationLUT("LIN OD")
    assert second.presentation_lut is not None and second.presentation_lut.bits == 10


def test_without_a_reference_there_is_none() -> None:
    console = StepConsole()
    luts(console)
    console.film_session()
    console.film_box()
    (box,) = printed(console)
    assert box.presentation_lut is None


def test_the_answer_says_which_lut_is_used() -> None:
    console = StepConsole()
    made = luts(console)
    console.film_session()
    answer = console.film_box(ReferencedPresentationLUTSequence=lut_reference(made["table"]))
    assert answer.status == 0 and answer.data is not None
    (item,) = answer.data.ReferencedPresentationLUTSequence
    assert (item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID) == (PRESENTATION_LUT, made["table"])


def test_n_set_changes_a_reference_and_takes_it_away() -> None:
    console = StepConsole()
    made = luts(console)
    console.film_session()
    console.film_box(ReferencedPresentationLUTSequence=lut_reference(made["table"]))
    assert console.set_film(ReferencedPresentationLUTSequence=lut_reference(made["LIN OD"])).status == 0
    assert printed(console)[0].presentation_lut == PresentationLUT("LIN OD")
    assert console.set_film(ReferencedPresentationLUTSequence=GONE).status == 0
    assert printed(console)[0].presentation_lut is None


def test_a_lut_that_is_not_there_is_a_warning_and_none() -> None:
    console = StepConsole()
    console.film_session()
    answer = console.film_box(ReferencedPresentationLUTSequence=lut_reference("1.2.3.999"))
    assert (answer.status, answer.offending) == (0x0116, (0x20500500,))
    assert printed(console)[0].presentation_lut is None


def test_a_lut_that_is_not_there_is_refused_strictly() -> None:
    console = StepConsole(strict=True)
    console.film_session()
    answer = console.film_box(ReferencedPresentationLUTSequence=lut_reference("1.2.3.999"))
    assert (answer.status, answer.offending) == (0x0106, (0x20500500,))


def test_h_4_3_2_colour_has_no_presentation_lut() -> None:
    console = StepConsole(color=True)
    made = luts(console)
    console.film_session()
    console.film_box(ReferencedPresentationLUTSequence=lut_reference(made["LIN OD"]))
    answer = console.image_box(1, None, ReferencedPresentationLUTSequence=lut_reference(made["LIN OD"]))
    assert (answer.status, answer.offending) == (0x0107, (0x20500500,))
    assert printed(console)[0].presentation_lut is None


# -- life -------------------------------------------------------------------------------------------------------------


def test_h_4_9_a_lut_outlives_the_film_session() -> None:
    console = StepConsole()
    made = luts(console)
    for _ in range(2):
        console.film_session()
        assert console.film_box(ReferencedPresentationLUTSequence=lut_reference(made["table"])).status == 0
        console.delete_session()
    assert set(console.session.presentation_luts) == set(made.values())


HOLDERS = ["film session", "film box", "frozen film box", "image box"]


@pytest.mark.parametrize("holder", HOLDERS)
def test_h_4_9_2_2_no_delete_while_it_is_referenced(holder: str) -> None:
    console = StepConsole()
    uid = luts(console)["table"]
    wanted = {"ReferencedPresentationLUTSequence": lut_reference(uid)}
    console.film_session(**(wanted if holder == "film session" else {}))
    console.film_box(**(wanted if "film box" in holder else {}))
    if holder == "image box":
        console.image_box(1, None, **wanted)
    if holder == "frozen film box":
        console.film_box()
    answer = console.say(Command.N_DELETE, PRESENTATION_LUT, uid)
    assert answer.status == 0x0110 and answer.comment
    console.delete_session()
    assert console.say(Command.N_DELETE, PRESENTATION_LUT, uid).status == 0
    assert console.say(Command.N_DELETE, PRESENTATION_LUT, uid).status == 0x0112


def test_delete_of_another_class_is_0119() -> None:
    console = StepConsole()
    uid = luts(console)["table"]
    console.film_session()
    assert console.say(Command.N_DELETE, FILM_SESSION, uid).status == 0x0119
    assert console.say(Command.N_DELETE, PRESENTATION_LUT, console.session_uid).status == 0x0119


def test_what_is_printed_keeps_its_lut() -> None:
    console = StepConsole()
    uid = luts(console)["table"]
    console.film_session()
    console.film_box(ReferencedPresentationLUTSequence=lut_reference(uid))
    (box,) = printed(console)
    console.delete_session()
    console.say(Command.N_DELETE, PRESENTATION_LUT, uid)
    assert box.presentation_lut is not None and len(box.presentation_lut.table or ()) == 256


@given(st.binary(max_size=64))
def test_no_descriptor_and_no_data_breaks_it(raw: bytes) -> None:
    console = StepConsole()
    item = Dataset()
    item.add_new(0x00283002, "OW", raw[:8] + b"\0" * (len(raw[:8]) % 2))
    item.add_new(0x00283006, "OW", raw + b"\0" * (len(raw) % 2))
    assert console.presentation_lut(PresentationLUTSequence=[item]).status in (0x0106, 0x0121)


def test_a_reference_in_an_image_box_that_is_erased_is_kept_out_of_the_way() -> None:
    console = StepConsole()
    uid = luts(console)["table"]
    console.film_session()
    console.film_box()
    console.image_box(1, image(), ReferencedPresentationLUTSequence=lut_reference(uid))
    gone = data_set(ImageBoxPosition=1, BasicGrayscaleImageSequence=[], ReferencedPresentationLUTSequence=GONE)
    assert console.say(Command.N_SET, GRAYSCALE_IMAGE_BOX, console.boxes[0], gone).status == 0
    assert console.say(Command.N_DELETE, PRESENTATION_LUT, uid).status == 0
