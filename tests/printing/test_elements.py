"""The attribute list codec, judged by pydicom's, and on bytes that are none."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom import Dataset
from pydicom.sequence import Sequence

from printing import elements
from printing.attributes import VRS
from printing.elements import BadValue, Malformed, read, write
from tests.printing.console import data_set, decode, encode, image

SAMPLE = data_set(
    SpecificCharacterSet="ISO_IR 100",
    NumberOfCopies=3,
    FilmSessionLabel="Größe",
    ImageDisplayFormat=r"STANDARD\2,3",
    MaxDensity=320,
    RequestedImageSize="120.5",
    ReferencedFilmSessionSequence=Sequence(
        [data_set(ReferencedSOPClassUID="1.2.3", ReferencedSOPInstanceUID="1.2.3.4.5")]
    ),
)
BOX = data_set(ImageBoxPosition=1, BasicGrayscaleImageSequence=Sequence([image(8, 8, bits=12)]))

ENCODINGS = [(explicit, undefined) for explicit in (True, False) for undefined in (True, False)]


@pytest.mark.parametrize(("explicit", "undefined"), ENCODINGS)
def test_reads_what_pydicom_writes(explicit: bool, undefined: bool) -> None:
    found = read(encode(SAMPLE, explicit, undefined), explicit)
    assert found.value(0x20000010, "IS") == 3
    assert found.value(0x20100010, "ST") == r"STANDARD\2,3"
    assert found.value(0x20100130, "US") == 320
    assert found.value(0x20200030, "DS") == 120.5
    assert found.value(0x20000050, "LO") == "Größe"
    (item,) = found.items(0x20100500) or ()
    assert item.value(0x00081155, "UI") == "1.2.3.4.5"


@pytest.mark.parametrize(("explicit", "undefined"), ENCODINGS)
def test_finds_the_pixels_where_they_lie(explicit: bool, undefined: bool) -> None:
    raw = encode(BOX, explicit, undefined)
    (item,) = read(raw, explicit).items(0x20200110) or ()
    element = item.elements[0x7FE00010]
    assert raw[element.offset : element.offset + element.length] == bytes(index % 16 for index in range(128))


@pytest.mark.parametrize("explicit", [True, False])
def test_pydicom_reads_what_is_written(explicit: bool) -> None:
    values: dict[int, elements.Value] = {
        0x20000010: 3,
        0x20100010: r"STANDARD\2,3",
        0x20100130: 320,
        0x20100150: "",
        0x20200030: 120.5,
        0x20000050: "Größe",
        0x00080005: "ISO_IR 100",
        0x20100510: ({0x00081150: "1.2.3", 0x00081155: "1.2"}, {0x00081150: "1.2.3", 0x00081155: "1.2.5"}),
    }
    found = decode(write(values, VRS, explicit), explicit)
    assert found.NumberOfCopies == 3
    assert found.ImageDisplayFormat == r"STANDARD\2,3"
    assert found.MaxDensity == 320
    assert found.ConfigurationInformation == ""
    assert float(found.RequestedImageSize) == 120.5
    assert found.FilmSessionLabel == "Größe"
    assert [item.ReferencedSOPInstanceUID for item in found.ReferencedImageBoxSequence] == ["1.2", "1.2.5"]
    assert list(found.keys()) == sorted(found.keys())


def test_a_number_written_as_text_is_the_number() -> None:
    raw = struct.pack("<HH2sH4s", 0x2010, 0x0130, b"IS", 4, b"320 ")
    assert read(raw, True).value(0x20100130, "US") == 320


def test_text_written_as_a_number_is_the_text() -> None:
    raw = struct.pack("<HH2sHH", 0x2010, 0x0100, b"US", 2, 150)
    assert read(raw, True).value(0x20100100, "CS") == "150"


@pytest.mark.parametrize(
    ("vr", "text"), [("IS", b"one "), ("IS", b"1.5 "), ("DS", b"nan "), ("DS", b"wide"), ("IS", b"9" * 40)]
)
def test_a_value_that_is_none_of_its_vr(vr: str, text: bytes) -> None:
    raw = struct.pack("<HH2sH", 0x2000, 0x0010, vr.encode(), len(text)) + text
    with pytest.raises(BadValue):
        read(raw, True).value(0x20000010, vr)


def test_pixels_that_look_like_an_item_are_pixels() -> None:
    pixels = struct.pack("<HHI", 0xFFFE, 0xE000, 0) + bytes(8)
    box = data_set(BasicGrayscaleImageSequence=Sequence([image(4, 4, pixels=pixels)]))
    (item,) = read(encode(box, explicit=False), False).items(0x20200110) or ()
    assert item.elements[0x7FE00010].items is None


def nested(depth: int) -> Dataset:
    inner = data_set(ImageBoxPosition=1)
    for _ in range(depth):
        inner = data_set(ReferencedImageBoxSequence=Sequence([inner]))
    return inner


@pytest.mark.parametrize("explicit", [True, False])
def test_depth_is_bounded(explicit: bool) -> None:
    assert read(encode(nested(elements.MOST_DEPTH), explicit), explicit)
    with pytest.raises(Malformed, match="too deep"):
        read(encode(nested(elements.MOST_DEPTH + 1), explicit), explicit)


def test_elements_are_counted() -> None:
    with pytest.raises(Malformed, match="too many"):
        read(struct.pack("<HHI", 0x0009, 1, 0) * (elements.MOST_ELEMENTS + 1), False)


def test_compressed_pixels_are_refused() -> None:
    raw = struct.pack("<HH2sHI", 0x7FE0, 0x0010, b"OB", 0, 0xFFFFFFFF) + struct.pack("<HHI", 0xFFFE, 0xE0DD, 0)
    with pytest.raises(Malformed, match="compressed"):
        read(raw, True)


@pytest.mark.parametrize(
    "raw",
    [
        b"\x08",
        struct.pack("<HHI", 0x2000, 0x0010, 5) + b"1",
        struct.pack("<HHI", 0x2010, 0x0500, 0xFFFFFFFF),
        struct.pack("<HHIHHI", 0x2010, 0x0500, 0xFFFFFFFF, 0xFFFE, 0xE000, 0xFFFFFFFF),
        struct.pack("<HHI", 0xFFFE, 0xE00D, 0),
        struct.pack("<HHIHHI", 0x2010, 0x0500, 0xFFFFFFFF, 0x0008, 0x0005, 0),
        struct.pack("<HHIHHI", 0x2010, 0x0500, 0xFFFFFFFF, 0xFFFE, 0xE000, 4096),
    ],
)
def test_what_ends_early_is_malformed(raw: bytes) -> None:
    with pytest.raises(Malformed):
        read(raw, False)


@settings(max_examples=300)
@given(st.binary(max_size=200), st.booleans())
def test_any_bytes_are_read_or_malformed(raw: bytes, explicit: bool) -> None:
    try:
        found = read(raw, explicit)
    except Malformed:
        return
    for tag, element in found.elements.items():
        assert 0 <= element.offset <= element.offset + element.length <= len(raw)
        for vr in ("CS", "US", "IS", "DS"):
            try:
                found.value(tag, vr)
            except BadValue:
                pass


@settings(max_examples=200)
@given(st.data(), st.booleans())
def test_a_damaged_message_is_read_or_malformed(data: st.DataObject, explicit: bool) -> None:
    raw = bytearray(encode(BOX, explicit, data.draw(st.booleans())))
    for _ in range(data.draw(st.integers(1, 4))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    try:
        found = read(bytes(raw[: data.draw(st.integers(0, len(raw)))]), explicit)
    except Malformed:
        return
    assert isinstance(found.elements, dict)


def test_text_in_a_character_set() -> None:
    japanese = "\x1b$B;3ED\x1b(B"
    assert elements.decode_text(japanese, ("", "ISO 2022 IR 87")) == "山田"
    chinese = "Zhang^XiaoDong=\x1b$)A\xd5\xc5^\x1b$)A\xd0\xa1\xb6\xab"  # PS3.5 §K.2
    assert elements.decode_text(chinese, ("", "ISO 2022 IR 58")) == "Zhang^XiaoDong=张^小东"
    assert elements.decode_text("Gr\xf6\xdfe", ("ISO_IR 100",)) == "Größe"
    assert elements.decode_text("Größe".encode().decode("latin-1"), ("ISO_IR 192",)) == "Größe"
    assert elements.decode_text("plain", ("NONSENSE",)) == "plain"


def test_decoding_text_warns_nobody(recwarn: pytest.WarningsRecorder) -> None:
    assert elements.decode_text("Gr\xf6\xdfe", ("NONSENSE",))
    assert elements.decode_text("\xff\xfe\xf6", ("ISO_IR 192",))
    assert not recwarn.list
