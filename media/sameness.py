"""Is it the same instance? Two files of one SOP Instance UID, compared on what they say and not on how they say it.

A PACS that sends a study again may send it in another transfer syntax; that is the same instance. Other pixels or
other attributes under the same UID are another one (PS3.3 C.12.1: a UID is never used twice), and a disc that would
need both is held. This decodes pixels of foreign files: run it in a child process.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pydicom
from pydicom.dataelem import DataElement, RawDataElement
from pydicom.dataset import Dataset
from pydicom.tag import BaseTag
from pydicom.uid import ExplicitVRLittleEndian
from pydicom.values import convert_SQ

from .elements import little_endian

# What a change of transfer syntax may change in a data set without changing what it says (PS3.5 §8.2, A.4).
ENCODING_TAGS = frozenset(
    {
        0x00280004,  # Photometric Interpretation: YBR_RCT, YBR_FULL_422 … become RGB
        0x00280006,  # Planar Configuration
        0x7FE00001,  # Extended Offset Table
        0x7FE00002,  # Extended Offset Table Lengths
        0x7FE00010,  # Pixel Data: compared as decoded
        0xFFFCFFFC,  # Data Set Trailing Padding
    }
)


SWAPPED_VRS = frozenset({"OD", "OF", "OL", "OV", "OW"})
"""VRs whose byte order follows the transfer syntax but whose values stay bytes."""

# A compressor may note that it was at work, though nothing was lost (PS3.3 C.7.6.1.1.3); dcmcjpeg does.
DERIVATION_TAGS = frozenset({0x00082111, 0x00089215})


def same_content(
    left: Path, right: Path, pixels: Callable[[Dataset], Any] = lambda data_set: data_set.pixel_array
) -> bool:
    """Whether two Part 10 files hold the same instance.

    Args:
        left: one file.
        right: another file.
        pixels: decodes the Pixel Data of a data set to a numpy array.

    Raises:
        Exception: one of them cannot be read or decoded; then nobody knows, and a person must look.
    """
    one, other = pydicom.dcmread(left), pydicom.dcmread(right)
    turned(one)
    turned(other)
    for tag in DERIVATION_TAGS:
        for data_set in (one, other):
            if tag in data_set:
                del data_set[tag]
    if not same_elements(one, other):
        return False
    if ("PixelData" in one) != ("PixelData" in other):
        return False
    if "PixelData" not in one:
        return True
    if one.file_meta.TransferSyntaxUID == other.file_meta.TransferSyntaxUID and one.PixelData == other.PixelData:
        return True
    for data_set in (one, other):
        _turn_pixels(data_set)
    decoded, again = pixels(one), pixels(other)
    return bool(decoded.shape == again.shape and (decoded == again).all())


def turned(data_set: Dataset) -> None:
    """Bring values of a big endian data set that pydicom leaves as bytes to little endian, Pixel Data apart."""
    if data_set.original_encoding[1] is not False:
        return
    for element in list(data_set.elements()):
        if element.VR == "SQ":
            for item in data_set[element.tag].value:
                turned(item)
        elif (
            element.VR in SWAPPED_VRS
            and int(element.tag) not in ENCODING_TAGS
            and isinstance(value := data_set[element.tag].value, bytes)
        ):
            data_set[element.tag].value = little_endian(str(element.VR).encode("ascii"), value)


def _turn_pixels(data_set: Dataset) -> None:
    """Bring Pixel Data of a big endian data set to little endian by their VR (PS3.5 §7.3, §8.1.1): in OW each 16-bit
    word is turned, though a pixel may have 8 or 32 bits; pydicom turns what a pixel has."""
    if data_set.original_encoding[1] is False:
        element = data_set["PixelData"]
        element.value = little_endian(str(element.VR).encode("ascii"), element.value)
        data_set.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian


def same_elements(left: Dataset, right: Dataset) -> bool:
    """Whether two data sets say the same, their pixel encoding apart."""
    tags = {tag for tag in (*left.keys(), *right.keys()) if _says_something(tag)}
    return all(
        tag in left and tag in right and (_same_raw(left, right, tag) or _same_element(left[tag], right[tag]))
        for tag in tags
    )


def _same_raw(left: Dataset, right: Dataset, tag: BaseTag) -> bool:
    """The same bytes in the same byte order: what nobody needs to understand, and where that may be impossible (a
    number that is none). UN is in little endian everywhere (PS3.5 §6.2.2), which pydicom does not know."""
    one, other = left.get_item(tag), right.get_item(tag)
    return bool(
        isinstance(one, RawDataElement)
        and isinstance(other, RawDataElement)
        and (one.is_little_endian == other.is_little_endian or one.VR == other.VR == "UN")
        and _padded(one.value) == _padded(other.value)
    )


def _padded(value: bytes | None) -> bytes:
    """A value of odd length may be written with what makes it even (PS3.5 §7.1.1)."""
    value = value or b""
    return value[:-1] if len(value) % 2 == 0 and value[-1:] in (b"\0", b" ") else value


def _says_something(tag: BaseTag) -> bool:
    return int(tag) not in ENCODING_TAGS and tag.element != 0 and tag.group != 2


def _same_element(left: DataElement, right: DataElement) -> bool:
    if "SQ" in (left.VR, right.VR):
        ones, others = _items(left), _items(right)
        return (
            ones is not None
            and others is not None
            and len(ones) == len(others)
            and all(map(same_elements, ones, others))
        )
    if left.VR == right.VR:
        # NaN is not itself, but it is written as itself.
        return (
            bool(left.value == right.value)
            or (_empty(left.value) and _empty(right.value))
            or (left.VR in ("FD", "FL") and repr(left.value) == repr(right.value))
        )
    # Implicit VR leaves private elements and unknown ones as UN: their bytes are all that can be compared.
    return _bytes(left.value) == _bytes(right.value)


def _items(element: DataElement) -> Sequence[Dataset] | None:
    """Of a sequence, though it may be UN: then its items are in Implicit VR Little Endian (PS3.5 §6.2.2)."""
    if element.VR == "UN" and element.value:
        return convert_SQ(element.value, True, True)
    return element.value if element.VR == "SQ" else None if element.value else []


def _empty(value: Any) -> bool:
    return value is None or value == "" or value == b"" or value == []


def _bytes(value: Any) -> bytes | None:
    if isinstance(value, bytes):
        return value.rstrip(b"\0 ")
    if isinstance(value, str):
        return value.encode("utf-8", "replace").rstrip(b"\0 ")
    return None
