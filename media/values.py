"""Values of a directory: which obey the rules of their VR, and how the others are mended (PS3.5 §6.2).

An instance is never changed; but a directory with a lower-case Code String or a date of 1997.04.24 is refused by
importers that read the instance itself without a murmur. So what goes into the directory is mended here, and every
mended value is reported with the rule that was applied.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

INTEGER_LIMIT = 2**31 - 1


def _split(pattern: bytes) -> re.Pattern[bytes]:
    """A pattern for one or more values between backslashes, each padded or not."""
    return re.compile(rb" *(?:" + pattern + rb")? *(?:\\ *(?:" + pattern + rb")? *)*")


_DATE = rb"[0-9]{4}(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01])"
_TIME = rb"(?:[01][0-9]|2[0-3])(?:[0-5][0-9](?:(?:[0-5][0-9]|60)(?:\.[0-9]{1,6})?)?)?"
_DATE_TIME = rb"[0-9]{4}(?:(?:0[1-9]|1[0-2])(?:(?:0[1-9]|[12][0-9]|3[01])(?:" + _TIME + rb")?)?)?(?:[+-][0-9]{4})?"

GOOD: dict[bytes, Callable[[bytes], object]] = {
    b"CS": re.compile(rb"[A-Z0-9_ ]{0,16}(?:\\[A-Z0-9_ ]{0,16})*").fullmatch,
    b"DA": re.compile(_DATE).fullmatch,
    b"DS": _split(rb"(?=[^\\ ]{1,16}(?:[\\ ]|$))[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?").fullmatch,
    b"DT": re.compile(_DATE_TIME).fullmatch,
    b"IS": re.compile(rb" *[+-]?[0-9]{1,9} *").fullmatch,
    b"LO": re.compile(rb"[ -\[\]-~]{0,64}").fullmatch,
    b"PN": re.compile(rb"[ -<>-\[\]-~]{0,64}").fullmatch,
    b"SH": re.compile(rb"[ -\[\]-~]{0,16}").fullmatch,
    b"ST": re.compile(rb"[ -~\t\n\f\r]{0,1024}").fullmatch,
    b"TM": re.compile(_TIME).fullmatch,
    b"UI": re.compile(rb"[0-9.]{1,64}").fullmatch,
    b"UL": lambda value: len(value) == 4,
    b"US": lambda value: len(value) == 2,
}
"""VR → true for a value (padding stripped, numbers in little endian) that needs no second look. Text VRs pass here
when they are plain ASCII; everything else goes the long way through `mend_text`."""

_TEXT_LIMITS = {b"LO": 64, b"SH": 16, b"ST": 1024, b"UC": 2**31, b"LT": 10240, b"UT": 2**31}
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_CONTROL_IN_TEXT = re.compile(r"[\x00-\x08\x0b\x0e-\x1f\x7f-\x9f]")  # PS3.5 §6.1.3: TAB LF FF CR may stand


@dataclass(frozen=True, slots=True)
class Mended:
    """A value that obeys its VR, empty where nothing could be saved, and the rule that made it so ("" for none)."""

    value: str
    rule: str = ""


def mend_text(vr: bytes, text: str, multiple: bool = False) -> Mended:
    """Text of LO, SH, PN, ST, LT, UC or UT, decoded and stripped.

    Args:
        multiple: the attribute may have several values; else a backslash is no separator but a wrong character.
    """
    rules = []
    plain = (_CONTROL if vr not in (b"ST", b"LT", b"UT") else _CONTROL_IN_TEXT).sub("", text)
    if plain != text:
        rules.append("control characters left out")
    if "\\" in plain and not multiple and vr not in (b"ST", b"LT", b"UT"):
        plain = plain.replace("\\", "/")
        rules.append("backslash replaced")
    if vr == b"PN":
        short = "\\".join(_person_name(name) for name in plain.split("\\"))
        limit = 64
    else:
        limit = _TEXT_LIMITS.get(vr, 64)
        short = "\\".join(value[:limit] for value in plain.split("\\")) if multiple else plain[:limit]
    if short != plain:
        rules.append(f"cut to {limit} characters")
    return Mended(short.strip(), ", ".join(rules))


def _person_name(name: str) -> str:
    """Three component groups of 64 characters (PS3.5 §6.2, PN). One that is empty may stand at the end."""
    groups = name.split("=")
    return "=".join(group[:64] for group in groups[:3]).rstrip("=" if len(groups) > 3 else "")


def mend(vr: bytes, value: bytes) -> Mended:
    """A value of CS, DA, DS, DT, IS, TM or UI, padding stripped, that `GOOD` would not pass."""
    text = value.decode("ascii", "replace").replace("\0", "").strip()
    return _MENDERS[vr](text)


def _code_string(text: str) -> Mended:
    values = [re.sub(r"[^A-Z0-9_ ]", "_", value.strip().upper())[:16] for value in text.split("\\")]
    return Mended("\\".join(values), "made a Code String of it")


def _date(text: str) -> Mended:
    return _if_good(b"DA", re.sub(r"[.\-/ :]", "", text)[:8], "separators left out")


def _time(text: str) -> Mended:
    match = re.match(r"[0-9]+(\.[0-9]+)?", text.replace(":", ""))
    digits = match.group()[:13] if match else ""
    return _if_good(b"TM", digits.rstrip("."), "brought to the form of a time")


def _date_time(text: str) -> Mended:
    return _if_good(b"DT", re.sub(r"[\-/ :T]", "", text), "separators left out")


def _integer(text: str) -> Mended:
    try:
        number = int(text) if re.fullmatch(r"[+-]?[0-9]{1,12}", text) else int(float(text[:64]))
    except (ValueError, OverflowError):
        return Mended("", "not a number")
    if abs(number) > INTEGER_LIMIT:
        return Mended("", "number too large")
    return Mended(str(number), "" if str(number) == text else "brought to an integer")


def _decimal(text: str) -> Mended:
    values = []
    for value in text.split("\\"):
        try:
            number = float(value[:64])
        except ValueError:
            return Mended("", "not a number")
        written = next((form for digits in range(17, 0, -1) if len(form := f"{number:.{digits}g}") <= 16), "")
        if not written or not re.fullmatch(r"[-+.0-9e]+", written):  # inf, nan
            return Mended("", "not a number")
        values.append(written)
    return Mended("\\".join(values), "rounded to 16 characters")


def _uid(text: str) -> Mended:
    return _if_good(b"UI", text, "")


def _if_good(vr: bytes, text: str, rule: str) -> Mended:
    if GOOD[vr](text.encode("ascii", "replace")):
        return Mended(text, rule)
    return Mended("", "not a value of its kind")


_MENDERS: dict[bytes, Callable[[str], Mended]] = {
    b"CS": _code_string,
    b"DA": _date,
    b"DS": _decimal,
    b"DT": _date_time,
    b"IS": _integer,
    b"TM": _time,
    b"UI": _uid,
}
