"""Attribute lists as bytes: a bounded reader and a writer for Implicit and Explicit VR Little Endian (PS3.5 §7).

The messages of a print dialogue are small but for one element: the pixels of an N-SET. The reader walks the headers,
copies no value until somebody asks for it, and so finds the pixels in a mapped file of any length without touching
them. Nothing that the bytes say is believed before it is compared with what is there.
"""

from __future__ import annotations

import mmap
import re
import struct
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

Buffer: TypeAlias = "bytes | memoryview | mmap.mmap"
Item: TypeAlias = "Mapping[int, Element]"
Value: TypeAlias = "str | int | float | tuple[int, ...] | bytes | tuple[Mapping[int, Value], ...]"
"""What an attribute holds: text, one number, several integers, bytes, or the items of a sequence."""

UNDEFINED = 0xFFFFFFFF
ITEM, ITEM_END, SEQUENCE_END = 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD
PIXEL_DATA = 0x7FE00010

MOST_ELEMENTS = 10_000
"""Elements of one attribute list, nested ones and items included; a dialogue needs fewer than a hundred."""
MOST_DEPTH = 16
MOST_VALUE_BYTES = 64 * 1024
"""Longest value that is ever decoded; pixels are not, and an ICC profile has a bound of its own."""

_LONG_VRS = frozenset(["OB", "OD", "OF", "OL", "OV", "OW", "SQ", "SV", "UC", "UN", "UR", "UT", "UV"])
_SHORT_VRS = frozenset(
    [
        "AE",
        "AS",
        "AT",
        "CS",
        "DA",
        "DS",
        "DT",
        "FD",
        "FL",
        "IS",
        "LO",
        "LT",
        "PN",
        "SH",
        "SL",
        "SS",
        "ST",
        "TM",
        "UI",
        "UL",
        "US",
    ]
)
_INTEGERS = {"US": "H", "SS": "h", "UL": "I", "SL": "i"}
_UNTRIMMED = frozenset({"ST", "LT", "UT"})
"""Text whose leading blanks belong to it (PS3.5 §6.2)."""

_ESCAPE = re.compile(r"\x1b[ -/]+[0-~]")
"""An escape sequence of ISO 2022: it says which characters follow, and is none itself."""

_HEADER = struct.Struct("<HHI")
_EXPLICIT_HEADER = struct.Struct("<HH2sH")
_LENGTH = struct.Struct("<I")


class Malformed(Exception):
    """The bytes are not an attribute list in their transfer syntax."""


class BadValue(Exception):
    """The bytes of a value do not hold what its VR says."""


@dataclass(frozen=True, slots=True)
class Element:
    """One element: where its value lies, or its items."""

    vr: str
    """As the bytes say it; empty in Implicit VR."""
    offset: int
    length: int
    items: tuple[Item, ...] | None = None


class AttributeList:
    """A read attribute list: elements by tag, values on demand."""

    __slots__ = ("data", "elements")

    def __init__(self, data: Buffer, elements: Item) -> None:
        self.data = data
        self.elements = elements

    def inside(self, item: Item) -> AttributeList:
        """One item of a sequence as a list of its own."""
        return AttributeList(self.data, item)

    def items(self, tag: int) -> tuple[AttributeList, ...] | None:
        """The items of a sequence; None where there is no sequence of this tag."""
        element = self.elements.get(tag)
        if element is None:
            return None
        return tuple(self.inside(item) for item in element.items or ())

    def is_empty(self, tag: int, vr: str) -> bool:
        """Whether the element has no value. Text of nothing but padding is none."""
        element = self.elements[tag]
        if element.items is not None:
            return not element.items
        if vr in _INTEGERS or element.vr in _INTEGERS or element.length > 64:
            return element.length == 0
        return not bytes(self.data[element.offset : element.offset + element.length]).strip(b" \0")

    def raw(self, tag: int, most: int = MOST_VALUE_BYTES) -> bytes:
        """The bytes of a value; of a sequence none.

        Args:
            tag: of an element that is there.
            most: bytes that the value may have.

        Raises:
            BadValue: they are more.
        """
        element = self.elements[tag]
        if element.length > most:
            raise BadValue
        return bytes(self.data[element.offset : element.offset + element.length])

    def value(self, tag: int, vr: str) -> Value:
        """The value of an element, as what the dictionary says it is.

        Raises:
            BadValue: it holds something else.
        """
        element = self.elements[tag]
        raw = self.raw(tag)
        written = element.vr if element.vr in _INTEGERS or element.vr in _SHORT_VRS else vr
        if written in _INTEGERS:
            return _coerced(_integers(raw, _INTEGERS[written]), vr)
        return _coerced(_text(raw, vr), vr)


def _integers(raw: bytes, code: str) -> tuple[int, ...]:
    size = struct.calcsize(code)
    if not raw or len(raw) % size:
        raise BadValue
    return struct.unpack(f"<{len(raw) // size}{code}", raw)


def _text(raw: bytes, vr: str) -> str:
    # Bytes stay bytes: what they mean depends on a Specific Character Set that may come in another message.
    text = raw.decode("latin-1").rstrip(" \0")
    return text if vr in _UNTRIMMED else text.lstrip(" ")


def _coerced(value: str | tuple[int, ...], vr: str) -> Value:
    """A number as text and a text as number where the peer took the wrong one of the two."""
    if vr in _INTEGERS or vr == "IS":
        if isinstance(value, str):
            try:
                value = tuple(int(part) for part in value.split("\\"))
            except ValueError:
                raise BadValue from None
        if any(abs(number) >= 1 << 32 for number in value):
            raise BadValue
        return value[0] if len(value) == 1 else value
    text = value if isinstance(value, str) else "\\".join(map(str, value))
    if vr != "DS":
        return text
    try:
        number = float(text)
    except ValueError:
        raise BadValue from None
    if not abs(number) < 1e12:  # nan and infinities too
        raise BadValue
    return number


class _Walk:
    """One pass over the headers of an attribute list."""

    __slots__ = ("data", "explicit", "left")

    def __init__(self, data: Buffer, explicit: bool) -> None:
        self.data = data
        self.explicit = explicit
        self.left = MOST_ELEMENTS

    def spend(self) -> None:
        self.left -= 1
        if self.left < 0:
            raise Malformed("too many elements")

    def header(self, at: int, end: int) -> tuple[int, str, int, int]:
        """(tag, VR, offset of the value, length or UNDEFINED)."""
        self.spend()
        if at + 8 > end:
            raise Malformed("ends in the middle of an element")
        group, element, length = _HEADER.unpack_from(self.data, at)
        tag = group << 16 | element
        if group == 0xFFFE or not self.explicit:
            return tag, "", at + 8, length
        _, _, code, length = _EXPLICIT_HEADER.unpack_from(self.data, at)
        vr = code.decode("latin-1")
        if vr in _SHORT_VRS:
            return tag, vr, at + 8, length
        if vr not in _LONG_VRS and not (vr.isascii() and vr.isalpha() and vr.isupper()):
            raise Malformed("not Explicit VR Little Endian, as negotiated")
        if at + 12 > end:
            raise Malformed("ends in the middle of an element")
        return tag, vr, at + 12, _LENGTH.unpack_from(self.data, at + 8)[0]

    def elements(self, at: int, end: int, depth: int, delimiter: int | None) -> tuple[dict[int, Element], int]:
        """Elements from `at` to `end`, or to the delimiter; and where the next thing begins."""
        found: dict[int, Element] = {}
        while at < end:
            tag, vr, offset, length = self.header(at, end)
            if tag == delimiter:
                return found, offset
            if tag >> 16 == 0xFFFE:
                raise Malformed("a delimiter where an element must be")
            if length == UNDEFINED or vr == "SQ" or (not vr and self.is_sequence(tag, offset, length, end)):
                if tag == PIXEL_DATA:
                    raise Malformed("compressed pixels are not printed")
                items, at = self.sequence(offset, length, end, depth + 1, vr)
                found[tag] = Element("SQ", offset, 0, items)
                continue
            if length > end - offset:
                raise Malformed("an element is longer than what was sent")
            found[tag] = Element(vr, offset, length)
            at = offset + length
        if delimiter is not None:
            raise Malformed("ends in the middle of an item")
        return found, at

    def is_sequence(self, tag: int, offset: int, length: int, end: int) -> bool:
        """Implicit VR says nothing: a value that begins with an item of a possible length is read as a sequence."""
        if tag == PIXEL_DATA or not 8 <= length <= end - offset:
            return False
        group, element, item_length = _HEADER.unpack_from(self.data, offset)
        return bool((group << 16 | element) == ITEM and (item_length == UNDEFINED or item_length <= length - 8))

    def sequence(self, at: int, length: int, end: int, depth: int, vr: str) -> tuple[tuple[Item, ...], int]:
        if depth > MOST_DEPTH:
            raise Malformed("sequences lie too deep")
        if vr not in ("", "SQ", "UN"):
            raise Malformed("an element of undefined length is no sequence")
        if length != UNDEFINED:
            if length > end - at:
                raise Malformed("a sequence is longer than what was sent")
            end = at + length
        found: list[Item] = []
        # PS3.5 §6.2.2: inside UN of undefined length everything is Implicit VR.
        outside, self.explicit = self.explicit, self.explicit and vr != "UN"
        while at < end:
            tag, _, offset, item_length = self.header(at, end)
            if tag == SEQUENCE_END and length == UNDEFINED:
                self.explicit = outside
                return tuple(found), offset
            if tag != ITEM:
                raise Malformed("no item where an item must be")
            if item_length == UNDEFINED:
                item, at = self.elements(offset, end, depth, ITEM_END)
            else:
                if item_length > end - offset:
                    raise Malformed("an item is longer than its sequence")
                item, at = self.elements(offset, offset + item_length, depth, None)
            found.append(item)
        self.explicit = outside
        if length == UNDEFINED:
            raise Malformed("ends in the middle of a sequence")
        return tuple(found), at


def read(data: Buffer, explicit: bool) -> AttributeList:
    """Read an attribute list without copying any value.

    Args:
        data: the encoded data set: bytes, or a mapped file.
        explicit: Explicit VR Little Endian, else Implicit.

    Raises:
        Malformed: it is none; too deep, too many elements, lengths that are not there.
    """
    return AttributeList(data, _Walk(data, explicit).elements(0, len(data), 0, None)[0])


def write(values: Mapping[int, Value], vrs: Mapping[int, str], explicit: bool) -> bytes:
    """Encode an attribute list; sequences and items with defined lengths.

    Args:
        values: by tag. None is not a value: an empty one is an empty text.
        vrs: the VR of every tag that occurs.
        explicit: Explicit VR Little Endian, else Implicit.
    """
    out = bytearray()
    for tag in sorted(values):
        vr = vrs[tag]
        value = _encoded(values[tag], vr, vrs, explicit)
        if not explicit:
            out += _HEADER.pack(tag >> 16, tag & 0xFFFF, len(value))
        elif vr in _LONG_VRS:
            out += _EXPLICIT_HEADER.pack(tag >> 16, tag & 0xFFFF, vr.encode(), 0) + _LENGTH.pack(len(value))
        else:
            out += _EXPLICIT_HEADER.pack(tag >> 16, tag & 0xFFFF, vr.encode(), len(value))
        out += value
    return bytes(out)


def _encoded(value: Value, vr: str, vrs: Mapping[int, str], explicit: bool) -> bytes:
    if vr == "SQ":
        assert isinstance(value, tuple)
        items = (write(item, vrs, explicit) for item in value if not isinstance(item, int))
        return b"".join(_HEADER.pack(0xFFFE, 0xE000, len(item)) + item for item in items)
    if isinstance(value, bytes):
        return value + b"\0" * (len(value) % 2)
    if value == "":
        return b""
    if vr in _INTEGERS:
        numbers = value if isinstance(value, tuple) else (value,)
        return struct.pack(f"<{len(numbers)}{_INTEGERS[vr]}", *numbers)
    text = "\\".join(map(str, value)) if isinstance(value, tuple) else _number(value)
    raw = text.encode("latin-1")
    return raw + (b"\0" if vr == "UI" else b" ") * (len(raw) % 2)


def _number(value: object) -> str:
    # DS has 16 bytes at most (PS3.5 §6.2).
    return f"{value:.10g}" if isinstance(value, float) else str(value)


def decode_text(text: str, character_set: tuple[str, ...]) -> str:
    """Text that was kept as bytes, in the characters of a Specific Character Set (0008,0005)."""
    if text.isascii() and "\x1b" not in text:
        return text
    from pydicom.charset import convert_encodings, decode_bytes  # rare, and not needed to run

    try:
        with warnings.catch_warnings(action="ignore"):  # they would repeat text of the peer
            encodings = convert_encodings(list(character_set) or [""])
            decoded = decode_bytes(text.encode("latin-1"), encodings, set(b"\n\r\t\f\\"))
        # pydicom leaves the escape sequence of GB 2312 (ISO 2022 IR 58) where it stood, and those of sets not named.
        return _ESCAPE.sub("", decoded)
    except Exception:
        return text
