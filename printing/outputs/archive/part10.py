"""A DICOM file (PS3.10) whose one large value is copied from other files: memory stays small, however large it is."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from io import BytesIO
from pathlib import Path

from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.filewriter import dcmwrite
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian
from pynetdicom.dsutils import encode

LONGEST = 0xFFFFFFFE


def write_file(
    file: Path,
    data_set: Dataset,
    tag: int,
    length: int,
    value: Iterable[bytes | memoryview],
    *,
    word: bool = False,
    implicit: bool = False,
) -> None:
    """Write an instance.

    Args:
        file: is replaced.
        data_set: all elements but the large one.
        tag: of the large one.
        length: its bytes; an odd number gets one more.
        value: its bytes, in parts.
        word: OW rather than OB.
        implicit: in Implicit VR Little Endian.

    Raises:
        ValueError: a value that is too long for DICOM, or not as long as it was said to be.
        OSError: the disk is full.
    """
    padded = length + length % 2
    if padded > LONGEST:
        raise ValueError("the film is too large for a DICOM instance")
    syntax = ImplicitVRLittleEndian if implicit else ExplicitVRLittleEndian
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = data_set.SOPClassUID, data_set.SOPInstanceUID
    meta.TransferSyntaxUID = syntax
    before, after = Dataset(), Dataset()
    for element in data_set:
        (before if element.tag < tag else after).add(element)
    before.file_meta = meta
    head = BytesIO()
    dcmwrite(head, before, enforce_file_format=True)
    rest = (encode(after, implicit, True) or b"") if len(after) else b""
    large = struct.pack("<HH", tag >> 16, tag & 0xFFFF)
    large += struct.pack("<I", padded) if implicit else struct.pack("<2sHI", b"OW" if word else b"OB", 0, padded)
    with file.open("wb") as out:
        out.write(head.getvalue() + large)
        written = 0
        for part in value:
            written += out.write(part)
        if written != length:
            raise ValueError("the film's files are not what they were")
        out.write(b"\0" * (padded - length) + rest)
