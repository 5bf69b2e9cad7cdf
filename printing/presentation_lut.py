"""Presentation LUT N-CREATE: one of a shape and a table, and a table that is one (PS3.4 H.4.9, PS3.3 C.11.4)."""

from __future__ import annotations

import sys
from array import array

from printing import attributes as tags
from printing.elements import AttributeList, BadValue, Value
from printing.page import PresentationLUT
from printing.status import INVALID_ATTRIBUTE_VALUE, MISSING_ATTRIBUTE, MISSING_VALUE, Refused

ENTRIES = (256, 4096)
"""Of a table: for 8 and for 12 stored bits (PS3.3 C.11.4)."""
BITS = range(10, 17)
"""Of a P-value of a table."""


def created(shape: Value | None, attributes: AttributeList) -> tuple[PresentationLUT, dict[int, Value]]:
    """The Presentation LUT of an N-CREATE, and what its answer says.

    Args:
        shape: Presentation LUT Shape as judged; None where there was none.
        attributes: the attribute list of the request.

    Raises:
        Refused: 0120 for neither of shape and table; 0106 for both, and for a table that is none.
    """
    items = attributes.items(tags.PRESENTATION_LUT_SEQUENCE)
    if items is not None and shape is not None:
        raise _invalid("Presentation LUT Shape and Sequence exclude each other", tags.PRESENTATION_LUT_SEQUENCE)
    if shape is not None:
        return PresentationLUT(str(shape)), {tags.PRESENTATION_LUT_SHAPE: shape}
    if items is None:
        words = "neither Presentation LUT Shape nor Sequence"
        raise Refused(MISSING_ATTRIBUTE, words, (tags.PRESENTATION_LUT_SHAPE, tags.PRESENTATION_LUT_SEQUENCE))
    if len(items) != 1:
        raise _invalid("Presentation LUT Sequence has not one item", tags.PRESENTATION_LUT_SEQUENCE)
    lut, item = _table(items[0])
    return lut, {tags.PRESENTATION_LUT_SEQUENCE: (item,)}


def _table(item: AttributeList) -> tuple[PresentationLUT, dict[int, Value]]:
    descriptor = _descriptor(item)
    entries, first, bits = descriptor
    if entries not in ENTRIES:
        raise _invalid("a Presentation LUT has 256 or 4096 entries", tags.LUT_DESCRIPTOR)
    if first != 0:
        raise _invalid("a Presentation LUT begins at 0", tags.LUT_DESCRIPTOR)
    if bits not in BITS:
        raise _invalid("P-values of a Presentation LUT have 10 to 16 bits", tags.LUT_DESCRIPTOR)
    _require(item, tags.LUT_DATA, "LUT Data")
    raw = item.raw(tags.LUT_DATA)
    if len(raw) != 2 * entries:
        raise _invalid(f"LUT Data has {len(raw)} bytes, its descriptor {2 * entries}", tags.LUT_DATA)
    table = array("H", raw)
    if sys.byteorder == "big":
        table.byteswap()
    if max(table) >= 1 << bits:
        raise _invalid(f"LUT Data has values of more than {bits} bits", tags.LUT_DATA)
    answer: dict[int, Value] = {tags.LUT_DESCRIPTOR: descriptor, tags.LUT_DATA: raw}
    return PresentationLUT(None, tuple(table), bits), answer


def _descriptor(item: AttributeList) -> tuple[int, int, int]:
    _require(item, tags.LUT_DESCRIPTOR, "LUT Descriptor")
    try:
        value = item.value(tags.LUT_DESCRIPTOR, "US")
    except BadValue:
        value = ()
    if not isinstance(value, tuple) or len(value) != 3:
        raise _invalid("LUT Descriptor has not three values", tags.LUT_DESCRIPTOR)
    entries, first, bits = (number if isinstance(number, int) else -1 for number in value)
    return entries, first, bits


def _require(item: AttributeList, tag: int, name: str) -> None:
    element = item.elements.get(tag)
    if element is None:
        raise Refused(MISSING_ATTRIBUTE, f"{name} is missing", (tag,))
    if element.length == 0:
        raise Refused(MISSING_VALUE, f"{name} has no value", (tag,))


def _invalid(words: str, tag: int) -> Refused:
    return Refused(INVALID_ATTRIBUTE_VALUE, words, (tag,))
