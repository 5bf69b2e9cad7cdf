"""Pixels of an image box: which shapes are printed, and where they lie in the data set (PS3.3 C.13.5, C.13.5.1).

Only the headers are read here; the pixels stay where they are, and the reference says which bytes they are.
"""

from __future__ import annotations

from fractions import Fraction

from printing import attributes as tags
from printing.elements import AttributeList, BadValue
from printing.page import PixelReference
from printing.status import INVALID_ATTRIBUTE_VALUE, MISSING_ATTRIBUTE, MISSING_VALUE, Refused
from printing.terms import PHOTOMETRIC_INTERPRETATIONS

MOST_EDGE_PX = 32_768
"""Rows or columns of one image: beyond 600 dpi on the longest film."""
MOST_PIXELS = 256 * 1024 * 1024

DEPTHS = frozenset({(8, 8, 7), *((16, stored, stored - 1) for stored in range(8, 17))})
"""(Bits Allocated, Bits Stored, High Bit) of grey pixels. The standard has 8/8/7 and 16/12/11; consoles send others of
this pattern, which mean the same thing."""

STRICT_DEPTHS = frozenset({(8, 8, 7), (16, 12, 11)})
"""Those that PS3.3 C.13.5 has."""

_KEYWORDS = {
    tags.SAMPLES_PER_PIXEL: "SamplesPerPixel",
    tags.PHOTOMETRIC_INTERPRETATION: "PhotometricInterpretation",
    tags.PLANAR_CONFIGURATION: "PlanarConfiguration",
    tags.ROWS: "Rows",
    tags.COLUMNS: "Columns",
    tags.BITS_ALLOCATED: "BitsAllocated",
    tags.BITS_STORED: "BitsStored",
    tags.HIGH_BIT: "HighBit",
    tags.PIXEL_REPRESENTATION: "PixelRepresentation",
    tags.PIXEL_DATA: "PixelData",
    tags.PIXEL_ASPECT_RATIO: "PixelAspectRatio",
}


def _invalid(tag: int, words: str = "") -> Refused:
    comment = words or f"{_KEYWORDS[tag]} has a value that is not printed"
    return Refused(INVALID_ATTRIBUTE_VALUE, comment, (tag,))


def _number(item: AttributeList, tag: int, default: int | None = None) -> int:
    if tag not in item.elements:
        if default is None:
            raise Refused(MISSING_ATTRIBUTE, f"{_KEYWORDS[tag]} is missing", (tag,))
        return default
    if item.is_empty(tag, "US"):
        if default is None:
            raise Refused(MISSING_VALUE, f"{_KEYWORDS[tag]} has no value", (tag,))
        return default
    try:
        value = item.value(tag, "US")
    except BadValue:
        raise _invalid(tag) from None
    if not isinstance(value, int):
        raise _invalid(tag)
    return value


def _photometric(item: AttributeList) -> str:
    tag = tags.PHOTOMETRIC_INTERPRETATION
    if tag not in item.elements:
        raise Refused(MISSING_ATTRIBUTE, f"{_KEYWORDS[tag]} is missing", (tag,))
    try:
        return str(item.value(tag, "CS")).upper()
    except BadValue:
        raise _invalid(tag) from None


def _aspect_ratio(item: AttributeList, strict: bool) -> tuple[int, int]:
    """Vertical and horizontal (PS3.3 C.7.6.3.1.7): two whole numbers. Some consoles write decimals, 1.0\\1.0 or the
    spacing of the pixels; what they say of the shape is as clear, but a strict printer refuses it."""
    tag = tags.PIXEL_ASPECT_RATIO
    if tag not in item.elements or item.is_empty(tag, "IS"):
        return 1, 1
    try:
        vertical, horizontal = (float(part) for part in str(item.value(tag, "SH")).split("\\"))
    except (BadValue, ValueError):
        raise _invalid(tag) from None
    if not (0 < vertical <= 65535 and 0 < horizontal <= 65535):
        raise _invalid(tag)
    if vertical.is_integer() and horizontal.is_integer():
        return int(vertical), int(horizontal)
    ratio = Fraction(vertical / horizontal).limit_denominator(1000)
    if strict or not 1 <= ratio.numerator <= 65535:
        raise _invalid(tag)
    return ratio.numerator, ratio.denominator


def reference(item: AttributeList, color: bool, file: str, strict: bool = False) -> PixelReference:
    """The pixels of one item of a Basic Grayscale or Basic Color Image Sequence.

    Args:
        item: the item, in a data set that lies in `file` byte for byte.
        color: whether it is a Basic Color Image Sequence.
        file: name of the file for the reference.
        strict: take what PS3.3 C.13.5 has and nothing else.

    Raises:
        Refused: 0120 or 0121 for what is missing; 0106 for a shape that is not printed, or one that the bytes are not.
    """
    samples = _number(item, tags.SAMPLES_PER_PIXEL)
    photometric = _photometric(item)
    if samples != (3 if color else 1):
        raise _invalid(tags.SAMPLES_PER_PIXEL)
    if photometric not in (("RGB",) if color else PHOTOMETRIC_INTERPRETATIONS):
        raise _invalid(tags.PHOTOMETRIC_INTERPRETATION)
    planar = _number(item, tags.PLANAR_CONFIGURATION, 1) if color else 0
    if planar not in ((1,) if strict and color else (0, 1)):
        raise _invalid(tags.PLANAR_CONFIGURATION)
    rows, columns = _number(item, tags.ROWS), _number(item, tags.COLUMNS)
    for tag, edge in ((tags.ROWS, rows), (tags.COLUMNS, columns)):
        if not 1 <= edge <= MOST_EDGE_PX:
            raise _invalid(tag)
    if rows * columns > MOST_PIXELS:
        raise _invalid(tags.ROWS, "Rows × Columns are more than is printed")
    depth = (_number(item, tags.BITS_ALLOCATED), _number(item, tags.BITS_STORED), _number(item, tags.HIGH_BIT))
    if depth not in (frozenset({(8, 8, 7)}) if color else STRICT_DEPTHS if strict else DEPTHS):
        raise _invalid(tags.BITS_STORED, "Bits Allocated, Stored and High Bit are not 8/8/7 or 16/12/11")
    if _number(item, tags.PIXEL_REPRESENTATION, 0) != 0:
        raise _invalid(tags.PIXEL_REPRESENTATION)
    offset, length = _extent(item, rows * columns * samples * depth[0] // 8)
    ratio = _aspect_ratio(item, strict)
    return PixelReference(file, offset, length, rows, columns, samples, photometric, planar, *depth, ratio)


def _extent(item: AttributeList, needed: int) -> tuple[int, int]:
    element = item.elements.get(tags.PIXEL_DATA)
    if element is None:
        raise Refused(MISSING_ATTRIBUTE, "PixelData is missing", (tags.PIXEL_DATA,))
    if element.items is not None:
        raise _invalid(tags.PIXEL_DATA, "compressed pixels are not printed")
    if element.length not in (needed, needed + needed % 2):
        words = f"PixelData has {element.length} bytes, its shape {needed}"
        raise _invalid(tags.PIXEL_DATA, words)
    return element.offset, needed
