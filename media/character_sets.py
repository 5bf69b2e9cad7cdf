"""Specific Character Set (0008,0005): reading text of any set, and choosing the set of a record (PS3.5 §6.1).

Decoding itself is pydicom's, which knows the escapes of ISO 2022. What a disc needs on top is to go on when the bytes
are wrong: a name with one bad byte is a name with one replacement sign, never an instance that cannot be read.
"""

from __future__ import annotations

import warnings
from functools import lru_cache

from pydicom.charset import convert_encodings, decode_bytes
from pydicom.valuerep import PN_DELIMS, TEXT_VR_DELIMS

REPLACEMENT = "\ufffd"
UTF_8 = "ISO_IR 192"


def terms(value: bytes) -> tuple[str, ...]:
    """The Defined Terms of a (0008,0005) value, as sent; () for the default repertoire."""
    found = tuple(term.strip(" \0") for term in value.decode("latin-1").split("\\"))
    return found if any(found) else ()


@lru_cache(maxsize=256)
def _codecs(charset: tuple[str, ...]) -> tuple[str, ...]:
    """Python codecs of a character set; misspelt terms as pydicom mends them, unknown ones as ASCII."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return tuple(convert_encodings(list(charset) or None))
        except (LookupError, ValueError):
            return ("iso8859",)


def decode(value: bytes, charset: tuple[str, ...], vr: bytes = b"LO") -> str:
    """Text of a value, without padding and NULs; undecodable bytes become U+FFFD.

    Args:
        vr: PN changes back to the first set at ^ and = too (PS3.5 §6.1.2.5.3).
    """
    if value.isascii() and b"\x1b" not in value:
        return value.decode("ascii").replace("\0", "").strip()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            text = decode_bytes(value, list(_codecs(charset)), PN_DELIMS if vr == b"PN" else TEXT_VR_DELIMS)
        except Exception:  # whatever a codec makes of hostile escapes, the text is what ASCII leaves of it
            text = value.decode("ascii", "replace")
    return text.replace("\0", "").strip()
