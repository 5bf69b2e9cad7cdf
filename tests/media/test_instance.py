"""The header pass of a C-STORE: what is found, what is refused, and that hostile bytes do nothing else."""

from __future__ import annotations

import mmap
import struct
import zlib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom import Dataset, Sequence

from media.elements import MAX_DEPTH, MAX_ELEMENTS
from media.instance import MissingIdentity, NeedMore, Unparsable, scan_header
from tests.media.builders import BIG_ENDIAN, CT, DEFLATED, EXPLICIT, IMPLICIT, SR, encode, instance, keys_of

BLENDING = "1.2.840.10008.5.1.4.1.1.11.4"
SYNTAXES = pytest.mark.parametrize("syntax", [IMPLICIT, EXPLICIT, BIG_ENDIAN])


@SYNTAXES
def test_every_syntax_gives_the_same_header(syntax: str) -> None:
    data = instance(
        Rows=512,
        Columns=256,
        PixelSpacing=[0.5, 0.5],
        ReferencedImageSequence=Sequence([instance(SOPInstanceUID="9.9")]),
        PixelData=b"\1\2" * 64,
    )
    data["PixelData"].VR = "OW"
    expected = scan_header(encode(data, EXPLICIT), EXPLICIT)
    found = scan_header(encode(data, syntax, undefined_lengths=True), syntax)
    assert found == expected
    assert found.patient_name == "Doe^Jane"
    assert (found.series_number, found.instance_number, found.modality) == ("3", "7", "CT")
    assert keys_of(found).Rows == 512
    assert keys_of(found).ReferencedImageSequence[0].SOPInstanceUID == "9.9"
    assert "PixelData" not in keys_of(found)


def test_the_pixels_are_not_needed_and_not_touched() -> None:
    head = encode(instance(Rows=4))
    pixels = struct.pack("<HH2sHL", 0x7FE0, 0x0010, b"OW", 0, 500_000_000)
    assert scan_header(head + pixels, EXPLICIT).sop_class_uid == CT


@pytest.mark.parametrize("cut", [1, 7, 8, 20, 100])
def test_a_data_set_that_breaks_off_needs_more(cut: int) -> None:
    whole = encode(instance(PatientComments="x" * 200, RequestedProcedureDescription="y" * 50))
    with pytest.raises(NeedMore):
        scan_header(whole[:-cut], EXPLICIT)


def test_a_first_part_that_ends_between_elements_is_no_end() -> None:
    whole = encode(instance())
    with pytest.raises(NeedMore):
        scan_header(whole, EXPLICIT, complete=False)


@pytest.mark.parametrize(
    ("keyword", "words", "kind"),
    [
        ("SOPClassUID", "no SOP Class UID", Unparsable),
        ("SOPInstanceUID", "no SOP Instance UID", Unparsable),
        ("StudyInstanceUID", "no Study Instance UID", MissingIdentity),
        ("SeriesInstanceUID", "no Series Instance UID", MissingIdentity),
    ],
)
def test_what_an_instance_cannot_be_without(keyword: str, words: str, kind: type[Exception]) -> None:
    for value in (None, ""):
        with pytest.raises(kind, match=words):
            scan_header(encode(instance(**{keyword: value})), EXPLICIT)


def test_an_object_of_no_patient_needs_no_study() -> None:
    palette = instance("1.2.840.10008.5.1.4.39.1", StudyInstanceUID=None, SeriesInstanceUID=None)
    assert scan_header(encode(palette), EXPLICIT).study_instance_uid == ""


@pytest.mark.parametrize("uid", ["../../etc/passwd", "1.2.x", "1" * 65])
def test_a_uid_of_anything_else_is_refused(uid: str) -> None:
    def element(value: bytes) -> bytes:
        return struct.pack("<HH2sH", 8, 0x18, b"UI", len(value)) + value

    bad = element(uid.encode() + b"\0" * (len(uid) % 2))
    raw = encode(instance()).replace(element(b"1.2.3.4\0"), bad)
    with pytest.raises(Unparsable, match="is not a UID"):
        scan_header(raw, EXPLICIT)


def test_the_wrong_syntax_is_named() -> None:
    with pytest.raises(Unparsable, match="not encoded as its transfer syntax says"):
        scan_header(encode(instance(), IMPLICIT), EXPLICIT)


def test_a_document_keeps_only_what_modifies_its_title() -> None:
    def item(relationship: str) -> Dataset:
        made = Dataset()
        made.RelationshipType = relationship
        made.ValueType = "CODE"
        made.ConceptCodeSequence = Sequence([Dataset()])
        return made

    document = instance(SR, VerificationFlag="VERIFIED")
    document.ContentSequence = Sequence([item("CONTAINS"), item("HAS CONCEPT MOD"), item("CONTAINS")])
    observers = [Dataset(), Dataset()]
    observers[0].VerificationDateTime, observers[1].VerificationDateTime = "20260102", "20260304"
    document.VerifyingObserverSequence = Sequence(observers)
    for syntax in (IMPLICIT, EXPLICIT, BIG_ENDIAN):
        for undefined in (False, True):
            keys = keys_of(scan_header(encode(document, syntax, undefined_lengths=undefined), syntax))
            assert [kept.RelationshipType for kept in keys.ContentSequence] == ["HAS CONCEPT MOD"]
            assert keys.VerificationDateTime == "20260304"
            assert "VerifyingObserverSequence" not in keys


def test_shared_functional_groups_give_position_and_spacing() -> None:
    measures, groups = Dataset(), Dataset()
    measures.PixelSpacing = [0.7, 0.7]
    groups.PixelMeasuresSequence = Sequence([measures])
    keys = keys_of(scan_header(encode(instance(SharedFunctionalGroupsSequence=Sequence([groups]))), EXPLICIT))
    assert keys.PixelSpacing == [0.7, 0.7]
    assert "SharedFunctionalGroupsSequence" not in keys


def test_a_blending_state_keeps_of_each_set_its_study_and_its_references() -> None:
    sets = [instance(StudyInstanceUID=f"1.{n}", ReferencedSeriesSequence=Sequence([Dataset()])) for n in range(3)]
    keys = keys_of(scan_header(encode(instance(BLENDING, BlendingSequence=Sequence(sets))), EXPLICIT))
    assert [one.StudyInstanceUID for one in keys.BlendingSequence] == ["1.0", "1.1"]
    for one in keys.BlendingSequence:
        assert {element.keyword for element in one} == {"StudyInstanceUID", "ReferencedSeriesSequence"}


def test_a_mapped_file_can_be_closed_after_a_failure(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(encode(instance(PatientComments="c" * 10000)) * 20 + b"\0")
    with (tmp_path / "x").open("rb") as file:
        mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        with pytest.raises(Unparsable) as caught, memoryview(mapped) as view, view[2:] as part:
            scan_header(part, EXPLICIT)
        mapped.close()
        assert caught.value.__traceback__ is not None


def test_nesting_and_number_of_elements_are_bounded() -> None:
    start = encode(instance())
    open_sequence = struct.pack("<HH2sHL", 0x0008, 0x1140, b"SQ", 0, 0xFFFFFFFF)
    open_item = struct.pack("<HHL", 0xFFFE, 0xE000, 0xFFFFFFFF)
    for tag in (0x1140, 0x1111):
        deep = open_sequence.replace(struct.pack("<H", 0x1140), struct.pack("<H", tag)) + open_item
        with pytest.raises(Unparsable, match="nested too deep"):
            scan_header(deep * (MAX_DEPTH * 4) + start, EXPLICIT)
    with pytest.raises(Unparsable, match="too many elements"):
        scan_header(struct.pack("<HHL", 9, 9, 0) * (MAX_ELEMENTS + 1), IMPLICIT)


def test_a_deflated_header_is_inflated_within_bounds() -> None:
    deflater = zlib.compressobj(9, zlib.DEFLATED, -15)
    plain = encode(instance(PixelData=None)) + struct.pack("<HH2sHL", 0x7FE0, 0x0010, b"OW", 0, 1 << 26)
    packed = deflater.compress(plain + bytes(1 << 26)) + deflater.flush()
    assert scan_header(packed, DEFLATED).patient_id == "P1"


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_hostile_bytes_raise_unparsable_or_nothing(data: st.DataObject) -> None:
    syntax = data.draw(st.sampled_from([IMPLICIT, EXPLICIT, BIG_ENDIAN, DEFLATED]))
    document = instance(SR, ReferencedImageSequence=Sequence([instance(), instance()]), ConceptNameCodeSequence=[])
    document.ContentSequence = Sequence([instance(SR)])
    raw = bytearray(
        encode(document, syntax if syntax != DEFLATED else EXPLICIT, undefined_lengths=data.draw(st.booleans()))
    )
    for _ in range(data.draw(st.integers(1, 6))):
        at = data.draw(st.integers(0, len(raw) - 1))
        raw[at : at + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=6))
    try:
        header = scan_header(bytes(raw), syntax)
    except Unparsable:
        return
    assert header.sop_instance_uid
    assert scan_header(memoryview(raw), syntax) == header


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=400), st.sampled_from([IMPLICIT, EXPLICIT, BIG_ENDIAN, DEFLATED]))
def test_noise_raises_unparsable(noise: bytes, syntax: str) -> None:
    with pytest.raises(Unparsable):
        scan_header(noise, syntax)


@pytest.mark.parametrize(("syntax", "size"), [(IMPLICIT, 70_000), (EXPLICIT, 65_535), (BIG_ENDIAN, 65_535)])
def test_ps3_5_7_1_2_a_value_in_an_item_that_no_directory_can_hold_is_left_out(syntax: str, size: int) -> None:
    """Its VR has a 16-bit length in the directory keys, whatever it had in the instance."""
    whole = encode(instance(ReferencedImageSequence=Sequence([Dataset()])), syntax)
    order = ">" if syntax == BIG_ENDIAN else "<"

    def element(group: int, number: int, vr: bytes, value: bytes) -> bytes:
        if syntax == IMPLICIT:
            return struct.pack("<HHL", group, number, len(value)) + value
        return struct.pack(order + "HH2sH", group, number, vr, len(value)) + value

    item = element(8, 0x1155, b"UI", b"9.9\0") + element(0x10, 0x10, b"PN", b"x" * size)
    at = whole.index(struct.pack(order + "HH", 8, 0x1140)) + (8 if syntax == IMPLICIT else 12)
    value = struct.pack(order + "HHL", 0xFFFE, 0xE000, len(item)) + item
    whole = whole[: at - 4] + struct.pack(order + "L", len(value)) + value + whole[at + 8 :]
    header = scan_header(whole, syntax)
    assert header.patient_name == "Doe^Jane"
    (kept,) = keys_of(header).ReferencedImageSequence
    assert [element.keyword for element in kept] == ["ReferencedSOPInstanceUID"]


def test_an_element_of_the_items_group_is_no_element_of_an_item() -> None:
    stray = struct.pack("<HHL", 0xFFFE, 0x0001, 0)
    item = struct.pack("<HHL", 0xFFFE, 0xE000, len(stray)) + stray
    whole = encode(instance(ReferencedImageSequence=Sequence([])))
    empty = struct.pack("<HH2sHL", 8, 0x1140, b"SQ", 0, 0)
    with pytest.raises(Unparsable):
        scan_header(whole.replace(empty, empty[:8] + struct.pack("<L", len(item)) + item), EXPLICIT)
