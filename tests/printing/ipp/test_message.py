"""IPP messages: what is written is read again, and no bytes do harm."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from printing.ipp.message import (
    ENUM,
    JOB_ATTRIBUTES,
    MOST_DEPTH,
    OPERATION_ATTRIBUTES,
    PRINTER_ATTRIBUTES,
    BadMessage,
    Message,
    Range,
    Resolution,
    Tagged,
    decode,
    encode,
    keyword,
)

NAMES = st.text("abcdefghijklmnopqrstuvwxyz-", min_size=1, max_size=20)
NUMBERS = st.integers(-(2**31), 2**31 - 1)
PLAIN = st.one_of(
    NUMBERS,
    st.booleans(),
    st.builds(Resolution, st.integers(1, 9999), st.integers(1, 9999)),
    st.builds(Range, NUMBERS, NUMBERS),
    st.text(max_size=40).map(keyword),
)
VALUES = st.recursive(
    PLAIN, lambda inner: st.dictionaries(NAMES, st.lists(inner, min_size=1, max_size=3), max_size=4), max_leaves=8
)
GROUPS = st.lists(
    st.tuples(
        st.sampled_from([OPERATION_ATTRIBUTES, JOB_ATTRIBUTES, PRINTER_ATTRIBUTES]),
        st.dictionaries(NAMES, st.lists(VALUES, min_size=1, max_size=4), max_size=5),
    ),
    max_size=4,
)
MESSAGES = st.builds(Message, st.integers(0, 0xFFFF), st.integers(0, 2**32 - 1), GROUPS.map(tuple))


def read(value: object) -> object:
    """A value as it is read again: tags of texts are known by the attribute."""
    if isinstance(value, Tagged):
        return value.value
    if isinstance(value, dict):
        return {name: [read(one) for one in values] for name, values in value.items()}
    return value


@given(MESSAGES)
def test_what_is_written_is_read_again(message: Message) -> None:
    found = decode(encode(message) + b"document data behind it")
    assert (found.code, found.request_id, found.version) == (message.code, message.request_id, (2, 0))
    assert [(tag, dict(one)) for tag, one in found.groups] == [
        (tag, {name: [read(value) for value in values] for name, values in one.items()}) for tag, one in message.groups
    ]


@settings(max_examples=300)
@given(MESSAGES, st.data())
def test_a_damaged_message_is_bad_or_another_message_and_nothing_else(message: Message, data: st.DataObject) -> None:
    raw = bytearray(encode(message))
    for _ in range(data.draw(st.integers(1, 5))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    try:
        decode(bytes(raw[: data.draw(st.integers(0, len(raw)))]))
    except BadMessage:
        pass


@given(st.binary(max_size=200))
def test_noise_is_no_message(noise: bytes) -> None:
    try:
        decode(noise)
    except BadMessage:
        pass


def test_collections_have_a_bottom() -> None:
    opened = b"\x34\0\1a\0\0" + (b"\x4a\0\0\0\1b" + b"\x34\0\0\0\0") * (MOST_DEPTH + 1)
    with pytest.raises(BadMessage, match="without end"):
        decode(b"\2\0\0\0\0\0\0\1\4" + opened)


def test_languages_and_units_are_understood() -> None:
    text = b"\x36\0\x04name\0\x0e" + b"\0\2de\0\x08Kr\xc3\xbcger!"
    resolution = b"\x32\0\1r\0\x09" + (118).to_bytes(4, "big") + (118).to_bytes(4, "big") + b"\4"
    enum = b"\x23\0\1e\0\4\0\0\0\5"
    found = decode(b"\2\0\0\0\0\0\0\1\4" + text + resolution + enum + b"\3").group(PRINTER_ATTRIBUTES)
    assert found == {"name": ["Krüger!"], "r": [Resolution(300, 300)], "e": [5]}
    assert encode(Message(0, 1, ((4, {"e": [Tagged(ENUM, 5)]}),))).endswith(enum + b"\3")
