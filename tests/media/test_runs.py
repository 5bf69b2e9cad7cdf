"""Runs: a header that was seen before is passed over in steps, and never differently from the long way."""

from __future__ import annotations

from dataclasses import asdict

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from media import instance
from media import runs as runs_module
from media.elements import IMPLICIT_LE, Unparsable
from media.instance import scan_header
from media.part10 import scan_file
from media.runs import ALTERNATIVES, ELEMENTS, JOINED, LESSONS, LOOSE, Found, Runs, Walked
from tests.corpus import CORPUS, corpus_files, needs_corpus

EXPLICIT = "1.2.840.10008.1.2.1"


def element(tag: int, vr: bytes, value: bytes) -> bytes:
    value += b" " * (len(value) % 2)
    head = tag.to_bytes(4, "little")[2:] + tag.to_bytes(4, "little")[:2] + vr
    if vr in (b"OB", b"UN", b"UT"):
        return head + b"\0\0" + len(value).to_bytes(4, "little") + value
    return head + len(value).to_bytes(2, "little") + value


def data_set(values: list[bytes]) -> bytes:
    """A CT with twenty private elements of these values before its UIDs' series and number."""
    private = b"".join(
        element(0x00090010 + number, b"UN" if number % 5 == 0 else b"LO", value) for number, value in enumerate(values)
    )
    return (
        element(0x00080016, b"UI", b"1.2.840.10008.5.1.4.1.1.2")
        + element(0x00080018, b"UI", b"1.2.3")
        + element(0x00080060, b"CS", b"CT")
        + private
        + element(0x00100020, b"LO", b"P" + values[0])
        + element(0x0020000D, b"UI", b"1.2")
        + element(0x0020000E, b"UI", b"1.2.1")
        + element(0x00200013, b"IS", b"7")
        + element(0x7FE00010, b"OB", b"pixels")
    )


@pytest.fixture(autouse=True)
def nothing_learnt() -> None:
    instance._runs.cache_clear()


def unlearnt(data: bytes) -> dict[str, object]:
    instance._runs.cache_clear()
    return asdict(scan_header(data, EXPLICIT))


VALUES = st.lists(st.binary(max_size=12).map(lambda one: one.replace(b"\0", b"x")), min_size=20, max_size=20)


@settings(max_examples=150, deadline=None)
@given(st.lists(VALUES, min_size=1, max_size=6))
def test_what_was_learnt_changes_nothing(many: list[list[bytes]]) -> None:
    expected = [unlearnt(data_set(values)) for values in many]
    instance._runs.cache_clear()
    for _ in range(2):
        assert [asdict(scan_header(data_set(values), EXPLICIT)) for values in many] == expected


@settings(max_examples=150, deadline=None)
@given(st.integers(min_value=0), st.integers(min_value=0, max_value=255))
def test_any_changed_byte_is_judged_as_if_nothing_had_been_learnt(at: int, byte: int) -> None:
    data = bytearray(data_set([b"value"] * 20))
    data[at % len(data)] = byte

    def judged() -> object:
        try:
            return asdict(scan_header(bytes(data), EXPLICIT))
        except Unparsable as failure:
            return type(failure), str(failure)

    instance._runs.cache_clear()
    alone = judged()
    scan_header(data_set([b"value"] * 20), EXPLICIT)
    assert judged() == alone


@needs_corpus
@pytest.mark.parametrize("file", corpus_files() or [CORPUS], ids=lambda file: file.name)
def test_a_real_header_is_read_the_same_twice(file: object) -> None:
    try:
        first, _ = scan_file(file)  # type: ignore[arg-type]
    except Unparsable:
        return
    assert scan_file(file)[0] == first  # type: ignore[arg-type]


def run_of(values: list[bytes]) -> tuple[bytes, list[Walked]]:
    data, walked = b"", []
    for number, value in enumerate(values):
        walked.append(Walked(len(data), 8, len(value), 0x00090010 + number, b"LO" if number == 1 else None))
        data += element(0x00090010 + number, b"LO", value)
    return data, walked


def runs_of_one() -> Runs:
    return Runs({0x00090011}, {0x00090011: b"LO"}, 0x00090011)


def test_a_second_data_set_is_passed_over_in_whole_runs() -> None:
    data, walked = run_of([b"ab"] * (2 * ELEMENTS))
    runs = runs_of_one()
    assert runs.follow(data, 0) == ()
    runs.learn(data, walked)
    found, position = Found(), 0
    for run in runs.follow(data, 0):
        found.take(run, data, position)
        position += run.size
    assert position == len(data)
    assert found == Found({}, {0x00090011: b"ab"}, [(0x00090011, element(0x00090011, b"LO", b"ab"))])


def test_a_run_that_does_not_fit_into_the_bytes_is_not_followed() -> None:
    data, walked = run_of([b"ab"] * ELEMENTS)
    runs = runs_of_one()
    runs.learn(data, walked)
    assert runs.follow(data[:-1], 0) == ()


def test_what_never_repeats_is_not_learnt_for_ever() -> None:
    runs = runs_of_one()
    for number in range(LESSONS + 20):
        data = element(0x00090010, b"UN", b"x" * (2 * number))
        runs.learn(data, [Walked(0, 12, 2 * number, 0x00090010, None)])
    (known,) = runs._known.values()
    assert len(known) == ALTERNATIVES
    assert runs.follow(data, 0) == ()


def test_runs_of_another_encoding_are_another_memory() -> None:
    assert instance._runs(IMPLICIT_LE, "IMAGE") is not instance._runs(instance.syntax_of(EXPLICIT), "IMAGE")


def test_what_always_differs_in_length_is_a_run_of_its_own() -> None:
    for number in range(40):
        values = [b"value"] * 9 + [b"x" * (number % 12)] + [b"value"] * 10
        data = data_set(values)
        scan_header(data, EXPLICIT)
    runs = instance._runs(instance.syntax_of(EXPLICIT), "").follow(data, 0)
    assert sum(run.size for run in runs if not run.joined) in (0, data.index(b"\xe0\x7f\x10\0"))
    assert 0x00090019 in instance._runs(instance.syntax_of(EXPLICIT), "IMAGE")._loose


def test_few_elements_are_runs_of_their_own() -> None:
    runs = runs_of_one()
    for number in range(4000):
        values = [b"x" * (2 * (number >> place & 1)) for place in range(100)]
        values[number % 100] = b"x" * (number % 77)
        data, walked = run_of(values)
        runs.learn(data, walked)
    assert 0 < len(runs._loose) <= LOOSE


def test_what_is_remembered_of_long_headers_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runs_module, "MASKS_BYTES", 100_000)
    runs = runs_of_one()
    for number in range(1000):
        data, walked = run_of([b"x" * (2 * (number % 50 + place)) for place in range(20)])
        runs.learn(data, walked)
        remembered = sum(one.size for known in runs._known.values() for one in known)
        assert 2 * remembered == runs._masks_bytes <= 100_000


def test_a_row_of_runs_is_joined_once_and_forgotten_for_another() -> None:
    runs = runs_of_one()
    for number in range(JOINED + 2):
        data, walked = run_of([b"ab"] * (ELEMENTS + number + 1))
        runs.learn(data, walked)
        row = tuple(one for one in runs.follow(data, 0) if not one.joined) or runs.follow(data, 0)
        whole = runs.join([*row])
        assert runs.join([whole]) is whole
        found, apart = Found(), Found()
        found.take(whole, data, 0)
        position = 0
        for one in row:
            apart.take(one, data, position)
            position += one.size
        assert (found, whole.size) == (apart, position)
    assert max(sum(one.joined for one in known) for known in runs._known.values()) <= JOINED
