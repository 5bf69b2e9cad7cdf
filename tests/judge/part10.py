"""DICOM files from bytes of our own (PS3.10): drawn studies of small images, in Implicit and Explicit VR."""

from __future__ import annotations

import random
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tests.judge.wire import EXPLICIT, Elements, encoded

CT, MR, SC, US = (f"1.2.840.10008.5.1.4.1.1.{tail}" for tail in ("2", "4", "7", "6.1"))
MODALITIES = {CT: "CT", MR: "MR", SC: "OT", US: "US"}


@dataclass(frozen=True)
class Instance:
    """An instance as its modality made it."""

    uid: str
    study: str
    elements: Elements
    transfer: str
    values: NDArray[Any]

    def data(self) -> bytes:
        """The data set in its transfer syntax."""
        return encoded(self.elements, self.transfer == EXPLICIT)

    def write(self, file: Path) -> Path:
        """As a file, with a preamble that says something."""
        meta: Elements = {
            0x00020001: ("OB", b"\0\1"),
            0x00020002: ("UI", self.elements[0x00080016][1]),
            0x00020003: ("UI", self.uid),
            0x00020010: ("UI", self.transfer),
            0x00020012: ("UI", "2.25.77001122"),
        }
        body = encoded(meta, True)
        file.parent.mkdir(parents=True, exist_ok=True)
        head = b"II*\0".ljust(128, b"x") + b"DICM" + encoded({0x00020000: ("UL", len(body))}, True)
        file.write_bytes(head + body + self.data())
        return file


@dataclass(frozen=True)
class Root:
    """A UID root that nothing else has, drawn from the seed."""

    prefix: str

    @staticmethod
    def drawn(draw: random.Random) -> Root:
        """`2.25.` and a number."""
        return Root(f"2.25.{draw.randrange(1 << 60, 1 << 62)}")

    def uid(self, *path: int) -> str:
        """A UID below the root."""
        return ".".join([self.prefix, *map(str, path)])


def instance(
    draw: random.Random,
    root: Root,
    study: int,
    series: int,
    number: int,
    values: NDArray[Any],
    bits: int,
    *,
    patient: tuple[str, str, str] = ("JUDGED^FILM", "J-1", "19560612"),
    sop_class: str = SC,
    transfer: str = EXPLICIT,
) -> Instance:
    """An image of a study: values are (rows, columns, samples)."""
    rows, columns, samples = values.shape
    uid = root.uid(study, series, number)
    padding = b"P" * (2 * draw.randint(0, 200))
    elements: Elements = {
        0x00080005: ("CS", "ISO_IR 100"),
        0x00080008: ("CS", "DERIVED\\SECONDARY"),
        0x00080016: ("UI", sop_class),
        0x00080018: ("UI", uid),
        0x00080020: ("DA", "20240229"),
        0x00080030: ("TM", f"{draw.randint(10, 23)}0102"),
        0x00080050: ("SH", f"A{study}"),
        0x00080060: ("CS", MODALITIES[sop_class]),
        0x00080064: ("CS", "WSD"),
        0x00080070: ("LO", "Judge"),
        0x00080090: ("PN", "REFERRING^DOCTOR"),
        0x00081030: ("LO", f"Study {study}"),
        0x00081140: ("SQ", [{0x00081150: ("UI", sop_class), 0x00081155: ("UI", root.uid(99, number))}]),
        0x00090010: ("LO", "JUDGE PRIVATE"),
        0x00091001: ("OB", padding),
        0x00100010: ("PN", patient[0]),
        0x00100020: ("LO", patient[1]),
        0x00100030: ("DA", patient[2]),
        0x00100040: ("CS", "O"),
        0x0020000D: ("UI", root.uid(study)),
        0x0020000E: ("UI", root.uid(study, series)),
        0x00200010: ("SH", str(study)),
        0x00200011: ("IS", str(series)),
        0x00200013: ("IS", str(number)),
        0x00200020: ("CS", ""),
        0x00280002: ("US", samples),
        0x00280004: ("CS", "RGB" if samples == 3 else "MONOCHROME2"),
        0x00280010: ("US", rows),
        0x00280011: ("US", columns),
        0x00280100: ("US", 16 if bits > 8 else 8),
        0x00280101: ("US", bits),
        0x00280102: ("US", bits - 1),
        0x00280103: ("US", 0),
        0x7FE00010: ("OW" if bits > 8 or transfer != EXPLICIT else "OB", raw(values, bits)),
    }
    if samples == 3:
        elements[0x00280006] = ("US", 0)
    if not padding:
        del elements[0x00091001]
    return Instance(uid, root.uid(study), elements, transfer, values)


def raw(values: NDArray[Any], bits: int) -> bytes:
    """Pixel Data of these values, little endian."""
    return values.astype("<u2" if bits > 8 else "u1").tobytes()


def image_file(file: Path, values: NDArray[Any], bits: int, number: int) -> Path:
    """One image as a file, of a study of its own."""
    draw = random.Random(number)
    return instance(draw, Root.drawn(draw), 1, 1, number + 1, values, bits).write(file)


def drawn_study(
    draw: random.Random,
    root: Root,
    study: int,
    count: int,
    *,
    transfer: str | None = None,
    least: int = 8,
    side: int = 96,
) -> list[Instance]:
    """A study of so many instances: any series, modality, size and depth; noise, or a pattern that compresses well."""
    found = []
    patient = (f"JUDGED^{study}", f"J-{study}-{root.prefix[-5:]}", "19560612")
    series_count = draw.randint(1, 4)
    for number in range(1, count + 1):
        samples = draw.choice([1, 1, 1, 3])
        bits = 8 if samples == 3 else draw.choice([8, 10, 12, 16])
        shape = (*(2 * draw.randint(least // 2, side // 2) for _ in "yx"), samples)
        noise = np.random.default_rng(draw.randrange(1 << 30))
        values = noise.integers(0, 1 << bits, shape)
        if draw.random() < 0.5:
            values = np.cumsum(values >> (bits - 1), axis=1) % (1 << bits)
        found.append(
            instance(
                draw,
                root,
                study,
                draw.randint(1, series_count),
                number,
                values,
                bits,
                patient=patient,
                sop_class=SC if samples == 1 else draw.choice([SC, US]),
                transfer=transfer or draw.choice([EXPLICIT, "1.2.840.10008.1.2"]),
            )
        )
    return found


def file_body(file: Path) -> tuple[str, bytes]:
    """Transfer syntax and data set of a Part 10 file, byte for byte."""
    content = file.read_bytes()
    assert content[128:132] == b"DICM", file
    (length,) = struct.unpack_from("<I", content, 140)
    meta = content[144 : 144 + length]
    at = meta.index(b"\x02\x00\x10\x00UI")
    (size,) = struct.unpack_from("<H", meta, at + 6)
    return meta[at + 8 : at + 8 + size].decode().strip("\0"), content[144 + length :]
