"""One pass over an instance's header, on the way of every C-STORE (PS3.3 §F.5 says what is needed of it).

`scan_header` walks the data set up to the last element that a directory record of its class may need, takes those
elements and passes over the rest, pixel data never touched. What it took is kept beside the instance as its *directory
keys*: a small Explicit VR Little Endian data set from which a DICOMDIR is written without opening the file again.
Some keys stand for more than one place in an instance: Verification DateTime is the latest of the verifying
observers, and position, orientation and spacing come from the shared functional groups where the top level has none.
"""

from __future__ import annotations

import mmap
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache, lru_cache
from typing import TypeAlias

from .character_sets import decode, terms
from .elements import (
    EXPLICIT_LE,
    IMPLICIT_LE,
    ITEM,
    LONG_VRS,
    MAX_ELEMENTS,
    SEQUENCE_END,
    SHORT_VRS,
    STRUCTS,
    UNDEFINED,
    Budget,
    Buffer,
    Item,
    NeedMore,
    Syntax,
    Unparsable,
    encode_item,
    is_long,
    little_endian,
    parse_item,
    parse_sequence,
    read_header,
    skip_undefined,
    syntax_of,
)
from .layouts import Layouts
from .records import (
    BLENDING_SEQUENCE,
    CONTENT_SEQUENCE,
    IMAGE_ORIENTATION,
    IMAGE_POSITION,
    INSTANCE_NUMBER,
    ISSUER_OF_PATIENT_ID,
    MODALITY,
    NOT_FOR_PATIENTS,
    PATIENT_BIRTH_DATE,
    PATIENT_ID,
    PATIENT_NAME,
    PIXEL_SPACING,
    REFERENCED_SERIES_SEQUENCE,
    SERIES_INSTANCE_UID,
    SERIES_NUMBER,
    SHARED_FUNCTIONAL_GROUPS_SEQUENCE,
    SOP_CLASS_UID,
    SOP_INSTANCE_UID,
    SPECIFIC_CHARACTER_SET,
    STUDY_INSTANCE_UID,
    VERIFICATION_DATETIME,
    VERIFYING_OBSERVER_SEQUENCE,
    record_type,
    wanted,
)
from .runs import Found, Run, Runs, Walked

__all__ = [
    "InstanceHeader",
    "MissingIdentity",
    "NeedMore",
    "Unparsable",
    "check_fragments",
    "check_rest",
    "scan_header",
]

DEFLATED = "1.2.840.10008.1.2.1.99"
MAX_INFLATED_BYTES = 16 * 1024 * 1024
"""A deflated header is inflated this far and no further: 713 KB can hold 1.5 GB."""
MAX_VALUE_BYTES = 16 * 1024
"""A longer text or number is none that a directory can hold; it is passed over."""
MAX_SEQUENCE_BYTES = 1024 * 1024
"""A longer sequence is passed over too: about 8,000 references of one presentation state."""
UID_MAX_BYTES = 64
RELATIONSHIP_TYPE = 0x0040A010
TRUNCATED = "the data set ends in the middle of an element"

DataSetBytes: TypeAlias = "bytes | bytearray | memoryview | mmap.mmap"


class MissingIdentity(Unparsable):
    """An instance that names no study or no series belongs nowhere."""


@dataclass(slots=True, unsafe_hash=True)
class InstanceHeader:
    """What the header of one instance says; texts are decoded and stripped, "" where there is none.

    Nobody changes one. It is not frozen as each C-STORE makes one, in twice the time if it were.
    """

    sop_class_uid: str
    sop_instance_uid: str
    study_instance_uid: str
    series_instance_uid: str
    patient_id: str
    issuer: str
    patient_name: str
    patient_birth_date: str
    modality: str
    series_number: str
    instance_number: str
    keys: bytes
    """The directory keys: an Explicit VR Little Endian data set, tags ascending, sequences of defined length."""
    read_bytes: int = field(default=0, compare=False)
    """How far the data set was read: where the first element begins that was not looked at. See `check_rest`."""


def scan_header(data: DataSetBytes, transfer_syntax_uid: str, *, complete: bool = True) -> InstanceHeader:
    """Read what planning and the directory need of one instance.

    Args:
        data: the data set, without preamble and File Meta Information, or its first part.
        complete: False if `data` is a first part only: then bytes that end between two elements are no end.

    Raises:
        NeedMore: the bytes end before all is found; nothing more can be said of a first part.
        MissingIdentity: no Study or Series Instance UID.
        Unparsable: anything else that keeps this from being an instance; the text says what.
    """
    if transfer_syntax_uid == DEFLATED:
        inflater = zlib.decompressobj(-zlib.MAX_WBITS)
        try:
            data = inflater.decompress(bytes(data), MAX_INFLATED_BYTES)
        except zlib.error:
            raise Unparsable("the data set is not deflated as its transfer syntax says") from None
        complete = complete and inflater.eof
    buffer: Buffer = data if isinstance(data, bytes) else memoryview(data)
    syntax = syntax_of(transfer_syntax_uid)
    try:
        if isinstance(buffer, memoryview) and len(buffer) <= 128 * 1024:
            buffer = bytes(buffer)  # slices of bytes are twice as fast
        trail: tuple[Run, ...] | None = None
        if isinstance(buffer, bytes) and syntax.little_endian:
            start = _runs(syntax, "")
            trail = start.follow(buffer, 0)
            layout = _layouts.of(trail, buffer, start)
            if layout is not None:
                head = buffer[: layout.size] + layout.added
                keys = b"".join(layout.keys(head))
                return InstanceHeader(*_said(layout.shared(head), layout.own(head), _of_series), keys, layout.size)
        return _header(*_walk(buffer, syntax, complete, trail))
    finally:
        if isinstance(buffer, memoryview):
            buffer.release()  # a mapped file can be closed even while an exception still holds this frame


def _walk(data: Buffer, syntax: Syntax, complete: bool, trail: tuple[Run, ...] | None) -> tuple[Found, int]:
    """The wanted elements of the top level, and where the walk ended.

    Args:
        trail: the runs at the beginning of the data set; None: neither follow runs nor learn any.
    """
    structs = STRUCTS[syntax.order]
    explicit = syntax.explicit
    short = structs.tag_vr_length.unpack_from if explicit else structs.tag_length.unpack_from
    long = structs.long_length.unpack_from
    runs = _runs(syntax, "")
    found = Found()
    budget = Budget()
    position, end = 0, len(data)
    last_header = end - 8
    vr = b""
    above = 0
    followed = False
    walked: list[Walked] = []
    for _ in range(MAX_ELEMENTS):
        for run in trail or ():
            if run.first <= above:
                return _walk(data, syntax, complete, None)
            above = max(above, run.last)
            found.take(run, data, position)  # type: ignore[arg-type]
            position += run.size
            followed = True
            if run.then is not None:
                runs.learn(data, walked)  # type: ignore[arg-type]
                runs, walked = run.then, []
        if position > last_header:
            break
        if explicit:
            group, element, vr, length = short(data, position)
        else:
            group, element, length = short(data, position)
        tag = group << 16 | element
        if tag > runs.last:
            if trail is not None:
                runs.learn(data, walked)  # type: ignore[arg-type]
            return found, position
        began = position
        position += 8
        if explicit and vr not in SHORT_VRS:
            if vr not in LONG_VRS:
                if group == 0xFFFE:
                    raise Unparsable("an item stands outside of any sequence")
                is_long(vr)
            if position + 4 > end:
                raise NeedMore(TRUNCATED)
            (length,) = long(data, position)
            position += 4
        header_bytes = position - began
        if tag in runs.wants:
            if tag <= above and trail is not None:
                if followed:
                    return _walk(data, syntax, complete, None)
                trail, walked = None, []
            above = tag
            value_vr = runs.wants[tag]
            position = _take(found.item, data, position, length, tag, vr or value_vr, value_vr, syntax, budget)
            plain = length <= MAX_VALUE_BYTES and value_vr != b"SQ" and vr != b"SQ" and tag != VERIFICATION_DATETIME
            if tag == SOP_CLASS_UID:
                then = _runs(syntax, record_type(_uid(found.value(tag), "SOP Class UID")))
                if trail is not None:
                    if plain:
                        walked.append(Walked(began, header_bytes, length, tag, value_vr, then=then))
                    runs.learn(data, walked)  # type: ignore[arg-type]
                runs, walked = then, []
            elif plain:
                walked.append(Walked(began, header_bytes, length, tag, value_vr))
            elif trail is not None and value_vr == b"SQ" and position - began <= WHOLE_BYTES and tag not in _REDUCTIONS:
                written = encode_item({tag: found.item[tag]}) if tag in found.item else b""
                walked.append(Walked(began, header_bytes, position - began - header_bytes, tag, None, written))
        elif length != UNDEFINED:
            walked.append(Walked(began, header_bytes, length, tag, None))
            position += length
        else:
            inner = IMPLICIT_LE if vr == b"UN" else syntax
            position = skip_undefined(data, position, end, inner, budget)
            if position - began <= WHOLE_BYTES:
                walked.append(Walked(began, header_bytes, position - began - header_bytes, tag, None, b""))
        if position > end:
            raise NeedMore(TRUNCATED)
        if trail is not None:
            trail = runs.follow(data, position)  # type: ignore[arg-type]
    else:
        raise Unparsable("the data set has too many elements")
    if position != end or not complete:
        raise NeedMore(TRUNCATED)
    return found, position


WHOLE_BYTES = 1024
"""A sequence that is longer is parsed or passed over each time: what is kept of one is more than its structure."""


LOOKED_AT = frozenset(
    {
        SPECIFIC_CHARACTER_SET,
        SOP_CLASS_UID,
        SOP_INSTANCE_UID,
        MODALITY,
        PATIENT_NAME,
        PATIENT_ID,
        ISSUER_OF_PATIENT_ID,
        PATIENT_BIRTH_DATE,
        STUDY_INSTANCE_UID,
        SERIES_INSTANCE_UID,
        SERIES_NUMBER,
        INSTANCE_NUMBER,
        IMAGE_POSITION,
        IMAGE_ORIENTATION,
        PIXEL_SPACING,
        VERIFICATION_DATETIME,
    }
)
"""What `_header` and the reductions ask for or put among the others. (Verification DateTime, which the observers stand
for and which no data set should have itself, is in no run.)"""


@cache
def _runs(syntax: Syntax, record: str) -> Runs:
    """What was seen in this encoding, up to the SOP Class UID or, with it, after it: it says what is wanted."""
    wants = wanted(record or "IMAGE")
    return Runs(LOOKED_AT, wants, max(wants) if record else 0xFFFFFFFF)


MAX_REST = 1000
"""Elements looked at behind the last that a directory needs; there are less than a hundred in any real data set."""


def check_rest(read: Callable[[int, int], bytes], position: int, size: int, transfer_syntax_uid: str) -> None:
    """Look whether the elements behind the header are all there, without reading their values.

    Where the first of them has no defined length (encapsulated pixel data), nothing is said: a missing delimiter at the
    end is common in the field, and harms nobody.

    Args:
        read: (position, size) → bytes of the data set.
        position: `InstanceHeader.read_bytes`.
        size: bytes of the whole data set.
        transfer_syntax_uid: its encoding.

    Raises:
        NeedMore: a value is longer than what is there.
        Unparsable: these are no elements.
    """
    if transfer_syntax_uid == DEFLATED:
        return
    syntax = syntax_of(transfer_syntax_uid)
    for _ in range(MAX_REST):
        head = read(position, 12)
        if len(head) < 8:
            return  # the end, or a few bytes of padding
        if syntax is EXPLICIT_LE and head[:8] in PIXEL_DATA and len(head) == 12:
            header_bytes, length = 12, int.from_bytes(head[8:], "little")
        elif not syntax.explicit:  # whose dictionary would be asked for a VR that nobody wants
            header_bytes, length = 8, int.from_bytes(head[4:8], "little")
        else:
            _, _, header_bytes, length = read_header(head, 0, len(head), syntax)
        if length == UNDEFINED:
            return
        position += header_bytes + length
        if position > size:
            raise NeedMore(TRUNCATED)
        if position > size - 8:
            return  # the end, too


def check_fragments(read: Callable[[int, int], bytes], position: int, size: int, transfer_syntax_uid: str) -> None:
    """Look whether encapsulated pixel data behind the header are whole, without reading the fragments (PS3.5 §A.4).

    Args: as of `check_rest`, which says nothing of them.

    Raises:
        NeedMore: a fragment is longer than what is there, or the Sequence Delimitation Item is missing.
        Unparsable: something else stands among the fragments.
    """
    if transfer_syntax_uid == DEFLATED or syntax_of(transfer_syntax_uid) is not EXPLICIT_LE:
        return
    for _ in range(MAX_REST):
        head = read(position, 12)
        if len(head) < 8:
            return
        tag, _, header_bytes, length = read_header(head, 0, len(head), EXPLICIT_LE)
        position += header_bytes
        if length == UNDEFINED:
            break
        position += length
    else:
        return
    if tag != 0x7FE00010:
        return  # a sequence, which nothing has looked into
    for _ in range(MAX_ELEMENTS):
        head = read(position, 8)
        if len(head) < 8:
            raise NeedMore("its pixel data are not ended by a Sequence Delimitation Item")
        tag, _, _, length = read_header(head, 0, 8, EXPLICIT_LE)
        if tag == SEQUENCE_END:
            return
        if tag != ITEM:
            raise Unparsable("something that is no fragment stands among those of its pixel data")
        position += 8 + length
        if position > size:
            raise NeedMore("its pixel data end in the middle of a fragment")


PIXEL_DATA = (b"\xe0\x7f\x10\0OW\0\0", b"\xe0\x7f\x10\0OB\0\0")
"""The element that nearly always comes next, in Explicit VR Little Endian: its header up to the length."""


def _take(
    found: Item,
    data: Buffer,
    position: int,
    length: int,
    tag: int,
    vr: bytes,
    wanted_vr: bytes,
    syntax: Syntax,
    budget: Budget,
) -> int:
    """Put one wanted element into `found`; where it ends. The VR is the dictionary's: peers write UN or worse."""
    if wanted_vr == b"SQ" or length == UNDEFINED:
        inner = IMPLICIT_LE if vr == b"UN" and syntax.explicit else syntax
        read = _concept_modifiers if tag == CONTENT_SEQUENCE else parse_sequence
        items, stop = read(data, position, length, len(data), inner, budget)
        if wanted_vr == b"SQ" and items and (tag in _REDUCTIONS or stop - position <= MAX_SEQUENCE_BYTES):
            found[tag] = (b"SQ", items)
        return stop
    stop = position + length
    if stop > len(data):
        raise NeedMore(TRUNCATED)
    if length <= MAX_VALUE_BYTES and vr != b"SQ":
        value = bytes(data[position:stop])
        found[tag] = (wanted_vr, value if syntax.little_endian else little_endian(wanted_vr, value))
    return stop


def _concept_modifiers(
    data: Buffer, position: int, length: int, end: int, syntax: Syntax, budget: Budget
) -> tuple[list[Item], int]:
    """Of a document's content tree: all and only the HAS CONCEPT MOD items of the root (PS3.3 F.5.25), and its end.

    The other items, which are the document, are passed over unread.
    """
    if length != UNDEFINED:
        end = min(end, position + length)
    kept: list[Item] = []
    while length == UNDEFINED or position < end:
        budget.spend()
        tag, _, start, item_length = read_header(data, position, end, syntax)
        if tag == SEQUENCE_END:
            return kept, start
        if tag != ITEM:
            raise Unparsable("a sequence holds something that is not an item")
        stop = start + item_length if item_length != UNDEFINED else end
        if stop > end:
            raise NeedMore(TRUNCATED)
        if _modifies_concept(data, start, stop, syntax):
            item, position = parse_item(data, start, item_length, end, syntax, budget)
            kept.append(item)
        elif item_length == UNDEFINED:
            position = skip_undefined(data, start, end, syntax, budget, inside_item=True)
        else:
            position = stop
    return kept, position


def _modifies_concept(data: Buffer, position: int, end: int, syntax: Syntax) -> bool:
    """True if Relationship Type (0040,A010) is HAS CONCEPT MOD; it is an item's first element or close to it."""
    for _ in range(8):
        if position >= end:
            break
        tag, _, start, length = read_header(data, position, end, syntax)
        if tag == RELATIONSHIP_TYPE:
            return length < 32 and bytes(data[start : start + length]).strip(b"\0 ") == b"HAS CONCEPT MOD"
        if tag > RELATIONSHIP_TYPE or length == UNDEFINED:
            break
        position = start + length
    return False


_SHARED_VALUES = {
    SPECIFIC_CHARACTER_SET: b"CS",
    SOP_CLASS_UID: b"UI",
    STUDY_INSTANCE_UID: b"UI",
    SERIES_INSTANCE_UID: b"UI",
    PATIENT_ID: b"LO",
    ISSUER_OF_PATIENT_ID: b"LO",
    PATIENT_NAME: b"PN",
    PATIENT_BIRTH_DATE: b"DA",
    MODALITY: b"CS",
    SERIES_NUMBER: b"IS",
}
"""What the instances of a series share: the character set, UIDs, and texts that are in the set."""
_OWN_VALUES = (SOP_INSTANCE_UID, INSTANCE_NUMBER)
SHORT_VALUES_BYTES = 1024
"""Longer shared values are not remembered."""

_layouts = Layouts(tuple(_SHARED_VALUES), _OWN_VALUES, SHORT_VALUES_BYTES)


def _header(found: Found, read_bytes: int) -> InstanceHeader:
    _uid(found.value(SOP_CLASS_UID), "SOP Class UID")
    shared = tuple(map(found.value, _SHARED_VALUES))
    own = tuple(map(found.value, _OWN_VALUES))
    of_series = _of_series if sum(map(len, shared)) <= SHORT_VALUES_BYTES else _read_of_series
    return InstanceHeader(*_said(shared, own, of_series), _directory_keys(found).written(), read_bytes)


def _said(
    shared: tuple[bytes, ...], own: tuple[bytes, ...], of_series: Callable[[tuple[bytes, ...]], _OfSeries]
) -> tuple[str, str, str, str, str, str, str, str, str, str, str]:
    """The texts of an `InstanceHeader`, in the order of its fields."""
    sop_instance_uid = _uid(own[0], "SOP Instance UID")
    charset, sop_class_uid, texts = of_series(shared)
    return sop_class_uid, sop_instance_uid, *texts, decode(own[1], charset, b"IS")


_OfSeries: TypeAlias = "tuple[tuple[str, ...], str, tuple[str, str, str, str, str, str, str, str]]"
"""The character set, the SOP Class UID, and the other texts, in the order of the fields of `InstanceHeader`."""


def _read_of_series(values: tuple[bytes, ...]) -> _OfSeries:
    charset, sop_class, study, series, *texts = values
    sop_class_uid = _uid(sop_class, "SOP Class UID")
    optional = record_type(sop_class_uid) in NOT_FOR_PATIENTS
    missing = Unparsable if optional else MissingIdentity
    study_instance_uid = _uid(study, "Study Instance UID", missing, optional)
    series_instance_uid = _uid(series, "Series Instance UID", missing, optional)
    names = terms(charset)
    vrs = tuple(_SHARED_VALUES.values())[4:]
    patient_id, issuer, name, birth_date, modality, number = (
        decode(value, names, vr) for value, vr in zip(texts, vrs, strict=True)
    )
    uids_and_texts = study_instance_uid, series_instance_uid, patient_id, issuer, name, birth_date, modality, number
    return names, sop_class_uid, uids_and_texts


_of_series = lru_cache(maxsize=256)(_read_of_series)


def _uid(raw: bytes, name: str, missing: type[Unparsable] = Unparsable, optional: bool = False) -> str:
    """A UID that may go into an index and a directory (PS3.5 §9.1; leading zeros of components are let pass)."""
    value = raw.strip(b"\0 ")
    if len(value) > UID_MAX_BYTES or value.translate(None, b"0123456789."):
        raise Unparsable(f"the {name} of the data set is not a UID")
    if not value and not optional:
        raise missing(f"the data set has no {name}")
    return value.decode("ascii")


def _bytes(item: Item, tag: int) -> bytes:
    entry = item.get(tag)
    return entry[1] if entry and isinstance(entry[1], bytes) else b""


def _directory_keys(found: Found) -> Found:
    """`found` with its sequences brought to what a record holds of them."""
    for tag, reduce in _REDUCTIONS.items():
        entry = found.item.pop(tag, None)
        if entry is not None and not isinstance(entry[1], bytes):
            reduce(found, entry[1])
    return found


def _latest_verification(found: Found, items: list[Item]) -> None:
    """PS3.3 F.5.25: the most recent verification, where the document is verified."""
    times = [_bytes(item, VERIFICATION_DATETIME).strip(b"\0 ") for item in items]
    if any(times):
        found.item[VERIFICATION_DATETIME] = (b"DT", max(times))


def _blending(found: Found, items: list[Item]) -> None:
    """PS3.3 F.5.23: of each of the two blended sets, its study and its references."""
    kept = [
        {tag: item[tag] for tag in (REFERENCED_SERIES_SEQUENCE, STUDY_INSTANCE_UID) if tag in item} for item in items
    ]
    found.item[BLENDING_SEQUENCE] = (b"SQ", kept[:2])


_SHARED = {  # tag at the top level → the shared macro that holds it (PS3.3 §C.7.6.16.2)
    IMAGE_POSITION: 0x00209113,
    IMAGE_ORIENTATION: 0x00209116,
    PIXEL_SPACING: 0x00289110,
}


def _shared_groups(found: Found, items: list[Item]) -> None:
    """PS3.11 H.3-2: position, orientation and spacing also where they are shared by all frames."""
    for tag, macro in _SHARED.items():
        if tag not in found.item and tag not in found.values and items and macro in items[0]:
            inner = items[0][macro][1]
            if not isinstance(inner, bytes) and inner and tag in inner[0]:
                found.item[tag] = inner[0][tag]


_REDUCTIONS = {
    VERIFYING_OBSERVER_SEQUENCE: _latest_verification,
    BLENDING_SEQUENCE: _blending,
    SHARED_FUNCTIONAL_GROUPS_SEQUENCE: _shared_groups,
}
