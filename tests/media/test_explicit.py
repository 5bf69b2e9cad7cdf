"""Data sets brought to Explicit VR Little Endian: other bytes around the values, the same bytes in them."""

from __future__ import annotations

import errno
import struct
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import (
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEGLSLossless,
    RLELossless,
)

from media.transcode import transcode
from tests.instances import instance

ENCODINGS = (ImplicitVRLittleEndian, ExplicitVRBigEndian, RLELossless)


def stored(folder: Path, data_set: Dataset, syntax: str, **raw: bytes) -> Path:
    """A file in a transfer syntax, with values as bytes that pydicom would not write."""
    if syntax in (RLELossless, JPEGLSLossless):
        data_set.compress(syntax, generate_instance_uid=False)
    for keyword in raw:
        data_set[keyword].value = {"DS": 1, "IS": 1, "DA": "20200101"}.get(data_set[keyword].VR, "marker")
    explicit, order = syntax != ImplicitVRLittleEndian, ">" if syntax == ExplicitVRBigEndian else "<"
    file = folder / "in"
    if syntax not in (RLELossless, JPEGLSLossless):
        data_set.file_meta.TransferSyntaxUID = syntax
    pydicom.dcmwrite(file, data_set, enforce_file_format=True)
    data = file.read_bytes()
    for keyword, value in raw.items():
        element = data_set[keyword]
        tag = struct.pack(order + "HH", element.tag.group, element.tag.element)
        at = data.index(tag + (element.VR.encode() if explicit else b""), 300)
        width, start = (2, at + 6) if explicit else (4, at + 4)
        old = int.from_bytes(data[start : start + width], "big" if order == ">" else "little")
        length = struct.pack(order + ("H" if width == 2 else "L"), len(value))
        data = data[:start] + length + value + data[start + width + old :]
    file.write_bytes(data)
    return file


def raw(data_set: Dataset, keyword: str) -> Any:
    element = data_set.get_item(keyword)
    assert isinstance(element, RawDataElement)
    return element.value


def again(file: Path) -> Dataset:
    out = file.with_name("out")
    transcode(file, out)
    found = pydicom.dcmread(out)
    assert found.file_meta.TransferSyntaxUID == ExplicitVRLittleEndian
    return found


@pytest.mark.parametrize("syntax", ENCODINGS)
@pytest.mark.parametrize(
    ("charset", "name"),
    [
        ("ISO_IR 13", b"\xd4\xcf\xc0\xde^\xc0\xdb\xb3"),
        ("ISO_IR 192", b"M\xfcller^J\xfcrgen "),  # which is no Unicode
        ("ISO_IR 100", b"M\xc3\xbcller^J "),
        (["ISO 2022 IR 100", "ISO 2022 IR 144"], b"\x1b-L\xb8\xd2\xd0\xdd^\xe9 "),  # the escape ends at the ^
        (["", "ISO 2022 IR 87"], b"\x1b$B;3\x1b(B\x1b$BED\x1b(B"),
        (["", "ISO 2022 IR 58"], b"\x1b$)A\xcd\xf5^\x1b$)A\xd0\xa1 "),
    ],
)
def test_a_name_keeps_its_bytes(tmp_path: Path, syntax: str, charset: Any, name: bytes) -> None:
    made = instance(1, SpecificCharacterSet=charset)
    found = again(stored(tmp_path, made, syntax, PatientName=name))
    assert raw(found, "PatientName") == name


@pytest.mark.parametrize("syntax", ENCODINGS)
def test_values_that_break_their_rules_stay(tmp_path: Path, syntax: str) -> None:
    made = instance(1, SliceThickness=1, SeriesNumber=1, StudyDate="20200101")
    values = {"StudyDate": b"2020.01.02", "SliceThickness": b"1.23456789012345678 ", "SeriesNumber": b"one "}
    found = again(stored(tmp_path, made, syntax, **values))
    assert {keyword: raw(found, keyword) for keyword in values} == values


def test_numbers_of_big_endian_are_turned(tmp_path: Path) -> None:
    """Palettes, overlays, floats: every value that has a byte order, not the pixels alone."""
    palette = np.arange(256, dtype="<u2") * 7
    made = instance(1)
    made.RedPaletteColorLookupTableDescriptor = [256, 0, 16]
    item = Dataset()
    item.RealWorldValueSlope = float("nan")
    item.RealWorldValueLUTData = [1.5, -2.25]
    item.FrameIncrementPointer = 0x00181063
    made.RealWorldValueMappingSequence = Sequence([item])
    made.add_new(0x00281201, "OW", palette.astype(">u2").tobytes())
    made.add_new(0x7FE00008, "OF", np.array([1.5, -3.25], ">f4").tobytes())
    del made.PixelData
    found = again(stored(tmp_path, made, ExplicitVRBigEndian))
    assert found.RedPaletteColorLookupTableData == palette.tobytes()
    assert found[0x7FE00008].value == np.array([1.5, -3.25], "<f4").tobytes()
    (item,) = found.RealWorldValueMappingSequence
    assert np.isnan(item.RealWorldValueSlope)
    assert list(item.RealWorldValueLUTData) == [1.5, -2.25] and item.FrameIncrementPointer == 0x00181063
    assert list(found.RedPaletteColorLookupTableDescriptor) == [256, 0, 16]


@pytest.mark.parametrize(("signed", "vr"), [(0, "US"), (1, "SS")])
def test_a_vr_that_depends_on_the_pixels(tmp_path: Path, signed: int, vr: str) -> None:
    made = instance(1, PixelRepresentation=signed)
    made.add_new("SmallestImagePixelValue", vr, 3)
    made.add_new("MappedPixelValue", vr, 4)  # it stands before Pixel Representation
    item = Dataset()
    item.add_new("LUTDescriptor", vr, [2, 0, 16])
    item.add_new("LUTData", "OW", b"\1\0\2\0")
    made.ModalityLUTSequence = Sequence([item])
    found = again(stored(tmp_path, made, ImplicitVRLittleEndian))
    assert {found[keyword].VR for keyword in ("SmallestImagePixelValue", "MappedPixelValue")} == {vr}
    (item,) = found.ModalityLUTSequence
    assert [item[keyword].VR for keyword in ("LUTDescriptor", "LUTData")] == [vr, "OW"]
    assert item.LUTData == b"\1\0\2\0"


def test_private_elements_of_implicit_data_sets(tmp_path: Path) -> None:
    """Creators are LO, what a known dictionary has is as it says, the rest is UN."""
    made = instance(1)
    for creator, group in (("SIEMENS CSA HEADER", 0x0029), ("NOBODY KNOWS", 0x0031)):
        made.add_new((group, 0x0010), "LO", creator)
        made.add_new((group, 0x1010), "OB", b"\1\2\3\4")
    found = again(stored(tmp_path, made, ImplicitVRLittleEndian))
    assert found.get_item((0x0029, 0x1010)).VR == "OB" and found.get_item((0x0031, 0x1010)).VR == "UN"
    assert found.get_item((0x0031, 0x0010)).VR == "LO" and found[0x0031, 0x1010].value == b"\1\2\3\4"


def test_a_value_too_long_for_its_vr_is_unknown(tmp_path: Path) -> None:
    made = instance(1)
    made.ImageComments = "x" * 70_000
    found = again(stored(tmp_path, made, ImplicitVRLittleEndian))
    assert found.get_item("ImageComments").VR == "UN" and len(raw(found, "ImageComments")) == 70_000


def test_a_data_set_without_file_meta_is_brought_to_disc_too(tmp_path: Path) -> None:
    """Old modalities export the bare data set (media.part10 reads its encoding off the first element)."""
    file = stored(tmp_path, instance(1), ImplicitVRLittleEndian)
    data = file.read_bytes()
    file.write_bytes(data[144 + int.from_bytes(data[140:144], "little") :])
    assert again(file).PatientID == instance(1).PatientID


def test_an_icon_is_decompressed_with_its_image(tmp_path: Path) -> None:
    made, small = instance(1), instance(1, side=8)
    pixels = small.PixelData
    small.compress(JPEGLSLossless, generate_instance_uid=False)
    icon = Dataset()
    for keyword in ("Rows", "Columns", "BitsAllocated", "BitsStored", "HighBit", "PixelRepresentation"):
        setattr(icon, keyword, small[keyword].value)
    icon.SamplesPerPixel, icon.PhotometricInterpretation = 1, "MONOCHROME2"
    icon.add_new("PixelData", "OB", small.PixelData)
    icon["PixelData"].is_undefined_length = True
    made.IconImageSequence = Sequence([icon])
    found = again(stored(tmp_path, made, JPEGLSLossless))
    (item,) = found.IconImageSequence
    assert item.PixelData == pixels and not item["PixelData"].is_undefined_length


@pytest.mark.parametrize("syntax", [ImplicitVRLittleEndian, RLELossless])
def test_a_full_disk_is_told_as_one(tmp_path: Path, syntax: str) -> None:
    """Not as a fault of the instance: its disc waits for room, and no person has to look."""
    file = stored(tmp_path, instance(1, side=128), syntax)
    (tmp_path / "out").symlink_to("/dev/full")
    with pytest.raises(OSError) as failure:
        transcode(file, tmp_path / "out")
    assert failure.value.errno == errno.ENOSPC


def test_a_long_instance_is_not_held_in_memory(tmp_path: Path) -> None:
    made = instance(1, Rows=4096, Columns=8192)
    made.PixelData = bytes(2 * 4096 * 8192)
    file = stored(tmp_path, made, ImplicitVRLittleEndian)
    del made
    tracemalloc.start()
    try:
        transcode(file, tmp_path / "out")
        assert tracemalloc.get_traced_memory()[1] < 16 * 1024 * 1024
    finally:
        tracemalloc.stop()
    assert (tmp_path / "out").stat().st_size > 2 * 4096 * 8192


def test_what_is_unknown_is_in_little_endian_already(tmp_path: Path) -> None:
    """PS3.5 §6.2.2: the bytes of UN are those of Implicit VR Little Endian, in a big endian data set too."""
    made = instance(1)
    made.add_new((0x0019, 0x0010), "LO", "GEMS_ACQU_01")
    made.add_new((0x0019, 0x1002), "UN", struct.pack("<l", 912))
    found = again(stored(tmp_path, made, ExplicitVRBigEndian))
    assert found[0x0019, 0x1002].value == 912
