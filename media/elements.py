"""Data elements as bytes: a bounded, tolerant walker and the canonical encoding (PS3.5 §7).

pydicom makes an object of every element, which costs more than the rest of a C-STORE. The directory needs thirty
elements of a header and the records of a DICOMDIR, so this room reads them itself. Whatever the bytes say, the work
is bounded: `Budget` counts elements, nesting ends at `MAX_DEPTH`, and no length is believed before it is compared with
what is there.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import TypeAlias

UNDEFINED = 0xFFFFFFFF
ITEM, ITEM_END, SEQUENCE_END = 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD

MAX_DEPTH = 64
"""Real data nest 5 to 10 deep; a tree deeper than this is an attack (DCMTK draws the same line)."""
MAX_ELEMENTS = 1_000_000
"""Elements walked in one data set, nested ones included: about a second of work."""

MAX_SHORT_VALUE_BYTES = 16 * 1024
"""In an item, a longer value of a VR with a 16-bit length is none that a directory can hold; it is left out. Written as
Unicode it may be three times as long, and must still fit."""

LONG_VRS = frozenset({b"OB", b"OD", b"OF", b"OL", b"OV", b"OW", b"SQ", b"SV", b"UC", b"UN", b"UR", b"UT", b"UV"})
SHORT_VRS = frozenset(
    {
        *(b"AE", b"AS", b"AT", b"CS", b"DA", b"DS", b"DT", b"FD", b"FL", b"IS", b"LO", b"LT"),
        *(b"PN", b"SH", b"SL", b"SS", b"ST", b"TM", b"UI", b"UL", b"US"),
    }
)
TEXT_VRS = frozenset({b"LO", b"LT", b"PN", b"SH", b"ST", b"UC", b"UT"})
"""VRs that Specific Character Set governs (PS3.5 §6.1.2.3)."""

_UNIT_BYTES = {
    **dict.fromkeys((b"AT", b"OW", b"SS", b"US"), 2),
    **dict.fromkeys((b"FL", b"OF", b"OL", b"SL", b"UL"), 4),
    **dict.fromkeys((b"FD", b"OD", b"OV", b"SV", b"UV"), 8),
}

Buffer: TypeAlias = bytes | memoryview
Value: TypeAlias = "bytes | list[Item]"
Item: TypeAlias = "dict[int, tuple[bytes, Value]]"
"""One item of a sequence: tag → (VR, value bytes in little endian, or the items of a sequence)."""


class Unparsable(Exception):
    """The bytes are not a data set, or say something that no instance may say; the text tells what in plain words."""


class NeedMore(Unparsable):
    """The bytes end before the data set does."""


@dataclass(frozen=True, slots=True, eq=False)
class Syntax:
    """How elements lie in the bytes (PS3.5 Annex A). There are the three below, and no other."""

    explicit: bool
    little_endian: bool

    @property
    def order(self) -> str:
        return "<" if self.little_endian else ">"


IMPLICIT_LE = Syntax(explicit=False, little_endian=True)
EXPLICIT_LE = Syntax(explicit=True, little_endian=True)
EXPLICIT_BE = Syntax(explicit=True, little_endian=False)

_TRANSFER_SYNTAXES = {"1.2.840.10008.1.2": IMPLICIT_LE, "1.2.840.10008.1.2.2": EXPLICIT_BE}


def syntax_of(transfer_syntax_uid: str) -> Syntax:
    """The element encoding of a transfer syntax: every encapsulated one is Explicit VR Little Endian (PS3.5 §A.4)."""
    return _TRANSFER_SYNTAXES.get(transfer_syntax_uid, EXPLICIT_LE)


class Budget:
    """How many elements may still be walked."""

    __slots__ = ("left",)

    def __init__(self, elements: int = MAX_ELEMENTS) -> None:
        self.left = elements

    def spend(self) -> None:
        self.left -= 1
        if self.left < 0:
            raise Unparsable("the data set has too many elements")


@dataclass(frozen=True, slots=True)
class Structs:
    """Of headers, in one byte order."""

    tag_length: struct.Struct
    tag_vr_length: struct.Struct
    long_length: struct.Struct


STRUCTS = {
    order: Structs(struct.Struct(order + "HHL"), struct.Struct(order + "HH2sH"), struct.Struct(order + "L"))
    for order in "<>"
}


def is_long(vr: bytes) -> bool:
    """True if an Explicit VR header of this VR has a 32-bit length (PS3.5 §7.1.2; so has every VR yet to come).

    Raises:
        Unparsable: these two bytes cannot be a VR.
    """
    if vr in SHORT_VRS:
        return False
    if vr in LONG_VRS or (vr.isalpha() and vr.isupper()):
        return True
    raise Unparsable("the data set is not encoded as its transfer syntax says")


@cache
def implicit_vr(tag: int) -> bytes:
    """The VR of a tag by the dictionary; UN where it has none (private and unknown tags)."""
    from pydicom.datadict import dictionary_VR  # 50 MB of memory that writing a directory can do without

    try:
        return dictionary_VR(tag).split(" ")[0].encode("ascii")
    except KeyError:
        return b"UN"


def read_header(data: Buffer, position: int, end: int, syntax: Syntax) -> tuple[int, bytes, int, int]:
    """One element header: (tag, VR, where the value begins, its length or `UNDEFINED`).

    Delimiters and items have the VR b"".

    Raises:
        NeedMore: fewer bytes than a header.
        Unparsable: no VR where one must be.
    """
    structs = STRUCTS[syntax.order]
    if position + 8 > end:
        raise NeedMore("the data set ends in the middle of an element")
    group, element, length = structs.tag_length.unpack_from(data, position)
    tag = group << 16 | element
    if group == 0xFFFE:
        return tag, b"", position + 8, length
    if not syntax.explicit:
        return tag, implicit_vr(tag), position + 8, length
    _, _, vr, length = structs.tag_vr_length.unpack_from(data, position)
    if not is_long(vr):
        return tag, vr, position + 8, length
    if position + 12 > end:
        raise NeedMore("the data set ends in the middle of an element")
    return tag, vr, position + 12, structs.long_length.unpack_from(data, position + 8)[0]


def little_endian(vr: bytes, value: bytes) -> bytes:
    """A big endian value in little endian (PS3.5 §7.3)."""
    size = _UNIT_BYTES.get(vr, 1)
    if size == 1 or len(value) % size:
        return value
    turned = bytearray(len(value))
    for byte in range(size):
        turned[byte::size] = value[size - 1 - byte :: size]
    return bytes(turned)


def skip_undefined(
    data: Buffer, position: int, end: int, syntax: Syntax, budget: Budget, inside_item: bool = False
) -> int:
    """Where a sequence (or encapsulated value) of undefined length ends, whose first item stands at `position`; or
    an item of undefined length, whose first element stands there."""
    stack: list[tuple[bool, Syntax]] = []  # what to go back to: inside an item or among items, and its syntax
    while True:
        budget.spend()
        tag, vr, start, length = read_header(data, position, end, syntax)
        if not inside_item:
            if tag == ITEM and length == UNDEFINED:
                stack.append((False, syntax))
                inside_item, position = True, start
            elif tag == ITEM:
                position = start + length
            elif tag == SEQUENCE_END:
                position = start
                if not stack:
                    return position
                inside_item, syntax = stack.pop()
            else:
                raise Unparsable("a sequence holds something that is not an item")
        elif tag == ITEM_END:
            position = start
            if not stack:
                return position
            inside_item, syntax = stack.pop()
        elif length == UNDEFINED:
            stack.append((True, syntax))
            inside_item, position = False, start
            syntax = IMPLICIT_LE if vr == b"UN" else syntax  # PS3.5 §6.2.2 note 4
        else:
            position = start + length
        if len(stack) > 2 * MAX_DEPTH:
            raise Unparsable("sequences are nested too deep")
        if position > end:
            raise NeedMore("the data set ends in the middle of an element")


def parse_sequence(
    data: Buffer, position: int, length: int, end: int, syntax: Syntax, budget: Budget, depth: int = 1
) -> tuple[list[Item], int]:
    """The items of a sequence whose value begins at `position`, and where it ends.

    Args:
        length: as its header says, maybe `UNDEFINED`.
        end: where the bytes that may be read end.
    """
    if depth > MAX_DEPTH:
        raise Unparsable("sequences are nested too deep")
    if length != UNDEFINED:
        if position + length > end:
            raise NeedMore("the data set ends in the middle of an element")
        end = position + length
    items: list[Item] = []
    while length == UNDEFINED or position < end:
        budget.spend()
        tag, _, start, item_length = read_header(data, position, end, syntax)
        if tag == SEQUENCE_END:
            return items, start
        if tag != ITEM:
            raise Unparsable("a sequence holds something that is not an item")
        item, position = parse_item(data, start, item_length, end, syntax, budget, depth)
        items.append(item)
    return items, position


def parse_item(
    data: Buffer, position: int, length: int, end: int, syntax: Syntax, budget: Budget, depth: int = 1
) -> tuple[Item, int]:
    """The elements of one item whose value begins at `position`, and where it ends."""
    if length != UNDEFINED:
        if position + length > end:
            raise NeedMore("the data set ends in the middle of an element")
        end = position + length
    item: Item = {}
    while length == UNDEFINED or position < end:
        budget.spend()
        tag, vr, start, value_length = read_header(data, position, end, syntax)
        if tag == ITEM_END:
            return item, start
        if vr == b"":
            raise Unparsable("an item ends without its delimiter")
        if vr == b"SQ" or (value_length == UNDEFINED and vr == b"UN"):
            inner = IMPLICIT_LE if vr == b"UN" and syntax.explicit else syntax
            items, position = parse_sequence(data, start, value_length, end, inner, budget, depth + 1)
            item[tag] = (b"SQ", items)
        elif value_length == UNDEFINED:  # encapsulated pixel data of an icon: not for a directory
            position = skip_undefined(data, start, end, syntax, budget)
        else:
            position = start + value_length
            if position > end:
                raise NeedMore("the data set ends in the middle of an element")
            if value_length > MAX_SHORT_VALUE_BYTES and vr in SHORT_VRS:
                continue
            value = bytes(data[start:position])
            item[tag] = (vr, value if syntax.little_endian else little_endian(vr, value))
    return item, position


@lru_cache(maxsize=4096)
def _header_of(tag: int, vr: bytes) -> tuple[bytes, bool, bytes]:
    """Tag and VR as they are written, whether a 32-bit length follows, and what pads an odd value (PS3.5 §6.2)."""
    long = vr in LONG_VRS or vr not in SHORT_VRS
    written = struct.pack("<HH2s", tag >> 16, tag & 0xFFFF, vr) + (b"\0\0" if long else b"")
    return written, long, b"\0" if vr in (b"UI", b"OB", b"UN") else b" "


def encode_element(tag: int, vr: bytes, value: bytes) -> bytes:
    """One element in Explicit VR Little Endian, its value padded to even length (PS3.5 §7.1.2).

    Raises:
        ValueError: the value does not fit the 16-bit length of this VR.
    """
    header, long, padding = _header_of(tag, vr)
    if len(value) & 1:
        value += padding
    if not long and len(value) > 0xFFFE:
        raise ValueError(f"value of {tag:08X} does not fit VR {vr.decode()}")
    return header + len(value).to_bytes(4 if long else 2, "little") + value


SHORT_VALUE_BYTES = 128
_encode_again = lru_cache(maxsize=8192)(encode_element)
"""Most short values of an instance are those of the instance before it: a third of the time of its keys (measured)."""


def encode_items(items: list[Item]) -> bytes:
    """The value of a sequence: items and nested sequences of defined length, tags in ascending order."""
    parts = []
    for item in items:
        body = encode_item(item)
        parts.append(struct.pack("<HHL", 0xFFFE, 0xE000, len(body)) + body)
    return b"".join(parts)


def encode_item(item: Item) -> bytes:
    """The elements of one item, tags in ascending order; group lengths (gggg,0000) left out."""
    parts = []
    for tag in sorted(item):
        if tag & 0xFFFF:
            vr, value = item[tag]
            if not isinstance(value, bytes):
                value = encode_items(value)
            encode = _encode_again if len(value) <= SHORT_VALUE_BYTES else encode_element
            parts.append(encode(tag, vr, value))
    return b"".join(parts)
