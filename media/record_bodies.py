"""The keys of one directory record, from the directory keys of an instance (PS3.3 §F.5).

All but a few instances take the short way: every value obeys its VR, all text is ASCII, nothing is missing, and the
record is the concatenation of a few elements. The others take the long way, where values are mended (`media.values`)
and supplied (`media.supply`) and text is brought into one character set; each such value is reported. The instance
itself is never touched.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from datetime import datetime

from . import records
from .character_sets import REPLACEMENT, decode, record_set, terms
from .elements import (
    EXPLICIT_LE,
    LONG_VRS,
    TEXT_VRS,
    Budget,
    Item,
    Unparsable,
    encode_element,
    encode_items,
    parse_sequence,
)
from .records import Key, KeyTable, record_keys
from .supply import RULES, Context, Supplied
from .values import GOOD, Mended, mend, mend_text

_MANY_NAMES = frozenset({0x00081050})
"""Text keys with more than one value: Performing Physician's Name."""
_ABOUT_THE_PATIENT = frozenset({records.PATIENT_ID, records.PATIENT_NAME, records.PATIENT_BIRTH_DATE})
"""Keys whose mended values are not shown in reports."""

_BINARY = frozenset({b"UL", b"US"})


def parse_keys(keys: bytes) -> dict[int, bytes]:
    """The values of directory keys by tag, sequences as they are encoded.

    Raises:
        Unparsable: these bytes are no directory keys.
    """
    found: dict[int, bytes] = {}
    header, length_of = struct.Struct("<HH2sH").unpack_from, struct.Struct("<L").unpack_from
    position, end = 0, len(keys)
    try:
        while position < end:
            group, element, vr, length = header(keys, position)
            position += 8
            if vr in LONG_VRS:
                (length,) = length_of(keys, position)
                position += 4
            found[group << 16 | element] = keys[position : position + length]
            position += length
    except struct.error:
        position = -1
    if position != end:
        raise Unparsable("damaged directory keys")
    return found


class RecordBodies:
    """Makes the keys of records and keeps account of every value that is not an instance's own.

    Args:
        now: for dates that nothing else supplies.
        key_table: the table of PS3.11 that the profile of the medium names.
    """

    def __init__(self, now: datetime, key_table: KeyTable) -> None:
        self.supplied: list[Supplied] = []
        self._now = now
        self._keys = {record: record_keys(record, key_table) for record in records.RECORD_KEYS}

    def body(self, record: str, source: Mapping[int, bytes], file_id: tuple[str, ...], position: int) -> bytes:
        """The keys of one record. All but a few instances take the short way: every value good, all text ASCII."""
        parts = []
        for key in self._keys[record]:
            value = source.get(key.tag, b"")
            if key.vr == b"SQ":
                if value and not _ascii_sequence(value):
                    return self._mended_body(record, source, file_id, position)
            else:
                value = value if key.vr in _BINARY else value.rstrip(b"\0 ").lstrip(b" ")
                if value and not GOOD[key.vr](value):
                    return self._mended_body(record, source, file_id, position)
            if value or key.type == "2":
                parts.append(encode_element(key.tag, key.vr, value))
            elif key.type == "1":
                return self._mended_body(record, source, file_id, position)
        return b"".join(parts)

    def _mended_body(self, record: str, source: Mapping[int, bytes], file_id: tuple[str, ...], position: int) -> bytes:
        """The keys of one record, the long way: values mended and supplied, text in one character set."""
        where = where_of(record, file_id)
        charset = terms(source.get(records.SPECIFIC_CHARACTER_SET, b""))
        sop_class_uid = source.get(records.SOP_CLASS_UID, b"").rstrip(b"\0 ").decode("ascii", "replace")
        context = Context(source, position, sop_class_uid, self._now)
        item: Item = {}
        texts: dict[int, str] = {}
        for key in self._keys[record]:
            value = source.get(key.tag, b"")
            if key.vr == b"SQ":
                if value:
                    item[key.tag] = (b"SQ", parse_sequence(value, 0, len(value), len(value), EXPLICIT_LE, Budget())[0])
            elif key.vr in _BINARY:
                if value and GOOD[key.vr](value):
                    item[key.tag] = (key.vr, value)
            elif key.vr in TEXT_VRS:
                mended = self._mended(key, decode(value, charset, key.vr), where, charset)
                if mended:
                    texts[key.tag] = mended
            else:
                plain = value.strip(b"\0 ")
                if plain and not GOOD[key.vr](plain):
                    mended_value = mend(key.vr, plain)
                    self._report(key, where, mended_value)
                    plain = mended_value.value.encode("ascii", "replace")
                if plain:
                    item[key.tag] = (key.vr, plain)
            if key.tag not in item and key.tag not in texts:
                self._supply(key, context, where, item)
        return _encode(item, texts, charset, {key.tag: key.vr for key in self._keys[record]})

    def _mended(self, key: Key, text: str, where: str, charset: tuple[str, ...]) -> str:
        if REPLACEMENT in text:
            rule = "bytes that its character set does not have are replaced"
            self.supplied.append(Supplied(key.keyword, where, "", rule))
        elif not charset and not text.isascii():
            rule = "text beyond ASCII without a declared character set, read as it most likely was meant"
            self.supplied.append(Supplied(key.keyword, where, "", rule))
        mended = mend_text(key.vr, text, key.tag in _MANY_NAMES)
        self._report(key, where, mended)
        return mended.value

    def _report(self, key: Key, where: str, mended: Mended) -> None:
        if mended.rule:
            shown = "" if key.tag in _ABOUT_THE_PATIENT else mended.value
            self.supplied.append(Supplied(key.keyword, where, shown, mended.rule))

    def _supply(self, key: Key, context: Context, where: str, item: Item) -> None:
        if key.type == "2":
            item[key.tag] = (key.vr, b"" if key.vr != b"SQ" else [])
        elif key.type == "1":
            if key.tag not in RULES:
                self.supplied.append(Supplied(key.keyword, where, "", "left out: the instance does not have it"))
                return
            value, rule = RULES[key.tag](context)
            if key.vr == b"SQ":
                item[key.tag] = (b"SQ", parse_sequence(value, 0, len(value), len(value), EXPLICIT_LE, Budget())[0])
                shown = "18748-4, LN, Diagnostic imaging study"
            else:
                item[key.tag] = (key.vr, value)
                shown = str(int.from_bytes(value, "little")) if key.vr in _BINARY else value.decode("ascii")
            self.supplied.append(Supplied(key.keyword, where, shown, rule))


def where_of(record: str, file_id: tuple[str, ...]) -> str:
    return f"{record} of {'/'.join(file_id)}"


def text_of(source: Mapping[int, bytes], tag: int) -> str:
    value = source.get(tag, b"")
    if value.isascii() and b"\x1b" not in value:
        return value.decode("ascii").strip("\0 ")
    vr = b"PN" if tag == records.PATIENT_NAME else b"LO"
    return decode(value, terms(source.get(records.SPECIFIC_CHARACTER_SET, b"")), vr)


def _ascii_sequence(value: bytes) -> bool:
    """True if no text in a sequence needs a character set."""
    items, _ = parse_sequence(value, 0, len(value), len(value), EXPLICIT_LE, Budget())
    return all(text.isascii() and b"\x1b" not in text for text in _texts(items))


def _texts(items: list[Item]) -> list[bytes]:
    found: list[bytes] = []
    for item in items:
        for vr, value in item.values():
            if not isinstance(value, bytes):
                found += _texts(value)
            elif vr in TEXT_VRS:
                found.append(value)
    return found


def _encode(item: Item, texts: dict[int, str], charset: tuple[str, ...], vrs: Mapping[int, bytes]) -> bytes:
    """A record's keys, all text in one set that fits all of it, the set before them (PS3.3 §F.5: (0008,0005) is 1C)."""
    nested = [
        decode(text, charset) for _, value in item.values() if not isinstance(value, bytes) for text in _texts(value)
    ]
    term, codec = record_set(charset, [*texts.values(), *nested])
    parts = {tag: encode_element(tag, vrs[tag], text.encode(codec, "replace")) for tag, text in texts.items()}
    for tag, (vr, value) in item.items():
        content = value if isinstance(value, bytes) else encode_items(_recoded(value, charset, codec))
        parts[tag] = encode_element(tag, vr, content)
    if term:
        parts[records.SPECIFIC_CHARACTER_SET] = encode_element(
            records.SPECIFIC_CHARACTER_SET, b"CS", term.encode("ascii")
        )
    return b"".join(parts[tag] for tag in sorted(parts))


def _recoded(items: list[Item], charset: tuple[str, ...], codec: str) -> list[Item]:
    """Items with their text in another character set."""
    made: list[Item] = []
    for item in items:
        new: Item = {}
        for tag, (vr, value) in item.items():
            if not isinstance(value, bytes):
                new[tag] = (vr, _recoded(value, charset, codec))
            elif vr in TEXT_VRS:
                new[tag] = (vr, decode(value, charset, vr).encode(codec, "replace"))
            else:
                new[tag] = (vr, value)
        made.append(new)
    return made
