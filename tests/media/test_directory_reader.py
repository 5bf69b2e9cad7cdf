"""Directories as others write them, and as attackers do (PS3.3 Annex F)."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom import Dataset, Sequence, dcmread
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_dataset

from media.dicomdir import DirectoryTree, read_dicomdir
from media.directory_reader import MAX_LEVELS
from media.elements import Unparsable
from tests.media.builders import instance
from tests.media.test_dicomdir import directory

INSTANCES = [
    instance(
        PatientID=f"P{number // 8}",
        StudyInstanceUID=f"1.{number // 4}",
        SeriesInstanceUID=f"1.{number // 2}.1",
        SOPInstanceUID=f"9.{number}",
    )
    for number in range(16)
]
GOOD, _ = directory(*INSTANCES)


def shape(tree: DirectoryTree) -> list[tuple[str, ...]]:
    """The path of record types and UIDs to every file."""
    return [
        (above[0].text(0x00100020), above[1].text(0x0020000D), above[2].text(0x0020000E), record.sop_instance_uid)
        for record, above in tree.references()
    ]


EXPECTED = [(f"P{n // 8}", f"1.{n // 4}", f"1.{n // 2}.1", f"9.{n}") for n in range(16)]


def links(change: Callable[[int], int], *elements: int) -> bytes:
    """The good directory with its offsets changed."""
    data = bytearray(GOOD)
    for element in elements:
        tag = struct.pack("<HH2sH", 4, element, b"UL", 4)
        at = data.find(tag)
        while at >= 0:
            (old,) = struct.unpack_from("<L", data, at + 8)
            struct.pack_into("<L", data, at + 8, change(old) & 0xFFFFFFFF)
            at = data.find(tag, at + 12)
    return bytes(data)


ALL_LINKS = (0x1200, 0x1202, 0x1400, 0x1420)


def test_a_good_directory_has_no_problems() -> None:
    tree = read_dicomdir(GOOD)
    assert tree.problems == ()
    assert shape(tree) == EXPECTED
    assert (tree.file_set_id, tree.file_set_uid) == ("TEST", "1.2.9")


@pytest.mark.parametrize("shift", [-128, -4, 2, 140])
def test_offsets_that_are_all_off_by_the_same(shift: int) -> None:
    tree = read_dicomdir(links(lambda offset: offset + shift if offset else 0, *ALL_LINKS))
    assert shape(tree) == EXPECTED
    assert tree.problems == (f"every offset is off by {shift} bytes",)


@pytest.mark.parametrize("offset", [0, 7, 0xFFFFFFFF])
def test_offsets_that_say_nothing(offset: int) -> None:
    tree = read_dicomdir(links(lambda _: offset, *ALL_LINKS))
    assert shape(tree) == EXPECTED
    assert tree.problems


def test_lost_links_are_made_good_by_the_order() -> None:
    tree = read_dicomdir(links(lambda _: 0, 0x1420))
    assert shape(tree) == EXPECTED
    assert any("linked from nowhere" in problem for problem in tree.problems)


def test_links_in_circles_end() -> None:
    first = struct.unpack_from("<L", GOOD, GOOD.index(struct.pack("<HH2sH", 4, 0x1200, b"UL", 4)) + 8)[0]
    tree = read_dicomdir(links(lambda _: first, 0x1400, 0x1420))
    assert len(tree.records) == len({id(record) for record, _ in tree.walk()})
    assert any("circle" in problem for problem in tree.problems)


def rewritten(
    implicit: bool = False, big: bool = False, undefined: bool = False, without: tuple[str, ...] = ()
) -> bytes:
    """The good directory's records, written by pydicom in another way, the offsets as they fell before."""
    read = dcmread(io.BytesIO(GOOD))
    for name in without:
        for item in [read, *read.DirectoryRecordSequence]:
            if name in item:
                del item[name]
    if undefined:
        read["DirectoryRecordSequence"].is_undefined_length = True
        for item in read.DirectoryRecordSequence:
            item.is_undefined_length_sequence_item = True
    plain = Dataset()
    plain.update({element.tag: element for element in read})
    out = DicomBytesIO()
    out.is_implicit_VR, out.is_little_endian = implicit, not big
    write_dataset(out, plain)
    return GOOD[: GOOD.index(struct.pack("<HH2s", 4, 0x1130, b"CS"))] + out.getvalue()


@pytest.mark.parametrize(
    "how",
    [
        {"implicit": True},
        {"big": True},
        {"undefined": True},
        {"implicit": True, "undefined": True},
        {
            "without": (
                "OffsetOfTheFirstDirectoryRecordOfTheRootDirectoryEntity",
                "OffsetOfTheNextDirectoryRecord",
                "OffsetOfReferencedLowerLevelDirectoryEntity",
            )
        },
    ],
)
def test_other_encodings(how: dict[str, bool]) -> None:
    tree = read_dicomdir(rewritten(**how))  # type: ignore[arg-type]
    assert shape(tree) == EXPECTED
    assert tree.problems


def test_no_preamble_no_meta() -> None:
    start = GOOD.index(struct.pack("<HH2s", 4, 0x1130, b"CS"))
    for data in (GOOD[start:], GOOD[128:], GOOD[132:]):
        tree = read_dicomdir(data)
        assert shape(tree) == EXPECTED
        assert any("preamble" in problem for problem in tree.problems)


def test_records_without_a_patient() -> None:
    study, series, image = Dataset(), Dataset(), Dataset()
    study.DirectoryRecordType, study.StudyInstanceUID = "STUDY", "1.2"
    series.DirectoryRecordType, series.SeriesInstanceUID = "series ", "1.2.3"
    image.DirectoryRecordType, image.ReferencedFileID = "Image", ["dicom", "im1"]
    data = Dataset()
    data.FileSetID, data.DirectoryRecordSequence = "", Sequence([study, series, image])
    out = DicomBytesIO()
    out.is_implicit_VR, out.is_little_endian = False, True
    write_dataset(out, data)
    tree = read_dicomdir(out.getvalue())
    ((record, above),) = tree.references()
    assert [item.record_type for item in (*above, record)] == ["STUDY", "SERIES", "IMAGE"]
    assert record.file_id == ("dicom", "im1")


def test_a_directory_that_breaks_off_gives_what_there_is() -> None:
    tree = read_dicomdir(GOOD[: len(GOOD) // 2])
    assert 0 < len(list(tree.references())) < 16
    assert any("unreadable from byte" in problem for problem in tree.problems)


@pytest.mark.parametrize("data", [b"", b"DICM", bytes(132) + b"DICM", b"\0" * 500, GOOD[:200]])
def test_no_directory_at_all(data: bytes) -> None:
    with pytest.raises(Unparsable):
        read_dicomdir(data)


def test_very_deep_chains_do_not_recurse() -> None:
    links_of = struct.Struct("<HHLHH2sHLHH2sHL")
    start = GOOD.index(struct.pack("<HH2s", 4, 0x1220, b"SQ"))
    size = links_of.size
    count = 20_000
    first = start + 12
    body = b"".join(
        links_of.pack(0xFFFE, 0xE000, size - 8, 4, 0x1400, b"UL", 4, 0, 4, 0x1420, b"UL", 4, first + (n + 1) * size)
        for n in range(count)
    )
    tree = read_dicomdir(GOOD[: start + 8] + struct.pack("<L", len(body)) + body)
    assert len(tree.records) == count
    assert max(len(above) for _, above in tree.walk()) <= MAX_LEVELS
    assert sum(1 for _ in tree.walk()) == count


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(st.integers(0, len(GOOD) - 1), st.binary(max_size=4), st.integers(0, 4)), max_size=6))
def test_hostile_directories_end(changes: list[tuple[int, bytes, int]]) -> None:
    data = bytearray(GOOD)
    for at, new, dropped in changes:
        data[at : at + dropped] = new
    try:
        tree = read_dicomdir(bytes(data))
    except Unparsable:
        return
    assert len(list(tree.walk())) == len(tree.records)
