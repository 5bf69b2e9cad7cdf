"""ICC profiles of grey samples (ICC.1:2001-04, version 2.4): what a sample means, for programs that ask."""

from __future__ import annotations

import struct
from collections.abc import Sequence

D50 = (0.9642, 1.0, 0.8249)
MOST_BYTES = 4 * 1024 * 1024
"""Of a profile that a console sends; real ones have a few KiB to 2 MiB."""


def gray_profile(curve: Sequence[float], description: str) -> bytes:
    """A monochrome output profile.

    Args:
        curve: relative luminance (0 to 1) of samples at even distances, from the darkest to the brightest; up to
            4096 of them.
        description: shown to people; ASCII.
    """
    text = description.encode("ascii") + b"\0"
    described = b"desc\0\0\0\0" + struct.pack(">L", len(text)) + text + bytes(4 + 4 + 2 + 1 + 67)
    points = struct.pack(f">{len(curve)}H", *(int(min(max(value, 0.0), 1.0) * 65535 + 0.5) for value in curve))
    tags = {
        b"desc": described,
        b"cprt": b"text\0\0\0\0No copyright\0",
        b"wtpt": b"XYZ \0\0\0\0" + b"".join(_fixed(value) for value in D50),
        b"kTRC": b"curv\0\0\0\0" + struct.pack(">L", len(curve)) + points,
    }
    table, body = struct.pack(">L", len(tags)), b""
    first = 128 + 4 + 12 * len(tags)
    for name, data in tags.items():
        table += name + struct.pack(">LL", first + len(body), len(data))
        body += data + bytes(-len(data) % 4)
    size = first + len(body)
    header = struct.pack(">L4xL", size, 0x02400000) + b"mntrGRAYXYZ "
    header += struct.pack(">6H", 2026, 1, 1, 0, 0, 0) + b"acsp" + bytes(28)
    header += b"".join(_fixed(value) for value in D50)
    return header.ljust(128, b"\0") + table + body


def _fixed(value: float) -> bytes:
    return struct.pack(">l", round(value * 65536))


def is_rgb_profile(data: bytes) -> bool:
    """Whether these bytes are a profile for RGB samples, as far as its header tells."""
    return (
        128 < len(data) <= MOST_BYTES
        and data[36:40] == b"acsp"
        and data[16:20] == b"RGB "
        and int.from_bytes(data[:4], "big") == len(data)
    )
