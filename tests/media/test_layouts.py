"""Layouts: a header that is a row of known runs is taken in three steps, and never differently from the long way."""

from __future__ import annotations

import struct
from dataclasses import asdict

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from media import instance, layouts
from media.elements import UNDEFINED, NeedMore, Unparsable, syntax_of
from media.instance import check_rest, scan_header
from tests.media.builders import BIG_ENDIAN, CT, EXPLICIT, IMPLICIT, PR, SR

LONG = (b"OB", b"OW", b"SQ", b"UN", b"UT")
HANGING_PROTOCOL = "1.2.840.10008.5.1.4.38.1"


@pytest.fixture(autouse=True)
def nothing_learnt() -> None:
    forget()


def forget() -> None:
    instance._runs.cache_clear()
    instance._layouts._known = {}


def element(explicit: bool, tag: int, vr: bytes, value: bytes, length: int | None = None) -> bytes:
    length = len(value) if length is None else length
    head = struct.pack("<HH", tag >> 16, tag & 0xFFFF)
    if not explicit:
        return head + struct.pack("<L", length) + value
    if vr in LONG:
        return head + vr + b"\0\0" + struct.pack("<L", length) + value
    return head + vr + struct.pack("<H", length) + value


def sequence(explicit: bool, tag: int, value: bytes, undefined: bool) -> bytes:
    item = element(explicit, 0x00081155, b"UI", value)
    if not undefined:
        return element(explicit, tag, b"SQ", struct.pack("<HHL", 0xFFFE, 0xE000, len(item)) + item)
    body = struct.pack("<HHL", 0xFFFE, 0xE000, UNDEFINED) + item + struct.pack("<HHL", 0xFFFE, 0xE00D, 0)
    return element(explicit, tag, b"SQ", body + struct.pack("<HHL", 0xFFFE, 0xE0DD, 0), UNDEFINED)


def head(explicit: bool, values: dict[int, tuple[bytes, bytes]], undefined: bool, rest: bytes | None = None) -> bytes:
    """These elements in the order of the table, sequences among them, and Pixel Data."""
    written = [
        sequence(explicit, tag, value, undefined) if vr == b"SQ" else element(explicit, tag, vr, value)
        for tag, (vr, value) in values.items()
    ]
    return b"".join(written) + (element(explicit, 0x7FE00010, b"OW", b"pixels") if rest is None else rest)


def slice_values(number: int) -> dict[int, tuple[bytes, bytes]]:
    return {
        0x00080005: (b"CS", b"ISO_IR 100"),
        0x00080008: (b"CS", b"ORIGINAL\\PRIMARY\\"),
        0x00080016: (b"UI", CT.encode() + b"\0"),
        0x00080018: (b"UI", b"1.2.3.%05d" % number),
        0x00080060: (b"CS", b"CT"),
        0x00081140: (b"SQ", b"1.2.9\0"),
        0x00090010: (b"LO", b"SOMEBODY"),
        0x00091010: (b"SQ", b"1.2.8\0"),
        0x00100010: (b"PN", b"DOE^J\xe4NE "),
        0x00100020: (b"LO", b"P1"),
        0x0020000D: (b"UI", b"1.2.3\0"),
        0x0020000E: (b"UI", b"1.2.3.1\0"),
        0x00200011: (b"IS", b"3 "),
        0x00200013: (b"IS", b"%05d " % number),
        0x00200032: (b"DS", b"-1\\-1\\%05d" % number),
        0x00280010: (b"US", b"\x80\0"),
        0x00280030: (b"DS", b"0.7\\0.7 "),
    }


def judged(data: bytes, transfer_syntax_uid: str) -> object:
    try:
        return asdict(scan_header(data, transfer_syntax_uid))
    except Unparsable as failure:
        return type(failure), str(failure)


def long_way(data: bytes, transfer_syntax_uid: str) -> object:
    try:
        walked = instance._walk(data, syntax_of(transfer_syntax_uid), True, None)
        return asdict(instance._header(*walked))
    except Unparsable as failure:
        return type(failure), str(failure)


SYNTAXES = pytest.mark.parametrize("syntax", [IMPLICIT, EXPLICIT])


@SYNTAXES
@pytest.mark.parametrize("undefined", [True, False])
def test_the_slices_of_a_series_are_one_step(syntax: str, undefined: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    def data(number: int) -> bytes:
        return head(syntax == EXPLICIT, slice_values(number), undefined)

    for number in range(3):
        assert judged(data(number), syntax) == long_way(data(number), syntax)
    expected = long_way(data(4), syntax)
    monkeypatch.setattr(instance, "_walk", None)
    assert judged(data(4), syntax) == expected
    (whole,) = instance._runs(syntax_of(syntax), "").follow(data(5), 0)
    assert whole.joined


TAGS = sorted(slice_values(0))
CHANGED = st.one_of(
    st.tuples(st.just("value"), st.sampled_from(TAGS), st.binary(max_size=12)),
    st.tuples(st.just("class"), st.sampled_from([CT, SR, PR, HANGING_PROTOCOL, "1.2.999", "", "x"])),
    st.tuples(st.just("without"), st.sampled_from(TAGS)),
    st.tuples(st.just("twice"), st.sampled_from(TAGS), st.binary(max_size=3)),
    st.tuples(st.just("moved"), st.sampled_from(TAGS)),
    st.tuples(st.just("vr"), st.sampled_from(TAGS), st.sampled_from([b"UN", b"SQ", b"LO", b"UI"])),
    st.tuples(st.just("rest"), st.sampled_from([b"", b"1234567", b"\x28\0\x50\x10DS\2\x001 ", b"\xff" * 8])),
    st.tuples(st.just("byte"), st.integers(0, 600), st.integers(0, 255)),
    st.tuples(st.just("cut"), st.integers(0, 40)),
)


def neighbour(explicit: bool, number: int, undefined: bool, changes: list[tuple]) -> bytes:  # type: ignore[type-arg]
    """A slice of the series with some changes."""
    values = slice_values(number)
    behind, rest = b"", None
    for how, *what in changes:
        if how == "value" and what[0] in values:
            values[what[0]] = (values[what[0]][0], what[1])
        elif how == "class" and 0x00080016 in values:
            values[0x00080016] = (b"UI", what[0].encode())
        elif how == "without":
            values.pop(what[0], None)
        elif how == "twice":
            behind += head(explicit, {what[0]: (slice_values(0)[what[0]][0], what[1])}, undefined, b"")
        elif how == "moved" and what[0] in values:
            values[what[0]] = values.pop(what[0])
        elif how == "vr" and what[0] in values:
            values[what[0]] = (what[1], values[what[0]][1])
        elif how == "rest":
            rest = what[0]
    pixels = element(explicit, 0x7FE00010, b"OW", b"pixels") if rest is None else rest
    data = bytearray(head(explicit, values, undefined, behind + pixels))
    for how, *what in changes:
        if how == "byte":
            data[what[0] % len(data)] = what[1]
        elif how == "cut":
            del data[len(data) - what[0] :]
    return bytes(data)


@settings(max_examples=400, deadline=None)
@given(
    st.sampled_from([IMPLICIT, EXPLICIT]),
    st.booleans(),
    st.lists(st.lists(CHANGED, max_size=3), min_size=1, max_size=8),
)
def test_a_neighbour_is_judged_as_the_long_way_does(
    syntax: str,
    undefined: bool,
    many: list[list[tuple]],  # type: ignore[type-arg]
) -> None:
    forget()
    sent = [neighbour(syntax == EXPLICIT, number, undefined, changes) for number, changes in enumerate([[], *many])]
    for data in (*sent, *sent, *sent, *reversed(sent)):
        assert judged(data, syntax) == long_way(data, syntax)


def test_a_wanted_element_that_is_there_twice_is_not_followed() -> None:
    data = neighbour(True, 1, False, [("twice", 0x00100020, b"P2")])
    for _ in range(4):
        found = scan_header(data, EXPLICIT)
        assert found.patient_id == "P2"
        assert found.keys.count(b"\x10\0\x20\0LO") == 1


def test_a_sequence_that_always_differs_leaves_the_other_runs_alone() -> None:
    for number in range(100):
        values = slice_values(number) | {0x00081140: (b"SQ", b"1.2.%05d" % number)}
        data = head(True, values, False)
        assert judged(data, EXPLICIT) == long_way(data, EXPLICIT)
    runs = instance._runs(syntax_of(EXPLICIT), "").follow(data, 0)
    assert sum(run.size for run in runs) == data.index(b"\x08\0\x40\x11SQ")


def test_rows_of_runs_are_forgotten_before_they_are_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(layouts, "LAYOUTS", 4)
    for number in range(40):
        for _ in range(3):
            data = head(True, slice_values(number) | {0x00200013: (b"IS", b"1" * (number % 20))}, False)
            assert judged(data, EXPLICIT) == long_way(data, EXPLICIT)
            assert len(instance._layouts._known) <= 4


@pytest.mark.parametrize("vr", [b"OW", b"OB", b"UN"])
def test_pixel_data_behind_the_header_are_all_there(vr: bytes) -> None:
    data = b"head" + element(True, 0x7FE00010, vr, b"x" * 100)
    for behind, size in ((b"", 100), (b"\0" * 7, 107), (element(True, 0xFFFCFFFC, b"OB", b"\0\0"), 114)):
        whole = data + behind
        check_rest(lambda at, count, whole=whole: whole[at : at + count], 4, len(whole), EXPLICIT)  # type: ignore[misc]
        assert len(whole) == 16 + size
    for missing in (1, 100, 104):
        cut = data[:-missing]
        with pytest.raises(NeedMore):
            check_rest(lambda at, count, cut=cut: cut[at : at + count], 4, len(cut), EXPLICIT)  # type: ignore[misc]


def test_what_looks_like_pixel_data_in_another_encoding_is_none() -> None:
    for syntax, length in ((BIG_ENDIAN, struct.pack(">L", 4)), (IMPLICIT, b"1234")):
        # (E07F,1000) OW of four bytes in big endian; Pixel Data of 0x574F bytes in implicit.
        data = b"\xe0\x7f\x10\0OW\0\0" + length + b"\0" * 4
        data += b"\0" * (8 + 0x574F - len(data)) if syntax == IMPLICIT else b""
        check_rest(lambda at, count, data=data: data[at : at + count], 0, len(data), syntax)  # type: ignore[misc]
