"""Text of every character set, from bytes that were made by hand and not by the library that reads them."""

from __future__ import annotations

import pytest

from media.character_sets import decode, record_set, terms

WANG = b"\x1b$)A\xcd\xf5^\x1b$)A\xd0\xa1\xb6\xab"
"""王^小东, by the rules of PS3.5 K.2."""


@pytest.mark.parametrize("declared", [b"\\ISO 2022 IR 58", b"ISO 2022 IR 6\\ISO 2022 IR 58", b"ISO 2022 IR 58"])
def test_chinese_with_escapes_is_read(declared: bytes) -> None:
    assert decode(b"Wang^XiaoDong=" + WANG, terms(declared), b"PN") == "Wang^XiaoDong=王^小东"


@pytest.mark.parametrize("declared", [b"ISO_IR 203", b"ISO 2022 IR 203\\ISO 2022 IR 144"])
def test_latin_9_is_not_latin_1(declared: bytes) -> None:
    assert decode(b"\xbcuvre^\xa6a\xa8", terms(declared), b"PN") == "Œuvre^Šaš"


@pytest.mark.parametrize(("declared", "text"), [("ISO_IR 203", "Œuvre"), ("GBK", "剘")])
def test_a_set_that_few_readers_know_becomes_unicode(declared: str, text: str) -> None:
    assert record_set((declared,), [text])[0] == "ISO_IR 192"


@pytest.mark.parametrize("value", ["Müller^王".encode(), b"M\xfcller^"])
@pytest.mark.parametrize("declared", [b"ISO_IR 999", b"iso_ir 6", b"what", b"ISO 2022 IR 999"])
def test_an_unknown_set_is_none(declared: bytes, value: bytes) -> None:
    """Its text is read as what it most likely is, as where nothing is declared."""
    assert decode(value, terms(declared), b"PN").startswith("Müller^")


def test_half_a_character_is_no_backslash_in_a_directory() -> None:
    assert "乗".encode("gb18030")[1:] == b"\\"
    assert record_set(("GB18030",), ["王^小东"])[0] == "GB18030"
    assert record_set(("GB18030",), ["王^乗"])[0] == "ISO_IR 192"


def test_a_set_in_lower_case_is_meant() -> None:
    assert decode("Müller^王".encode(), terms(b"iso_ir 192"), b"PN") == "Müller^王"
    assert record_set(terms(b"iso_ir 100"), ["Müller"])[0] == "ISO_IR 100"
