"""Command sets: PS3.7 §6.3.1 and Annex E. Implicit VR Little Endian, group 0000, some twenty elements.

The command set is half of what a small C-STORE costs when it goes through general data set code, so it has a codec of
its own: a table of elements, one loop to read, one function per direction to write. What one sender says in all its
messages is remembered as it was read, and as it was written.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from functools import lru_cache

from .message import CommandField, Response

NO_DATA_SET = 0x0101
"""Command Data Set Type (0000,0800) where there is none; any other value says that there is one."""

# element: (keyword, VR, largest value in bytes). PS3.7 table E.1-1; sizes by VR (PS3.5 table 6.2-1).
ELEMENTS: dict[int, tuple[str, str, int]] = {
    0x0000: ("CommandGroupLength", "UL", 4),
    0x0002: ("AffectedSOPClassUID", "UI", 64),
    0x0003: ("RequestedSOPClassUID", "UI", 64),
    0x0100: ("CommandField", "US", 2),
    0x0110: ("MessageID", "US", 2),
    0x0120: ("MessageIDBeingRespondedTo", "US", 2),
    0x0600: ("MoveDestination", "AE", 16),
    0x0700: ("Priority", "US", 2),
    0x0800: ("CommandDataSetType", "US", 2),
    0x0900: ("Status", "US", 2),
    0x0901: ("OffendingElement", "AT", 4096),
    0x0902: ("ErrorComment", "LO", 1024),
    0x0903: ("ErrorID", "US", 2),
    0x1000: ("AffectedSOPInstanceUID", "UI", 256),
    0x1001: ("RequestedSOPInstanceUID", "UI", 256),
    0x1002: ("EventTypeID", "US", 2),
    0x1005: ("AttributeIdentifierList", "AT", 65528),
    0x1008: ("ActionTypeID", "US", 2),
    0x1020: ("NumberOfRemainingSuboperations", "US", 2),
    0x1021: ("NumberOfCompletedSuboperations", "US", 2),
    0x1022: ("NumberOfFailedSuboperations", "US", 2),
    0x1023: ("NumberOfWarningSuboperations", "US", 2),
    0x1030: ("MoveOriginatorApplicationEntityTitle", "AE", 16),
    0x1031: ("MoveOriginatorMessageID", "US", 2),
}

RESPONSE_BIT = 0x8000

# Which SOP Class element names the class of a request (PS3.7 §9.3, §10.3).
REQUESTED = frozenset(
    {CommandField.N_GET_RQ, CommandField.N_SET_RQ, CommandField.N_ACTION_RQ, CommandField.N_DELETE_RQ}
)

C_ECHO = int(CommandField.C_ECHO_RQ)
"""Looked at with every response: see `protocol.OPEN`."""

_HEADER = struct.Struct("<HHL")
_US = struct.Struct("<H")
_PAIR = struct.Struct("<HH")


class BadCommand(Exception):
    """A command set that breaks PS3.7: the association cannot go on."""


SHORT_BYTES = 1024
"""A longer command set is not remembered: that of a C-STORE-RQ has about 160 bytes, with the longest UIDs 300."""

_MESSAGE_ID = _HEADER.pack(0, 0x0110, 2)
_INSTANCE = _PAIR.pack(0, 0x1000)
_MOST_INSTANCE = 4 + ELEMENTS[0x1000][2]


def decode_command(data: bytes | bytearray) -> dict[str, object]:
    """One command set as a dictionary by keyword: int for US and UL, str for UI, AE and LO, tuple of tags for AT.

    Unknown and retired elements of group 0000 are passed over.

    Raises:
        BadCommand: not a command set: another group, a length beyond the end, a wrong size, bytes no text can hold.
    """
    if len(data) <= SHORT_BYTES and (found := _in_parts(bytes(data))) is not None:
        return found
    return _elements(data)


def _in_parts(data: bytes) -> dict[str, object] | None:
    """The short way for the C-STOREs of a series, which differ in Message ID and Affected SOP Instance UID: what stands
    before, between and behind these is remembered. None where the long way has to say what it is.

    Elements read the same wherever they stand, so this is right where each part is whole elements. A part that was cut
    out of the middle of one is none, and the reading of it fails.
    """
    before, _, rest = data.partition(_MESSAGE_ID)
    between, found, instance = rest[2:].partition(_INSTANCE)
    end = 4 + int.from_bytes(instance[:4], "little")
    if not found or end > len(instance) or end > _MOST_INSTANCE:
        return None
    try:
        return {
            **_remembered(before),
            "MessageID": int.from_bytes(rest[:2], "little"),
            **_remembered(between),
            "AffectedSOPInstanceUID": instance[4:end].rstrip(b"\0 ").decode("ascii"),
            **_remembered(instance[end:]),
        }
    except (BadCommand, UnicodeDecodeError):
        return None


def _elements(data: bytes | bytearray) -> dict[str, object]:
    found: dict[str, object] = {}
    position, end = 0, len(data)
    while position < end:
        if position + 8 > end:
            raise BadCommand("the command set ends in the middle of an element")
        group, element, length = _HEADER.unpack_from(data, position)
        position += 8
        if group != 0 or position + length > end:
            raise BadCommand("the command set is not well formed")
        known = ELEMENTS.get(element)
        if known is not None:
            keyword, vr, most = known
            if length > most:
                raise BadCommand(f"{keyword} is {length} bytes long")
            if vr == "US" and length == 2:  # most of them
                (found[keyword],) = _US.unpack_from(data, position)
            else:
                found[keyword] = _value(vr, data[position : position + length], keyword)
        position += length
    return found


_remembered = lru_cache(maxsize=64)(_elements)
"""What a few senders say in each of their messages. It is copied out of here, never changed."""


def _value(vr: str, raw: bytes | bytearray, keyword: str) -> object:
    if vr == "US":
        if len(raw) != 2:
            raise BadCommand(f"{keyword} is {len(raw)} bytes long")
        return _US.unpack(raw)[0]
    if vr == "UI":
        try:
            return raw.rstrip(b"\0 ").decode("ascii")
        except UnicodeDecodeError:
            raise BadCommand(f"{keyword} is not a UID") from None
    if vr == "AT":
        if len(raw) % 4:
            raise BadCommand(f"{keyword} is {len(raw)} bytes long")
        return tuple(group << 16 | element for group, element in _PAIR.iter_unpack(raw))
    if vr == "UL":
        return int.from_bytes(raw, "little")
    return raw.decode("ascii", "replace").strip(" \0")


@lru_cache(maxsize=256)
def _us(element: int, value: int) -> bytes:
    return struct.pack("<HHLH", 0, element, 2, value)


@lru_cache(maxsize=256)
def _ui(element: int, uid: str) -> bytes:
    value = _uid(uid)
    return _HEADER.pack(0, element, len(value)) + value


def _uid(uid: str) -> bytes:
    value = uid.encode("ascii", "replace")
    return value + b"\0" if len(value) % 2 else value


def _at(element: int, tags: Iterable[int]) -> bytes:
    value = b"".join(_PAIR.pack(tag >> 16, tag & 0xFFFF) for tag in tags)
    return _HEADER.pack(0, element, len(value)) + value


def _grouped(body: bytes) -> bytes:
    return struct.pack("<HHLL", 0, 0, 4, len(body)) + body


def error_comment(words: str) -> bytes:
    """Error Comment (0000,0902): LO, at most 64 characters of the default repertoire, no backslash, no controls."""
    plain = words.encode("ascii", "replace").replace(b"\\", b"/")
    value = bytes(sign if 32 <= sign < 127 else 32 for sign in plain)[:64].rstrip()
    return value + b" " * (len(value) % 2)


ATTRIBUTE_IDENTIFIER_LIST_STATUSES = frozenset({0x0105, 0x0106, 0x0107, 0x0116})
"""Statuses that name attributes by (0000,1005) in N-CREATE, N-SET and N-GET (PS3.7 §C)."""


def encode_response(
    request_field: int, message_id: int, sop_class_uid: str, sop_instance_uid: str | None, response: Response
) -> bytes:
    """The command set of a response.

    Args:
        request_field: Command Field of the request.
        message_id: its Message ID.
        sop_class_uid: its SOP Class.
        sop_instance_uid: its SOP Instance; the response's own, where it has one, stands instead.
        response: the answer.
    """
    instance = response.sop_instance_uid or sop_instance_uid
    if instance and response.status == 0 and response.data_set is None and request_field != C_ECHO:
        value = _uid(instance)
        before, between = _success(request_field, sop_class_uid, len(value))
        return before + _US.pack(message_id) + between + value
    return _response(request_field, message_id, sop_class_uid, instance, response)


@lru_cache(maxsize=256)
def _success(request_field: int, sop_class_uid: str, instance_bytes: int) -> tuple[bytes, bytes]:
    """What all plain successes say around their Message ID, and before a SOP Instance UID of so many bytes."""
    whole = _response(request_field, 0, sop_class_uid, "0" * instance_bytes, Response(0x0000))
    at = len(_grouped(_ui(0x0002, sop_class_uid) + _us(0x0100, 0) + _us(0x0120, 0)))
    return whole[: at - 2], whole[at:-instance_bytes]


def _response(
    request_field: int, message_id: int, sop_class_uid: str, instance: str | None, response: Response
) -> bytes:
    parts = [
        _ui(0x0002, sop_class_uid),
        _us(0x0100, request_field | RESPONSE_BIT),
        _us(0x0120, message_id),
        _us(0x0800, NO_DATA_SET if response.data_set is None else 0x0001),
        _us(0x0900, response.status),
    ]
    normalized = request_field >= CommandField.N_EVENT_REPORT_RQ and request_field != CommandField.C_CANCEL_RQ
    listed = normalized and response.status in ATTRIBUTE_IDENTIFIER_LIST_STATUSES
    if response.status:
        if response.offending and not listed:
            parts.append(_at(0x0901, response.offending))
        if response.comment:
            comment = error_comment(response.comment)
            parts.append(_HEADER.pack(0, 0x0902, len(comment)) + comment)
    if instance and request_field != C_ECHO:
        parts.append(_ui(0x1000, instance))
    if response.offending and listed:
        parts.append(_at(0x1005, response.offending))
    if request_field == CommandField.N_ACTION_RQ and response.data_set is not None:
        parts.append(_us(0x1008, 1))
    return _grouped(b"".join(parts))


def encode_event_report(
    message_id: int, sop_class_uid: str, sop_instance_uid: str, event_type_id: int, *, data_set: bool
) -> bytes:
    """The command set of an N-EVENT-REPORT-RQ (PS3.7 §10.3.1)."""
    return _grouped(
        _ui(0x0002, sop_class_uid)
        + _us(0x0100, CommandField.N_EVENT_REPORT_RQ)
        + _us(0x0110, message_id)
        + _us(0x0800, 0x0001 if data_set else NO_DATA_SET)
        + _ui(0x1000, sop_instance_uid)
        + _us(0x1002, event_type_id)
    )
