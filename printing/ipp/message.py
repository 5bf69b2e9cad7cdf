"""IPP messages as bytes (RFC 8010 §3): nothing is dropped, and nothing is believed before it was measured.

A message is a version, an operation or status code, a request ID and groups of attributes. An attribute has one or more
values; a value is a tag and what the tag means: an integer, a text, a range, a collection of attributes.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

VERSION = (2, 0)

# Delimiter tags (RFC 8010 §3.5.1).
OPERATION_ATTRIBUTES, JOB_ATTRIBUTES, END_OF_ATTRIBUTES, PRINTER_ATTRIBUTES, UNSUPPORTED = 1, 2, 3, 4, 5
# Value tags (RFC 8010 §3.5.2).
INTEGER, BOOLEAN, ENUM = 0x21, 0x22, 0x23
OCTET_STRING, DATE_TIME, RESOLUTION, RANGE, BEGIN_COLLECTION = 0x30, 0x31, 0x32, 0x33, 0x34
TEXT_WITH_LANGUAGE, NAME_WITH_LANGUAGE, END_COLLECTION = 0x35, 0x36, 0x37
TEXT, NAME, KEYWORD, URI, URI_SCHEME = 0x41, 0x42, 0x44, 0x45, 0x46
CHARSET, LANGUAGE, MIME, MEMBER_NAME = 0x47, 0x48, 0x49, 0x4A
_STRINGS = frozenset({TEXT, NAME, KEYWORD, URI, URI_SCHEME, CHARSET, LANGUAGE, MIME})

MOST_BYTES = 4 * 1024 * 1024
"""Of an answer; a printer with a thousand media has about 200 KiB."""
MOST_VALUES = 100_000
MOST_DEPTH = 16
"""Of collections in collections; media-col-database has three."""


class BadMessage(ValueError):
    """These bytes are no IPP message."""


@dataclass(frozen=True, slots=True)
class Tagged:
    """A value with its tag: what is no text, integer, boolean, resolution, range or collection by its Python type."""

    tag: int
    value: str | int | bytes


@dataclass(frozen=True, slots=True)
class Resolution:
    """A resolution in pixels per inch, feed and cross feed."""

    cross_feed_dpi: int
    feed_dpi: int


@dataclass(frozen=True, slots=True)
class Range:
    """A range of integers, both ends in it."""

    lower: int
    upper: int


Collection: TypeAlias = "Mapping[str, Sequence[Value]]"
Value: TypeAlias = "Tagged | str | int | bool | Resolution | Range | bytes | Collection"
"""A keyword, text, name or URI is a `str` when read; written, it needs its tag, so `Tagged`."""
Attributes: TypeAlias = "Mapping[str, Sequence[Value]]"


@dataclass(frozen=True, slots=True)
class Message:
    """A request or a response.

    Attributes:
        code: operation (RFC 8011 §5.4.15) or status.
        request_id: repeated by the response.
        groups: (delimiter tag, attributes) in order.
    """

    code: int
    request_id: int
    groups: tuple[tuple[int, Attributes], ...] = ()
    version: tuple[int, int] = field(default=VERSION)

    def group(self, tag: int) -> Attributes:
        """The first group of a tag; empty where there is none."""
        return next((attributes for found, attributes in self.groups if found == tag), {})

    def all_groups(self, tag: int) -> list[Attributes]:
        """Every group of a tag: Get-Jobs answers with one a job."""
        return [attributes for found, attributes in self.groups if found == tag]


def keyword(value: str) -> Tagged:
    """A keyword."""
    return Tagged(KEYWORD, value)


# -- writing ----------------------------------------------------------------------------------------------------


def encode(message: Message) -> bytes:
    """A message as bytes, without document data."""
    out = [struct.pack(">BBHL", *message.version, message.code, message.request_id)]
    for tag, attributes in message.groups:
        out.append(bytes([tag]))
        for name, values in attributes.items():
            for number, value in enumerate(values):
                out.append(_value(name if number == 0 else "", value))
    out.append(bytes([END_OF_ATTRIBUTES]))
    return b"".join(out)


def _field(tag: int, name: str, data: bytes) -> bytes:
    encoded = name.encode("ascii")
    return struct.pack(">BH", tag, len(encoded)) + encoded + struct.pack(">H", len(data)) + data


def _value(name: str, value: Value) -> bytes:
    if isinstance(value, Tagged):
        raw = value.value
        data = struct.pack(">l", raw) if isinstance(raw, int) else raw.encode() if isinstance(raw, str) else raw
        return _field(value.tag, name, data)
    if isinstance(value, bool):
        return _field(BOOLEAN, name, bytes([value]))
    if isinstance(value, int):
        return _field(INTEGER, name, struct.pack(">l", value))
    if isinstance(value, Resolution):
        return _field(RESOLUTION, name, struct.pack(">llB", value.cross_feed_dpi, value.feed_dpi, 3))
    if isinstance(value, Range):
        return _field(RANGE, name, struct.pack(">ll", value.lower, value.upper))
    if isinstance(value, Mapping):
        return _collection(name, value)
    raise TypeError(f"{name}: {type(value).__name__} needs a tag to be written")


def _collection(name: str, members: Collection) -> bytes:
    out = [_field(BEGIN_COLLECTION, name, b"")]
    for member, values in members.items():
        out.append(_field(MEMBER_NAME, "", member.encode("ascii")))
        out += [_value("", value) for value in values]
    out.append(_field(END_COLLECTION, "", b""))
    return b"".join(out)


# -- reading ----------------------------------------------------------------------------------------------------


def decode(data: bytes) -> Message:
    """A message from bytes; document data behind it is not looked at.

    Raises:
        BadMessage: it is none, or more than anybody would say.
    """
    if len(data) > MOST_BYTES:
        raise BadMessage("an IPP message of more than 4 MiB")
    if len(data) < 9:
        raise BadMessage("too short for an IPP message")
    major, minor, code, request_id = struct.unpack_from(">BBHL", data)
    reader = _Reader(data)
    groups = tuple(reader.groups())
    return Message(code, request_id, groups, (major, minor))


class _Reader:
    """Walks through the attributes of one message."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 8
        self._values = 0

    def groups(self) -> Iterator[tuple[int, Attributes]]:
        tag = self._byte()
        while tag != END_OF_ATTRIBUTES:
            if not 0 < tag < 0x10:
                raise BadMessage("attributes outside of any group")
            attributes: dict[str, list[Value]] = {}
            group, name = tag, ""
            while (tag := self._byte()) >= 0x10:
                found, data = self._field()
                if found:
                    name = found
                    attributes[name] = []
                elif not name:
                    raise BadMessage("a further value of no attribute")
                attributes[name].append(self._read(tag, data, 0))
            yield group, attributes

    def _byte(self) -> int:
        if self._at >= len(self._data):
            raise BadMessage("the message ends too early")
        self._at += 1
        return self._data[self._at - 1]

    def _piece(self) -> bytes:
        if self._at + 2 > len(self._data):
            raise BadMessage("the message ends too early")
        (length,) = struct.unpack_from(">H", self._data, self._at)
        first = self._at + 2
        if first + length > len(self._data):
            raise BadMessage("a value is longer than its message")
        self._at = first + length
        return self._data[first : self._at]

    def _field(self) -> tuple[str, bytes]:
        self._values += 1
        if self._values > MOST_VALUES:
            raise BadMessage("too many values")
        return self._piece().decode("utf-8", "replace"), self._piece()

    def _read(self, tag: int, data: bytes, depth: int) -> Value:
        if tag == BEGIN_COLLECTION:
            return self._members(depth + 1)
        if tag in _STRINGS:
            return data.decode("utf-8", "replace")
        if tag in (TEXT_WITH_LANGUAGE, NAME_WITH_LANGUAGE):
            return _with_language(data)
        if tag in (INTEGER, ENUM) and len(data) == 4:
            return int.from_bytes(data, "big", signed=True)
        if tag == BOOLEAN and len(data) == 1:
            return data != b"\0"
        if tag == RESOLUTION and len(data) == 9:
            cross, feed, unit = struct.unpack(">llB", data)
            return Resolution(cross, feed) if unit == 3 else Resolution(round(cross * 2.54), round(feed * 2.54))
        if tag == RANGE and len(data) == 8:
            return Range(*struct.unpack(">ll", data))
        return Tagged(tag, data)

    def _members(self, depth: int) -> Collection:
        if depth > MOST_DEPTH:
            raise BadMessage("collections in collections without end")
        members: dict[str, list[Value]] = {}
        name = ""
        while (tag := self._byte()) != END_COLLECTION:
            _, data = self._field()
            if tag == MEMBER_NAME:
                name = data.decode("utf-8", "replace")
                members[name] = []
            elif tag < 0x10 or not name:
                raise BadMessage("a collection has no end")
            else:
                members[name].append(self._read(tag, data, depth))
        self._field()
        return members


def _with_language(data: bytes) -> str:
    if len(data) < 4:
        raise BadMessage("a text with a language without either")
    (length,) = struct.unpack_from(">H", data)
    return data[4 + length :].decode("utf-8", "replace")
