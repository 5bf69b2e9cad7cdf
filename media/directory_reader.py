"""Reading a DICOMDIR, however it was written (PS3.3 Annex F).

Directories in the field have all offsets shifted by the same amount, no offsets at all, undefined lengths, Implicit
VR, no PATIENT record, lower-case File IDs, and links that lead in circles. The records themselves stand in the file
one after another whatever the links say, so they are read in that order first; then the links are followed as far as
they make sense, and what no link reaches is placed by its record type. Nothing here recurses over records: a
directory may have hundreds of thousands.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

from .character_sets import decode, terms
from .elements import (
    EXPLICIT_BE,
    EXPLICIT_LE,
    IMPLICIT_LE,
    ITEM,
    SEQUENCE_END,
    UNDEFINED,
    Budget,
    Buffer,
    Item,
    Syntax,
    Unparsable,
    little_endian,
    parse_item,
    parse_sequence,
    read_header,
    skip_undefined,
    syntax_of,
)
from .records import MEDIA_STORAGE_DIRECTORY, ROOT_LEVEL, SPECIFIC_CHARACTER_SET

MAX_DIRECTORY_BYTES = 512 * 1024 * 1024
MAX_DIRECTORY_ELEMENTS = 20_000_000
MAX_LEVELS = 8
"""Records deeper than this hang on no chain of links that is followed; real directories have four levels."""
EXPLICIT_UID = "1.2.840.10008.1.2.1"

_LEVEL = {"PATIENT": 0, "STUDY": 1, "SERIES": 2} | dict.fromkeys(ROOT_LEVEL, 0)
_LEAF_LEVEL = 3
EXPECTED_PARENT = {1: "PATIENT", 2: "STUDY", 3: "SERIES"}
"""Level of a record → the record type that stands above it (PS3.3 table F.4-1)."""


@dataclass(slots=True, eq=False)
class DirectoryRecord:
    """One record, as it stands in the file."""

    record_type: str
    """In upper case."""
    offset: int
    """Of its item tag, in bytes from the first byte of the file."""
    elements: Item = field(repr=False)
    children: list[DirectoryRecord] = field(default_factory=list, repr=False)

    @property
    def charset(self) -> tuple[str, ...]:
        return terms(self.value(SPECIFIC_CHARACTER_SET))

    @property
    def level(self) -> int:
        """0 for PATIENT and what else may stand at the root, 1 STUDY, 2 SERIES, 3 for what refers to an instance."""
        return _LEVEL.get(self.record_type, _LEAF_LEVEL)

    def value(self, tag: int) -> bytes:
        """The bytes of a value, in little endian; b"" if it is absent or a sequence."""
        entry = self.elements.get(tag)
        return entry[1] if entry is not None and isinstance(entry[1], bytes) else b""

    def text(self, tag: int) -> str:
        """A value as text, without padding."""
        entry = self.elements.get(tag)
        return decode(entry[1], self.charset, entry[0]) if entry and isinstance(entry[1], bytes) else ""

    def number(self, tag: int) -> int | None:
        """A UL value; None if it is absent or not four bytes."""
        value = self.value(tag)
        return int(struct.unpack("<L", value)[0]) if len(value) == 4 else None

    @property
    def file_id(self) -> tuple[str, ...]:
        """Components of (0004,1500) as they stand there; () if the record refers to no file."""
        text = self.value(0x00041500).decode("ascii", "replace").strip("\0 ")
        return tuple(part.strip() for part in text.split("\\")) if text else ()

    @property
    def sop_class_uid(self) -> str:
        return self.text(0x00041510)

    @property
    def sop_instance_uid(self) -> str:
        return self.text(0x00041511)

    @property
    def transfer_syntax_uid(self) -> str:
        return self.text(0x00041512)


@dataclass(slots=True, eq=False)
class DirectoryTree:
    """A DICOMDIR as read."""

    file_set_id: str
    file_set_uid: str
    transfer_syntax_uid: str
    roots: list[DirectoryRecord] = field(repr=False)
    records: list[DirectoryRecord] = field(repr=False)
    """Every record in the order of the file."""
    problems: tuple[str, ...] = ()
    """What had to be read past, in plain words."""

    def walk(self) -> Iterator[tuple[DirectoryRecord, tuple[DirectoryRecord, ...]]]:
        """Every record with those above it, depth first."""
        waiting: list[tuple[DirectoryRecord, tuple[DirectoryRecord, ...]]] = [(root, ()) for root in self.roots[::-1]]
        while waiting:
            record, above = waiting.pop()
            yield record, above
            waiting += [(child, (*above, record)) for child in record.children[::-1]]

    def references(self) -> Iterator[tuple[DirectoryRecord, tuple[DirectoryRecord, ...]]]:
        """The records that refer to a file, with those above them."""
        return ((record, above) for record, above in self.walk() if record.file_id)


def read_dicomdir(data: Buffer) -> DirectoryTree:
    """Read a DICOMDIR.

    Raises:
        Unparsable: this is no directory, or nothing of it can be read.
    """
    if len(data) > MAX_DIRECTORY_BYTES:
        raise Unparsable("the DICOMDIR is larger than any real one")
    problems: list[str] = []
    start, meta = _file_meta(data, problems)
    transfer_syntax_uid = _plain(meta, 0x00020010)
    syntax = _syntax(data, start, transfer_syntax_uid, problems)
    head, records = _records(data, start, syntax, problems)
    if _plain(meta, 0x00020002) not in ("", MEDIA_STORAGE_DIRECTORY):
        problems.append("the SOP Class in its File Meta Information is not Media Storage Directory")
    roots = _Linker(records, problems).tree(_number(head, 0x00041200))
    return DirectoryTree(
        file_set_id=_plain(head, 0x00041130),
        file_set_uid=_plain(meta, 0x00020003),
        transfer_syntax_uid=transfer_syntax_uid,
        roots=roots,
        records=records,
        problems=tuple(problems),
    )


def _plain(item: Item, tag: int) -> str:
    entry = item.get(tag)
    return entry[1].decode("ascii", "replace").strip("\0 ") if entry and isinstance(entry[1], bytes) else ""


def _number(item: Item, tag: int) -> int | None:
    entry = item.get(tag)
    value = entry[1] if entry and isinstance(entry[1], bytes) else b""
    return int(struct.unpack("<L", value)[0]) if len(value) == 4 else None


def _file_meta(data: Buffer, problems: list[str]) -> tuple[int, Item]:
    """Where the data set begins, and the File Meta Information (PS3.10 §7.1)."""
    position = 132
    if bytes(data[128:132]) != b"DICM":
        problems.append("no preamble and DICM prefix (PS3.10 §7.1)")
        position = 4 if bytes(data[:4]) == b"DICM" else 0
    meta: Item = {}
    for _ in range(64):
        if bytes(data[position : position + 2]) != b"\2\0":
            break
        tag, vr, start, length = read_header(data, position, len(data), EXPLICIT_LE)
        if length == UNDEFINED or start + length > len(data):
            raise Unparsable("the File Meta Information is damaged")
        meta[tag] = (vr, bytes(data[start : start + length]))
        position = start + length
    return position, meta


def _syntax(data: Buffer, start: int, transfer_syntax_uid: str, problems: list[str]) -> Syntax:
    """How the data set is encoded, by its bytes; what it says of itself is only checked against them."""
    head = bytes(data[start : start + 6])
    if head[:2] == b"\0\4":
        found = EXPLICIT_BE
    elif head[4:6].isalpha() and head[4:6].isupper():
        found = EXPLICIT_LE
    else:
        found = IMPLICIT_LE
    if found != EXPLICIT_LE:
        problems.append("not in Explicit VR Little Endian, which a DICOMDIR must be (PS3.10 §8.6)")
    elif transfer_syntax_uid and (syntax_of(transfer_syntax_uid) != found or transfer_syntax_uid != EXPLICIT_UID):
        problems.append("its File Meta Information names another transfer syntax than Explicit VR Little Endian")
    return found


def _records(data: Buffer, start: int, syntax: Syntax, problems: list[str]) -> tuple[Item, list[DirectoryRecord]]:
    """The elements before the record sequence, and the records in the order of the file."""
    budget = Budget(MAX_DIRECTORY_ELEMENTS)
    head: Item = {}
    position, end = start, len(data)
    while position < end:
        budget.spend()
        tag, vr, value, length = read_header(data, position, end, syntax)
        if tag == 0x00041220:
            return head, _sequence(data, value, length, end, syntax, budget, problems)
        if vr == b"SQ":
            position = parse_sequence(data, value, length, end, syntax, budget)[1]
        elif length == UNDEFINED:
            position = skip_undefined(data, value, end, syntax, budget)
        else:
            position = value + length
            raw = bytes(data[value:position])
            head[tag] = (vr, raw if syntax.little_endian else little_endian(vr, raw))
    raise Unparsable("no Directory Record Sequence: this is not a DICOMDIR")


def _sequence(
    data: Buffer, position: int, length: int, end: int, syntax: Syntax, budget: Budget, problems: list[str]
) -> list[DirectoryRecord]:
    if length == UNDEFINED:
        problems.append("the record sequence has an undefined length")
    elif position + length > end:
        problems.append("the file ends before its record sequence does")
    else:
        end = position + length
    records: list[DirectoryRecord] = []
    while position < end:
        try:
            tag, _, start, item_length = read_header(data, position, end, syntax)
            if tag == SEQUENCE_END:
                break
            if tag != ITEM:
                raise Unparsable("something that is not a record stands among the records")
            item, following = parse_item(data, start, item_length, end, syntax, budget)
        except Unparsable as failure:
            problems.append(f"unreadable from byte {position} on: {failure}")
            break
        records.append(DirectoryRecord(_plain(item, 0x00041430).upper(), position, item))
        position = following
    return records


class _Linker:
    """Makes a tree of records by their offsets, and of the rest by their types."""

    def __init__(self, records: list[DirectoryRecord], problems: list[str]) -> None:
        self._records = records
        self._problems = problems
        self._at = {record.offset: record for record in records}
        self._placed: set[int] = set()
        self._shift = 0
        self._circles = 0

    def tree(self, first: int | None) -> list[DirectoryRecord]:
        if not self._records:
            return []
        shift = self._common_shift(first)
        self._shift = shift or 0
        roots: list[DirectoryRecord] = []
        waiting = [(roots, first or 0, 1)] if shift is not None else []
        while waiting:
            siblings, offset, depth = waiting.pop()
            for record in self._chain(offset):
                siblings.append(record)
                if depth < MAX_LEVELS:
                    waiting.append((record.children, record.number(0x00041420) or 0, depth + 1))
        self._place_the_rest(roots)
        return roots

    def _common_shift(self, first: int | None) -> int | None:
        """What to add to every offset: writers that rewrite the file meta leave all of them off by one amount.

        None where the offsets cannot be used at all.
        """
        offsets = [first] if first else []
        for record in self._records:
            offsets += [offset for tag in (0x00041400, 0x00041420) if (offset := record.number(tag))]
        wrong = [offset for offset in offsets if offset not in self._at]
        if not offsets:
            self._problems.append("no record links to another; they are read by their order")
        if not wrong or len(wrong) * 2 < len(offsets):
            if wrong:
                self._problems.append(f"{len(wrong)} of {len(offsets)} offsets lead to no record")
            return 0
        # The lowest offset that is used is the first record's or the second's, as the first may have no link to it.
        guesses = [record.offset - min(offsets) for record in self._records[:2]]
        hits, best = max((sum(offset + guess in self._at for offset in offsets), guess) for guess in guesses)
        if hits * 2 < len(offsets) or len(set(offsets)) == 1:
            self._problems.append("the offsets lead to no records; they are read by their order")
            return None
        self._problems.append(f"every offset is off by {-best} bytes")
        return best

    def _chain(self, offset: int) -> Iterator[DirectoryRecord]:
        """A record and those that follow it on its level, as far as the links lead to records not yet placed."""
        while offset:
            record = self._at.get(offset + self._shift)
            if record is None:
                return
            if record.offset in self._placed:
                self._circles += 1
                if self._circles == 1:
                    self._problems.append(f"the record at byte {record.offset} is linked twice or in a circle")
                return
            self._placed.add(record.offset)
            yield record
            offset = record.number(0x00041400) or 0

    def _place_the_rest(self, roots: list[DirectoryRecord]) -> None:
        """Records that no link reached go below the last one before them that may stand above them."""
        rest = len(self._records) - len(self._placed)
        if not rest:
            return
        if self._placed:
            self._problems.append(f"{rest} records are linked from nowhere; they are read by their order")
        above: list[DirectoryRecord | None] = [None] * (_LEAF_LEVEL + 1)
        for record in self._records:
            level = record.level
            if record.offset not in self._placed:
                parent = next((above[at] for at in range(level - 1, -1, -1) if above[at] is not None), None)
                (roots if parent is None else parent.children).append(record)
            above[level:] = [record] + [None] * (_LEAF_LEVEL - level)
