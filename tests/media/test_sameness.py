"""Same UID, other encoding: the same instance. Same UID, other content: another one."""

from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.uid import ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian, RLELossless

from media.sameness import same_content


def ct(tmp_path: Path, name: str, syntax: str = ExplicitVRLittleEndian, **changes: object) -> Path:
    data_set = pydicom.Dataset()
    data_set.SOPClassUID = "1.2.840.10008.5.1.4.1.1.2"
    data_set.SOPInstanceUID = "1.2.3"
    data_set.PatientName = "DOE^JANE"
    data_set.Rows = data_set.Columns = 8
    data_set.BitsAllocated = data_set.BitsStored = 16
    data_set.HighBit = 15
    data_set.PixelRepresentation = 0
    data_set.SamplesPerPixel = 1
    data_set.PhotometricInterpretation = "MONOCHROME2"
    item = pydicom.Dataset()
    item.CodeValue = "T-1"
    data_set.ProcedureCodeSequence = [item]
    data_set.add_new(0x00091001, "LO", "private words")
    data_set.PixelData = np.arange(64, dtype="<u2").tobytes()
    data_set["PixelData"].VR = "OW"
    for keyword, value in changes.items():
        if keyword == "private":
            data_set.add_new(0x00091002, "SQ", value)
        elif keyword.endswith("LookupTableData"):
            data_set.add_new(keyword, "OW", value)
        else:
            setattr(data_set, keyword, value)
    data_set.file_meta = pydicom.dataset.FileMetaDataset()
    data_set.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    if syntax == RLELossless:
        data_set.compress(RLELossless, generate_instance_uid=False)
    elif syntax == ExplicitVRBigEndian:
        data_set.PixelData = np.frombuffer(data_set.PixelData, "<u2").astype(">u2").tobytes()
    data_set.file_meta.TransferSyntaxUID = syntax
    path = tmp_path / name
    pydicom.dcmwrite(
        path,
        data_set,
        enforce_file_format=True,
        little_endian=syntax != ExplicitVRBigEndian,
        implicit_vr=syntax == ImplicitVRLittleEndian,
    )
    return path


@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, ImplicitVRLittleEndian, ExplicitVRBigEndian, RLELossless])
def test_another_lossless_syntax_is_the_same_instance(tmp_path: Path, syntax: str) -> None:
    assert same_content(ct(tmp_path, "a"), ct(tmp_path, "b", syntax))


@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, ImplicitVRLittleEndian, RLELossless])
@pytest.mark.parametrize(
    "change",
    [
        {"PixelData": np.ones(64, dtype="<u2").tobytes()},
        {"PatientName": "DOE^JOHN"},
        {"PatientID": "4711"},
        {"ProcedureCodeSequence": []},
    ],
    ids=lambda change: next(iter(change)),
)
def test_another_content_is_not(tmp_path: Path, syntax: str, change: dict[str, object]) -> None:
    assert not same_content(ct(tmp_path, "a"), ct(tmp_path, "b", syntax, **change))


def test_a_broken_file_is_no_verdict(tmp_path: Path) -> None:
    whole = ct(tmp_path, "a")
    broken = tmp_path / "b"
    broken.write_bytes(whole.read_bytes()[:-40])
    with pytest.raises(Exception):  # noqa: B017 (whatever the decoder says of it)
        same_content(whole, broken)


@pytest.mark.parametrize("syntax", [ImplicitVRLittleEndian, ExplicitVRBigEndian])
def test_private_sequences_and_words_are_the_same_in_every_encoding(tmp_path: Path, syntax: str) -> None:
    """In an implicit data set a private sequence has no VR; in a big endian one a palette has other bytes."""
    words = np.arange(256, dtype="<u2")

    def of(name: str, syntax: str, code: str = "T-2", slope: float = float("nan")) -> Path:
        item = pydicom.Dataset()
        item.CodeValue, item.RealWorldValueSlope = code, slope
        order = ">u2" if syntax == ExplicitVRBigEndian else "<u2"
        return ct(
            tmp_path,
            name,
            syntax,
            RedPaletteColorLookupTableData=words.astype(order).tobytes(),
            RealWorldValueMappingSequence=[item],
            private=[item],
        )

    assert same_content(of("a", ExplicitVRLittleEndian), of("b", syntax))
    assert not same_content(of("a", ExplicitVRLittleEndian), of("c", syntax, code="T-3"))
    assert not same_content(of("a", ExplicitVRLittleEndian), of("d", syntax, slope=1.0))


@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, ImplicitVRLittleEndian])
def test_values_that_break_their_rules_can_be_compared(tmp_path: Path, syntax: str) -> None:
    paths = [ct(tmp_path, name, syntax, SeriesNumber=7, AccessionNumber="marker") for name in ("a", "b", "c")]
    for path, number in zip(paths, (b"o1", b"o1", b"o2"), strict=True):
        data = path.read_bytes()
        at = data.index(b"\x20\0\x11\0")
        assert data[at + 8 : at + 10] == b"7 "
        path.write_bytes(data[: at + 8] + number + data[at + 10 :])
    assert same_content(paths[0], paths[1])


@pytest.mark.parametrize(
    ("bits", "vr", "unit"), [(8, "OW", 2), (8, "OB", 1), (16, "OW", 2), (32, "OW", 2), (64, "OW", 2)]
)
def test_ps3_5_7_3_pixels_of_big_endian_are_turned_by_their_vr(tmp_path: Path, bits: int, vr: str, unit: int) -> None:
    """In OW the bytes of each 16-bit word, whatever a pixel has; in OB none."""

    def of(name: str, syntax: str, first: int = 1) -> Path:
        plain = bytes([first, *(number % 251 for number in range(1, 64 * bits // 8))])
        path = ct(tmp_path, name, syntax, BitsAllocated=bits, BitsStored=bits, HighBit=bits - 1, PixelData=plain)
        written = pydicom.dcmread(path)
        if syntax == ExplicitVRBigEndian:
            plain = np.frombuffer(plain, f"<u{unit}").astype(f">u{unit}").tobytes()
        written.PixelData = plain
        written["PixelData"].VR = "OW" if syntax == ImplicitVRLittleEndian else vr
        written.save_as(path)
        return path

    big = of("a", ExplicitVRBigEndian)
    assert same_content(big, of("b", ExplicitVRLittleEndian))
    assert same_content(of("c", ImplicitVRLittleEndian), big)
    assert not same_content(big, of("d", ExplicitVRLittleEndian, first=2))


@pytest.mark.parametrize(("keyword", "unit"), [("FloatPixelData", 4), ("DoubleFloatPixelData", 8)])
def test_float_pixels_of_big_endian_are_the_same(tmp_path: Path, keyword: str, unit: int) -> None:
    values = np.arange(64, dtype=f"<f{unit}")
    files = []
    for syntax, order in ((ExplicitVRLittleEndian, "<"), (ExplicitVRBigEndian, ">")):
        path = ct(tmp_path, f"{order}{unit}", syntax)
        written = pydicom.dcmread(path)
        del written.PixelData
        setattr(written, keyword, values.astype(f"{order}f{unit}").tobytes())
        written.save_as(path)
        files.append(path)
    assert same_content(*files)
