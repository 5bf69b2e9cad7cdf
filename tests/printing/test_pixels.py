"""Pixels of an image box, PS3.3 C.13.5: shapes that are printed, and shapes that are refused."""

from __future__ import annotations

import pytest
from pydicom import Dataset

from printing.elements import read
from printing.page import PixelReference
from printing.pixels import reference
from printing.status import Refused
from tests.printing.console import encode, image


def of(item: Dataset, color: bool = False, explicit: bool = True) -> PixelReference:
    return reference(read(encode(item, explicit), explicit), color, "spooled")


@pytest.mark.parametrize("explicit", [True, False])
@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
@pytest.mark.parametrize("bits", [8, 12, *range(9, 17)])
def test_c_13_5_grey(photometric: str, bits: int, explicit: bool) -> None:
    item = image(6, 4, bits=bits, photometric=photometric)
    found = of(item, explicit=explicit)
    raw = encode(item, explicit)
    assert raw[found.offset : found.offset + found.length] == item.PixelData
    assert (found.rows, found.columns, found.samples_per_pixel) == (6, 4, 1)
    assert (found.bits_allocated, found.bits_stored, found.high_bit) == (8 if bits == 8 else 16, bits, bits - 1)
    assert (found.photometric_interpretation, found.pixel_aspect_ratio) == (photometric, (1, 1))


@pytest.mark.parametrize("planar", [0, 1])
def test_c_13_5_color_in_both_planar_configurations(planar: int) -> None:
    found = of(image(2, 3, photometric="RGB", planar=planar), color=True)
    assert (found.planar_configuration, found.samples_per_pixel, found.length) == (planar, 3, 18)


def test_c_13_5_color_by_plane_where_nothing_is_said() -> None:
    assert of(image(2, 2, photometric="RGB", PlanarConfiguration=None), color=True).planar_configuration == 1


def test_pixel_aspect_ratio_is_vertical_then_horizontal() -> None:
    assert of(image(PixelAspectRatio=[2, 3])).pixel_aspect_ratio == (2, 3)


def of_ratio(written: bytes, strict: bool = False) -> tuple[int, int]:
    raw = encode(image(PixelAspectRatio=[11111, 22222])).replace(b"11111\\22222", written.ljust(11))
    return reference(read(raw, True), False, "spooled", strict).pixel_aspect_ratio


@pytest.mark.parametrize(
    ("written", "ratio"),
    [(b"1.0\\1.0", (1, 1)), (b"0.168\\.168", (1, 1)), (b"0.5\\0.25", (2, 1)), (b"1.25\\1", (5, 4))],
)
def test_a_pixel_aspect_ratio_in_decimals_is_read(written: bytes, ratio: tuple[int, int]) -> None:
    assert of_ratio(written) == ratio


def test_a_strict_printer_takes_whole_numbers() -> None:
    with pytest.raises(Refused) as refused:
        of_ratio(b"1.25\\1", strict=True)
    assert (refused.value.status, refused.value.offending) == (0x0106, (0x00280034,))


@pytest.mark.parametrize("written", [b"1\\nan", b"1\\inf", b"1e-9\\1", b"-1.5\\1", b"1\\1/2", b"9.5\\1\\1"])
def test_a_pixel_aspect_ratio_that_is_none(written: bytes) -> None:
    with pytest.raises(Refused):
        of_ratio(written)


def test_one_padding_byte_is_none_of_the_pixels() -> None:
    found = of(image(3, 3))
    assert found.length == 9


@pytest.mark.parametrize(
    "keyword",
    ["SamplesPerPixel", "PhotometricInterpretation", "Rows", "Columns", "BitsAllocated", "BitsStored", "HighBit",
     "PixelData"],
)  # fmt: skip
def test_h_4_3_1_2_1_1_missing_is_0120(keyword: str) -> None:
    item = image()
    delattr(item, keyword)
    with pytest.raises(Refused) as refused:
        of(item)
    assert refused.value.status == 0x0120


def test_without_a_value_is_0121() -> None:
    item = image()
    item.Rows = None
    with pytest.raises(Refused) as refused:
        of(item)
    assert refused.value.status == 0x0121


@pytest.mark.parametrize(
    "change",
    [
        {"SamplesPerPixel": 3},
        {"SamplesPerPixel": 2},
        {"PhotometricInterpretation": "PALETTE COLOR"},
        {"PhotometricInterpretation": "RGB"},
        {"PhotometricInterpretation": ""},
        {"Rows": 0},
        {"Columns": 65535},
        {"Rows": 5},
        {"Rows": 3},
        {"Columns": 40000},
        {"BitsAllocated": 32},
        {"BitsAllocated": 16},
        {"BitsStored": 12},
        {"BitsStored": 7, "HighBit": 6},
        {"HighBit": 6},
        {"PixelRepresentation": 1},
        {"PixelAspectRatio": [0, 1]},
        {"PixelAspectRatio": [1, 70000]},
        {"PixelAspectRatio": [1]},
        {"PixelData": b""},
        {"PixelData": bytes(18)},
    ],
    ids=str,
)
def test_what_is_not_printed_is_0106(change: dict[str, object]) -> None:
    with pytest.raises(Refused) as refused:
        of(image(**change))
    assert refused.value.status == 0x0106
    assert len(refused.value.comment) <= 64 and refused.value.comment


@pytest.mark.parametrize(
    "change",
    [{"PhotometricInterpretation": "YBR_FULL"}, {"PlanarConfiguration": 2}, {"BitsStored": 7}, {"SamplesPerPixel": 1}],
    ids=str,
)
def test_color_that_is_not_printed_is_0106(change: dict[str, object]) -> None:
    with pytest.raises(Refused) as refused:
        of(image(photometric="RGB", **change), color=True)
    assert refused.value.status == 0x0106
