"""Values that break the rules of their VR, and what a directory says instead (PS3.5 §6.2)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.character_sets import decode, record_set, terms
from media.values import GOOD, Mended, mend, mend_text


@pytest.mark.parametrize(
    ("vr", "value", "mended"),
    [
        (b"DA", b"1997.04.24", "19970424"),
        (b"DA", b"1997-04-24", "19970424"),
        (b"DA", b"19971324", ""),
        (b"DA", b"199704", ""),
        (b"TM", b"12:34:56", "123456"),
        (b"TM", b"123456.1234567", "123456.123456"),
        (b"TM", b"25", ""),
        (b"CS", b"original\\Primary", "ORIGINAL\\PRIMARY"),
        (b"CS", b"A-VERY-LONG-CODE-STRING", "A_VERY_LONG_CODE"),
        (b"IS", b"1.0", "1"),
        (b"IS", b"99999999999", ""),
        (b"IS", b"seven", ""),
        (b"DS", b"0.12345678901234567890\\1", "0.12345678901235\\1"),
        (b"DS", b"nan", ""),
        (b"DS", b"1,5", ""),
        (b"DT", b"2026-03-04T05:06:07", "20260304050607"),
    ],
)
def test_what_can_be_saved_is_saved(vr: bytes, value: bytes, mended: str) -> None:
    assert not GOOD[vr](value)
    assert mend(vr, value).value == mended
    assert mend(vr, value).rule


@pytest.mark.parametrize(
    ("vr", "value"),
    [
        *((b"DA", b"20240229"), (b"TM", b"2359"), (b"TM", b"235960.5"), (b"CS", b"A\\B_2 C"), (b"IS", b"-12")),
        *((b"DS", b"1\\-.5\\+2.0E-3"), (b"DS", b"0.123456789012 \\1"), (b"DT", b"2026"), (b"DT", b"20260304+0100")),
        *((b"LO", b"plain text"), (b"PN", b"Doe^Jane^^Dr."), (b"SH", b"x" * 16), (b"UI", b"1.2.3")),
    ],
)
def test_good_values_need_no_second_look(vr: bytes, value: bytes) -> None:
    assert GOOD[vr](value)


@given(st.sampled_from([b"CS", b"DA", b"DS", b"DT", b"IS", b"TM", b"UI"]), st.binary(max_size=40))
def test_a_mended_value_is_good(vr: bytes, value: bytes) -> None:
    mended = mend(vr, value).value.encode("ascii")
    assert not mended or GOOD[vr](mended)


def test_text_is_cut_and_cleaned() -> None:
    assert mend_text(b"LO", "a\\b").value == "a/b"
    assert mend_text(b"PN", "A^B\\C^D", multiple=True).value == "A^B\\C^D"
    assert mend_text(b"SH", "ß" * 20).value == "ß" * 16
    assert mend_text(b"PN", "A" * 70 + "=B=C=D").value == "A" * 64 + "=B=C"
    assert mend_text(b"PN", "A^B=C^D=") == Mended("A^B=C^D="), "an empty component group at the end is none too many"
    assert mend_text(b"PN", "A=B=C=D").rule == "cut to 64 characters"
    assert mend_text(b"LO", "a\r\nb\0").value == "ab"
    assert mend_text(b"ST", "a\r\nb").rule == ""


@pytest.mark.parametrize(
    ("text", "charset"),
    [
        ("Buc^Jérôme", "ISO_IR 100"),
        ("Люкceмбypг", "ISO_IR 144"),
        ("Διονυσιος", "ISO_IR 126"),
        ("王^小東", "ISO_IR 192"),
        ("王^小东", "GB18030"),
    ],
)
def test_a_single_set_is_kept(text: str, charset: str) -> None:
    term, codec = record_set((charset,), [text])
    assert term == charset
    assert decode(text.encode(codec), (term,), b"PN") == text


def test_sets_with_escapes_become_unicode_and_ascii_needs_none() -> None:
    raw = b"Yamada^Tarou=" + b"\x1b$B;3ED\x1b(B^\x1b$BB@O:\x1b(B"
    charset = terms(b"\\ISO 2022 IR 87 ")
    assert charset == ("", "ISO 2022 IR 87")
    assert decode(raw, charset, b"PN") == "Yamada^Tarou=山田^太郎"
    assert record_set(charset, ["山田"]) == ("ISO_IR 192", "utf-8")
    assert record_set(charset, ["Yamada"]) == ("", "ascii")
    assert record_set(("ISO_IR 100",), ["Łódź"]) == ("ISO_IR 192", "utf-8")


def test_broken_text_is_still_text() -> None:
    assert decode(b"J\xffr", ("ISO_IR 192",)) == "J\ufffdr"
    assert decode("Jérôme".encode(), ()) == "Jérôme"
    assert decode("Jérôme".encode("latin-1"), ()) == "Jérôme"
    assert decode(b"J\xe9r", ("NO SUCH SET",)).startswith("J")


@given(st.binary(max_size=60), st.sampled_from(["", "ISO_IR 192", "GB18030", "\\ISO 2022 IR 87", "\\ISO 2022 IR 149"]))
def test_any_bytes_decode(value: bytes, charset: str) -> None:
    assert "\0" not in decode(value, terms(charset.encode()), b"PN")
