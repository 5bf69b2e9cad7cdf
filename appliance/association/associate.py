"""A-ASSOCIATE-RQ, -AC and -RJ: PS3.8 §9.3.2–9.3.4 and Annex D, PS3.7 Annex D.3.

One bounded walk over the request. Every count and length has its bound here, before anything is made of it: 20,000
contexts or a thousand transfer syntaxes each cost their sender an abort and us nothing.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from .limits import Limits

APPLICATION_CONTEXT = "1.2.840.10008.3.1.1.1"

A_ASSOCIATE_RQ, A_ASSOCIATE_AC, A_ASSOCIATE_RJ = 0x01, 0x02, 0x03
P_DATA_TF, A_RELEASE_RQ, A_RELEASE_RP, A_ABORT = 0x04, 0x05, 0x06, 0x07

_UID = re.compile(rb"[0-9]+(?:\.[0-9]+)*")
_ITEM = struct.Struct(">BxH")
_PDU = struct.Struct(">BxL")
_DATA = struct.Struct(">BxLLBB")


class BadAssociate(Exception):
    """An A-ASSOCIATE-RQ that breaks PS3.8: answered with an abort."""


@dataclass(frozen=True, slots=True)
class ProposedContext:
    """One presentation context as proposed (PS3.8 §9.3.2.2)."""

    context_id: int
    abstract_syntax: str
    transfer_syntaxes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Role:
    """SCP/SCU role selection for one SOP Class (PS3.7 D.3.3.4)."""

    scu: bool
    scp: bool


@dataclass(frozen=True, slots=True)
class UserIdentity:
    """User identity (PS3.7 D.3.3.7): 1 name, 2 name and passcode, 3 Kerberos, 4 SAML, 5 JWT. Never logged."""

    kind: int
    response_wanted: bool
    primary: bytes = field(repr=False)
    secondary: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class AssociateRequest:
    """An A-ASSOCIATE-RQ as a value."""

    protocol_version: int
    called_ae_title: str
    calling_ae_title: str
    application_context: str
    contexts: tuple[ProposedContext, ...]
    maximum_length: int
    """What the peer wants P-DATA to be at most, in bytes; 0 = no limit."""
    implementation_class_uid: str = ""
    implementation_version_name: str = ""
    roles: dict[str, Role] = field(default_factory=dict)
    user_identity: UserIdentity | None = None
    asynchronous: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class ContextResult:
    """What became of one proposed context (PS3.8 §9.3.3.2): 0 accepted, 1 user rejection, 3 abstract syntax,
    4 transfer syntaxes not supported."""

    context_id: int
    result: int
    transfer_syntax: str = ""


def _items(data: memoryview, what: str) -> Iterator[tuple[int, memoryview]]:
    position, end = 0, len(data)
    while position < end:
        if position + 4 > end:
            raise BadAssociate(f"{what} ends in the middle of an item")
        kind, length = _ITEM.unpack_from(data, position)
        position += 4
        if position + length > end:
            raise BadAssociate(f"an item of {what} is longer than {what}")
        yield kind, data[position : position + length]
        position += length


def _uid(raw: memoryview, what: str) -> str:
    value = bytes(raw).rstrip(b"\0 ")
    if len(value) > 64 or not _UID.fullmatch(value):
        raise BadAssociate(f"the {what} is not a UID")
    return value.decode("ascii")


def _ae_title(raw: memoryview, what: str) -> str:
    value = bytes(raw).strip(b" \0")
    # PS3.5 table 6.2-1, AE: the default repertoire without backslash and controls. Empty ones stand for nobody.
    if not value or not all(32 <= sign < 127 and sign != 0x5C for sign in value):
        raise BadAssociate(f"the {what} AE title is not one")
    return value.decode("ascii")


def decode_associate(body: bytes | bytearray, limits: Limits) -> AssociateRequest:
    """The body of an A-ASSOCIATE-RQ, behind its six bytes of PDU header.

    Raises:
        BadAssociate: it breaks PS3.8 or a bound.
    """
    if len(body) < 68:
        raise BadAssociate("the request is shorter than its fixed part")
    view = memoryview(body)
    user: dict[str, object] = {}
    roles: dict[str, Role] = {}
    contexts: list[ProposedContext] = []
    seen: set[int] = set()
    application_context = ""
    for kind, item in _items(view[68:], "the request"):
        if kind == 0x10:
            application_context = bytes(item).rstrip(b"\0 ").decode("ascii", "replace")
        elif kind == 0x20:
            contexts.append(_context(item, limits, seen))
        elif kind == 0x50:
            _user_information(item, user, roles)
    if not contexts:
        raise BadAssociate("the request proposes no presentation context")
    return AssociateRequest(
        protocol_version=struct.unpack_from(">H", body)[0],
        called_ae_title=_ae_title(view[4:20], "called"),
        calling_ae_title=_ae_title(view[20:36], "calling"),
        application_context=application_context,
        contexts=tuple(contexts),
        roles=roles,
        **{"maximum_length": 0, **user},  # type: ignore[arg-type]
    )


def _context(item: memoryview, limits: Limits, seen: set[int]) -> ProposedContext:
    if len(item) < 4:
        raise BadAssociate("a presentation context is shorter than its fixed part")
    context_id = item[0]
    if context_id % 2 == 0 or context_id in seen:
        raise BadAssociate("a presentation context ID is even or stands twice")
    seen.add(context_id)
    if len(seen) > limits.contexts:
        raise BadAssociate(f"more than {limits.contexts} presentation contexts")
    read = _read_context_again if len(item) <= SHORT_CONTEXT_BYTES else _read_context
    return ProposedContext(context_id, *read(bytes(item[4:]), limits.transfer_syntaxes))


def _read_context(items: bytes, most: int) -> tuple[str, tuple[str, ...]]:
    """(abstract syntax, transfer syntaxes) of one presentation context."""
    abstract_syntax = ""
    transfer_syntaxes: list[str] = []
    for kind, value in _items(memoryview(items), "a presentation context"):
        if kind == 0x30 and not abstract_syntax:
            abstract_syntax = _uid(value, "abstract syntax")
        elif kind == 0x40:
            if len(transfer_syntaxes) == most:
                raise BadAssociate(f"more than {most} transfer syntaxes in one context")
            transfer_syntaxes.append(_uid(value, "transfer syntax"))
    if not abstract_syntax or not transfer_syntaxes:
        raise BadAssociate("a presentation context without abstract or transfer syntax")
    return abstract_syntax, tuple(transfer_syntaxes)


SHORT_CONTEXT_BYTES = 1024
_read_context_again = lru_cache(maxsize=1024)(_read_context)
"""Consoles propose the same contexts each time: most of the time of an association (measured)."""


def _user_information(item: memoryview, user: dict[str, object], roles: dict[str, Role]) -> None:
    for kind, value in _items(item, "the user information"):
        if kind == 0x51 and len(value) == 4:
            user["maximum_length"] = int.from_bytes(value, "big")
        elif kind == 0x52:
            user["implementation_class_uid"] = bytes(value[:64]).rstrip(b"\0 ").decode("ascii", "replace")
        elif kind == 0x53 and len(value) == 4:
            user["asynchronous"] = struct.unpack(">HH", value)
        elif kind == 0x54 and len(value) >= 4:
            length = int.from_bytes(value[:2], "big")
            if len(value) != length + 4 or len(roles) >= 256:
                raise BadAssociate("a role selection item is not well formed")
            roles[_uid(value[2 : 2 + length], "SOP Class of a role")] = Role(bool(value[-2]), bool(value[-1]))
        elif kind == 0x55:
            user["implementation_version_name"] = bytes(value[:16]).decode("ascii", "replace").strip(" \0")
        elif kind == 0x58:
            user["user_identity"] = _user_identity(value)


def _user_identity(value: memoryview) -> UserIdentity:
    if len(value) < 6:
        raise BadAssociate("a user identity item is not well formed")
    first = int.from_bytes(value[2:4], "big")
    second_at = 4 + first
    if second_at + 2 > len(value):
        raise BadAssociate("a user identity item is not well formed")
    second = int.from_bytes(value[second_at : second_at + 2], "big")
    if second_at + 2 + second > len(value):
        raise BadAssociate("a user identity item is not well formed")
    return UserIdentity(
        value[0], bool(value[1]), bytes(value[4:second_at]), bytes(value[second_at + 2 : second_at + 2 + second])
    )


def _item(kind: int, value: bytes) -> bytes:
    return _ITEM.pack(kind, len(value)) + value


def encode_accept(
    request_body: bytes | bytearray,
    results: Sequence[ContextResult],
    *,
    maximum_length: int,
    implementation_class_uid: str,
    implementation_version_name: str,
    roles: dict[str, Role],
    asynchronous: bool,
    identity_response: bool,
) -> bytes:
    """An A-ASSOCIATE-AC (PS3.8 §9.3.3). The AE titles are sent back as they came (reserved, not tested)."""
    contexts = b"".join(
        _item(
            0x21,
            bytes((one.context_id, 0, one.result, 0))
            + _item(0x40, (one.transfer_syntax or "1.2.840.10008.1.2").encode()),
        )
        for one in results
    )
    user = _item(0x51, maximum_length.to_bytes(4, "big")) + _item(0x52, implementation_class_uid.encode())
    if asynchronous:
        user += _item(0x53, struct.pack(">HH", 1, 1))
    for uid, role in roles.items():
        user += _item(0x54, struct.pack(">H", len(uid)) + uid.encode() + bytes((role.scu, role.scp)))
    user += _item(0x55, implementation_version_name.encode())
    if identity_response:
        user += _item(0x59, struct.pack(">H", 0))
    body = (
        struct.pack(">HH", 1, 0)
        + bytes(request_body[4:68])
        + _item(0x10, APPLICATION_CONTEXT.encode())
        + contexts
        + _item(0x50, user)
    )
    return _PDU.pack(A_ASSOCIATE_AC, len(body)) + body


def encode_reject(result: int, source: int, reason: int) -> bytes:
    """An A-ASSOCIATE-RJ (PS3.8 §9.3.4)."""
    return _PDU.pack(A_ASSOCIATE_RJ, 4) + bytes((0, result, source, reason))


def encode_abort(source: int, reason: int) -> bytes:
    """An A-ABORT (PS3.8 §9.3.8): source 0 service user, 2 service provider."""
    return _PDU.pack(A_ABORT, 4) + bytes((0, 0, source, reason))


RELEASE_RESPONSE = _PDU.pack(A_RELEASE_RP, 4) + bytes(4)


SHORT_BYTES = 1024
"""Of a P-DATA-TF's variable field: nearly every peer takes more, and nearly every command set is shorter."""


def encode_data(context_id: int, control: int, data: bytes, maximum_length: int) -> list[bytes]:
    """P-DATA-TF PDUs of one command set or data set (PS3.8 §9.3.5, Annex E).

    Args:
        context_id: presentation context.
        control: 1 for a command set, 0 for a data set; the last fragment's bit is added.
        data: what is sent.
        maximum_length: of the PDU's variable field, as the peer announced it; 0 = no limit.
    """
    if len(data) <= SHORT_BYTES - 6 and not 0 < maximum_length < SHORT_BYTES:  # nearly every command set
        return [_data_pdu(context_id, control | 2, data)]
    most = max(1, min(maximum_length or len(data) + 6, 128 * 1024) - 6)
    if most > 1:
        most &= ~1
    if len(data) <= most:
        return [_data_pdu(context_id, control | 2, data)]
    last = (len(data) - 1) // most * most
    pdus = [_data_pdu(context_id, control, data[start : start + most]) for start in range(0, last, most)]
    return [*pdus, _data_pdu(context_id, control | 2, data[last:])]


def _data_pdu(context_id: int, control: int, fragment: bytes) -> bytes:
    return _DATA.pack(P_DATA_TF, len(fragment) + 6, len(fragment) + 2, context_id, control) + fragment
