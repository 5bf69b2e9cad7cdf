"""Specific Character Set (0008,0005): reading text of any set, and choosing the set of a record (PS3.5 §6.1).

Decoding itself is pydicom's, which knows the escapes of ISO 2022. What a disc needs on top is to go on when the bytes
are wrong: a name with one bad byte is a name with one replacement sign, never an instance that cannot be read.
"""

from __future__ import annotations

import warnings
from functools import lru_cache

REPLACEMENT = "\ufffd"
UTF_8 = "ISO_IR 192"
_DEFAULT = "iso8859"
"""What pydicom calls the codec of the default repertoire (ISO_IR 6), and of sets that it does not know."""
_CHINESE_ESCAPE = "\x1b$)A"
"""Designates ISO 2022 IR 58 (PS3.5 §K). pydicom believes that Python's codec knows it, and leaves it in the text."""
_MORE_CODECS = {"ISO_IR 203": "iso8859_15", "ISO 2022 IR 203": "iso8859_15"}
"""Defined Terms (PS3.3 C.12.1.1.2) that pydicom does not know."""


def terms(value: bytes) -> tuple[str, ...]:
    """The Defined Terms of a (0008,0005) value, in upper case; () for the default repertoire."""
    found = tuple(term.strip(" \0").upper() for term in value.decode("latin-1").split("\\"))
    return found if any(found) else ()


@lru_cache(maxsize=256)
def _codecs(charset: tuple[str, ...]) -> tuple[str, ...]:
    """Python codecs of a character set; misspelt terms as pydicom mends them, unknown ones as ASCII."""
    from pydicom.charset import convert_encodings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            found = convert_encodings([term if term not in _MORE_CODECS else "" for term in charset] or None)
        except (LookupError, ValueError):
            return (_DEFAULT,)
    if len(found) != len(charset):
        return tuple(found)
    return tuple(_MORE_CODECS.get(term, codec) for term, codec in zip(charset, found, strict=True))


def decode(value: bytes, charset: tuple[str, ...], vr: bytes = b"LO") -> str:
    """Text of a value, without padding and NULs; undecodable bytes become U+FFFD.

    Args:
        vr: PN changes back to the first set at ^ and = too (PS3.5 §6.1.2.5.3).
    """
    if value.isascii() and b"\x1b" not in value:
        return value.decode("ascii").replace("\0", "").strip()
    if not charset or set(_codecs(charset)) == {_DEFAULT}:  # nothing is declared, or nothing that anybody knows
        return _undeclared(value).replace("\0", "").strip()
    from pydicom.charset import decode_bytes  # not before some text needs it: 50 MB of memory
    from pydicom.valuerep import PN_DELIMS, TEXT_VR_DELIMS

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            text = decode_bytes(value, list(_codecs(charset)), PN_DELIMS if vr == b"PN" else TEXT_VR_DELIMS)
        except Exception:  # whatever a codec makes of hostile escapes, the text is what ASCII leaves of it
            text = value.decode("ascii", "replace")
    return text.replace(_CHINESE_ESCAPE, "").replace("\0", "").strip()


def _undeclared(value: bytes) -> str:
    """Text beyond ASCII that declares no set: Unicode if it reads as such, else Latin-1, which always reads."""
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        return value.decode("latin-1")


_SINGLE = frozenset(
    {"ISO_IR 100", "ISO_IR 101", "ISO_IR 109", "ISO_IR 110", "ISO_IR 126", "ISO_IR 127", "ISO_IR 138", "ISO_IR 144"}
    | {"ISO_IR 148", "ISO_IR 166", "ISO_IR 192", "GB18030"}
)
"""Sets that need no escapes: a record may keep them. ISO_IR 13 is left out, as its yen and overline take the places
of the backslash and the tilde; ISO_IR 203 and GBK are, as they came late, and more readers know Unicode than them
(dicom3tools knows neither, pydicom not the first)."""


def record_set(charset: tuple[str, ...], texts: list[str]) -> tuple[str, str]:
    """The character set of a directory record with these texts: ("" or a Defined Term, its Python codec).

    ASCII where that is enough (the oldest readers know nothing else), else the set of the instance where it is a
    single one and can say all of it without a byte that looks like a backslash (GB18030), else Unicode.
    """
    if all(text.isascii() for text in texts):
        return "", "ascii"
    if len(charset) == 1 and charset[0] in _SINGLE:
        codec = _codecs(charset)[0]
        try:
            if all(text.encode(codec).count(b"\\") == text.count("\\") for text in texts):
                return charset[0], codec  # else a half of a character would be a separator to many a reader
        except UnicodeError:
            pass
    return UTF_8, "utf-8"
