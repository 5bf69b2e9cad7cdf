"""A data set rewritten as Explicit VR Little Endian (PS3.5 §A.2): what holds the values changes, the values do not.

Texts are never decoded here, and numbers never read. A name whose bytes its character set does not have, a Decimal
String of twenty digits or a date of 1997.04.24 comes out as it went in: an instance that goes on a disc is its
modality's, and only what reads it may judge it. Sequences come out with defined lengths, group lengths (gggg,0000),
which are retired (PS3.5 §7.2), are left out, and an odd value is padded.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Collection, Mapping
from functools import cache
from typing import BinaryIO, TypeAlias

from .elements import (
    EXPLICIT_LE,
    IMPLICIT_LE,
    ITEM,
    ITEM_END,
    LONG_VRS,
    SEQUENCE_END,
    SHORT_VRS,
    UNDEFINED,
    Budget,
    NeedMore,
    Syntax,
    Unparsable,
    little_endian,
    read_header,
    skip_undefined,
)

Path: TypeAlias = "tuple[tuple[int, int], ...]"
"""Where an item lies: (tag of a sequence, number of the item from 0), from the top level down."""
Replacements: TypeAlias = "Mapping[int, tuple[bytes, bytes]]"
"""Tag → (VR, value): elements of one level that stand instead of its own, or beside them."""

PIXEL_REPRESENTATION, PIXEL_DATA = 0x00280103, 0x7FE00010
MAX_ELEMENTS = 20_000_000
"""The functional groups of ten thousand frames are a million elements; whoever rewrites them has a time limit."""
MAX_DEPTH = 64
LONGEST_SHORT = 0xFFFE


def write_explicit(
    data: memoryview,
    syntax: Syntax,
    out: BinaryIO,
    *,
    signed: bool = False,
    replaced: Replacements | None = None,
    left_out: Collection[int] = (),
    icon: Callable[[Path], Replacements] = lambda path: {},
) -> None:
    """Write a data set to a file.

    Args:
        data: the data set, without preamble and File Meta Information.
        syntax: its encoding.
        out: gets the data set.
        signed: Pixel Representation (0028,0103) of the top level, for what stands before it.
        replaced: elements of the top level that are others.
        left_out: tags of the top level that do not come along.
        icon: replacements in an item with encapsulated Pixel Data, by its place.

    Raises:
        Unparsable: these bytes are not such a data set.
        OSError: the disk is full.
    """
    rewriter = _Rewriter(data, syntax, icon)
    waiting = dict(sorted((replaced or {}).items()))
    own = frozenset(waiting) | frozenset(left_out)

    def write(tag: int, parts: list[bytes | memoryview]) -> None:
        if tag in own:
            return
        for other in [other for other in waiting if other < tag]:
            _write_element(out, other, *waiting.pop(other))
        for part in parts:
            out.write(part)

    rewriter.level(0, len(data), syntax, write, signed=signed, skipped=own)
    for tag, (vr, value) in waiting.items():
        _write_element(out, tag, vr, value)


def _write_element(out: BinaryIO, tag: int, vr: bytes, value: bytes) -> None:
    for part in _element(tag, vr, value):
        out.write(part)


def _element(tag: int, vr: bytes, value: bytes | memoryview) -> list[bytes | memoryview]:
    """One element, its value as it is; a value that is too long for its VR becomes UN (PS3.5 §6.2.2)."""
    padding = b"" if len(value) % 2 == 0 else b"\0" if vr in (b"UI", b"OB", b"UN") else b" "
    length = len(value) + len(padding)
    if vr in SHORT_VRS and length > LONGEST_SHORT:
        vr = b"UN"
    if vr in SHORT_VRS:
        head = struct.pack("<HH2sH", tag >> 16, tag & 0xFFFF, vr, length)
    else:
        head = struct.pack("<HH2sHL", tag >> 16, tag & 0xFFFF, vr, 0, length)
    return [head, value, padding]


class _Rewriter:
    def __init__(self, data: memoryview, syntax: Syntax, icon: Callable[[Path], Replacements]) -> None:
        self._data = data
        self._top = syntax
        self._icon = icon
        self._budget = Budget(MAX_ELEMENTS)

    def level(
        self,
        position: int,
        end: int,
        syntax: Syntax,
        write: Callable[[int, list[bytes | memoryview]], None],
        *,
        signed: bool,
        path: Path = (),
        delimited: bool = False,
        skipped: Collection[int] = (),
    ) -> int:
        """Rewrite the elements of one level, each with one call of `write`; where the level ends.

        Args:
            delimited: an Item Delimitation Item ends it, not `end`.
            skipped: tags that `write` does not want.
        """
        creators: dict[int, str] = {}
        while position < end:
            if end - position < 8 and not path:
                break  # a few bytes of padding behind the last element
            self._budget.spend()
            began = position
            tag, vr, start, length = read_header(self._data, position, end, syntax)
            if tag == ITEM_END and delimited:
                return start
            if vr == b"":
                raise Unparsable("an item stands outside of any sequence")
            if length != UNDEFINED and start + length > end:
                raise NeedMore("the data set ends in the middle of an element")
            if not syntax.explicit:
                vr = self._implicit_vr(tag, signed, creators)
            if vr == b"SQ" or (length == UNDEFINED and vr == b"UN") or (length == UNDEFINED and not syntax.explicit):
                inner = IMPLICIT_LE if vr == b"UN" and syntax.explicit else syntax
                value, position = self._sequence(tag, start, length, end, inner, signed, path)
                write(tag, _element(tag, b"SQ", value))
                continue
            if length == UNDEFINED:
                position = skip_undefined(self._data, start, end, syntax, self._budget)
                write(tag, [self._data[began:position]])  # encapsulated, and so in little endian (PS3.5 §A.4)
                continue
            position = start + length
            if tag in skipped or tag & 0xFFFF == 0:
                continue
            value_bytes: bytes | memoryview = self._data[start:position]
            if not syntax.little_endian and vr in _NUMBERS:
                value_bytes = little_endian(vr, bytes(value_bytes))
            if tag == PIXEL_REPRESENTATION and length == 2:
                signed = bytes(value_bytes) == b"\1\0"
            elif _is_creator(tag):
                creators[tag & 0xFFFF0000 | tag & 0xFF] = bytes(value_bytes).decode("ascii", "replace").strip("\0 ")
            write(tag, _element(tag, vr, value_bytes))
        if delimited:
            raise NeedMore("the data set ends in the middle of an item")
        return position

    def _implicit_vr(self, tag: int, signed: bool, creators: Mapping[int, str]) -> bytes:
        if (tag >> 16) % 2:
            if _is_creator(tag):
                return b"LO"
            return _private_vr(tag, creators.get(tag & 0xFFFF0000 | (tag & 0xFFFF) >> 8, ""))
        return _public_vr(tag, signed)

    def _sequence(
        self, tag: int, position: int, length: int, end: int, syntax: Syntax, signed: bool, path: Path
    ) -> tuple[bytes, int]:
        """The value of a sequence with items of defined length, and where the sequence ends."""
        if len(path) >= MAX_DEPTH:
            raise Unparsable("sequences are nested too deep")
        if length != UNDEFINED:
            end = position + length
        parts: list[bytes] = []
        number = 0
        while length == UNDEFINED or position < end:
            self._budget.spend()
            found, _, start, item_length = read_header(self._data, position, end, syntax)
            if found == SEQUENCE_END:
                return b"".join(parts), start
            if found != ITEM:
                raise Unparsable("a sequence holds something that is not an item")
            item, position = self._item(start, item_length, end, syntax, signed, (*path, (tag, number)))
            parts += (struct.pack("<HHL", 0xFFFE, 0xE000, len(item)), item)
            number += 1
        return b"".join(parts), position

    def _item(
        self, position: int, length: int, end: int, syntax: Syntax, signed: bool, path: Path
    ) -> tuple[bytes, int]:
        if length != UNDEFINED:
            if position + length > end:
                raise NeedMore("the data set ends in the middle of an item")
            end = position + length
        elements: dict[int, bytes] = {}

        def write(tag: int, parts: list[bytes | memoryview]) -> None:
            elements[tag] = b"".join(parts)

        position = self.level(
            position, end, syntax, write, signed=signed, path=path, delimited=length == UNDEFINED
        )  # fmt: skip
        if PIXEL_DATA in elements and elements[PIXEL_DATA][8:12] == b"\xff\xff\xff\xff":
            for tag, (vr, value) in self._icon(path).items():
                elements[tag] = b"".join(_element(tag, vr, value))
            elements = dict(sorted(elements.items()))
        return b"".join(elements.values()), position


_NUMBERS = frozenset({b"AT", b"FD", b"FL", b"OD", b"OF", b"OL", b"OV", b"OW", b"SL", b"SS", b"SV", b"UL", b"US", b"UV"})
"""VRs whose values have a byte order (PS3.5 §7.3)."""


def _is_creator(tag: int) -> bool:
    """A Private Creator (PS3.5 §7.8.1)."""
    return bool((tag >> 16) % 2) and 0x10 <= tag & 0xFFFF <= 0xFF


@cache
def _public_vr(tag: int, signed: bool) -> bytes:
    """The VR of a tag in an implicit data set, UN where the dictionary has none. Where it has several, bytes that may
    be either are OW (PS3.5 §A.1, §A.2), and numbers are as the pixels are (PS3.3 C.7.6.3.1)."""
    from pydicom.datadict import dictionary_VR

    try:
        several = dictionary_VR(tag).split(" or ")
    except KeyError:
        return b"UN"
    if len(several) == 1:
        return several[0].encode("ascii")
    if "OW" in several:
        return b"OW"
    return b"SS" if signed else b"US"


@cache
def _private_vr(tag: int, creator: str) -> bytes:
    """The VR of a private element whose creator's dictionary is known; else UN (PS3.5 §6.2.2)."""
    from pydicom.datadict import private_dictionary_VR

    try:
        vr = private_dictionary_VR(tag, creator).encode("ascii")
    except KeyError:
        return b"UN"
    # What a dictionary that nobody publishes calls a sequence may be anything.
    return vr if vr in SHORT_VRS | LONG_VRS and vr != b"SQ" else b"UN"


__all__ = ["EXPLICIT_LE", "PIXEL_DATA", "Path", "Replacements", "write_explicit"]
