"""DICOM files: the File Meta Information, and the header of an instance in a file (PS3.10 §7)."""

from __future__ import annotations

import mmap
import os
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from .elements import EXPLICIT_LE, UNDEFINED, NeedMore, Unparsable, read_header
from .instance import InstanceHeader, check_rest, scan_header
from .records import MEDIA_STORAGE_DIRECTORY

HEAD_BYTES = 64 * 1024
"""Read at first; pixel data begin before that in all but a few files."""
META_ELEMENTS_MAX = 64


@dataclass(frozen=True, slots=True)
class FileMeta:
    """What stands before a data set; "" for what is not said."""

    sop_class_uid: str
    sop_instance_uid: str
    transfer_syntax_uid: str
    data_offset: int
    """Bytes before the data set."""


def file_meta(head: bytes) -> FileMeta:
    """The File Meta Information at the beginning of a file.

    Raises:
        Unparsable: no preamble and prefix, or a damaged meta.
    """
    if head[128:132] != b"DICM":
        raise Unparsable("no preamble and DICM prefix")
    return _meta(head, 132)


def _meta(head: bytes, position: int) -> FileMeta:
    texts: dict[int, str] = {}
    for _ in range(META_ELEMENTS_MAX):
        if head[position : position + 2] != b"\2\0":
            break
        tag, _, start, length = read_header(head, position, len(head), EXPLICIT_LE)
        if length == UNDEFINED or start + length > len(head):
            raise Unparsable("its File Meta Information is damaged")
        texts[tag] = head[start : start + length].decode("ascii", "replace").strip("\0 ")
        position = start + length
    return FileMeta(texts.get(0x00020002, ""), texts.get(0x00020003, ""), texts.get(0x00020010, ""), position)


def lenient_meta(head: bytes) -> FileMeta:
    """The same of files that lack the preamble, or the meta altogether: the encoding is seen from the first element.

    Raises:
        Unparsable: this does not begin like a data set.
    """
    if head[128:132] == b"DICM":
        meta = _meta(head, 132)
    elif head[:4] == b"DICM":
        meta = _meta(head, 4)
    else:
        meta = _meta(head, 0)
    if meta.transfer_syntax_uid:
        return meta
    first = head[meta.data_offset : meta.data_offset + 8]
    if len(first) < 8 or first[:2] not in (b"\x08\0", b"\0\x08"):
        raise Unparsable("not a DICOM file")
    if first[0] == 0:
        syntax = "1.2.840.10008.1.2.2"
    else:
        syntax = "1.2.840.10008.1.2.1" if first[4:6].isalpha() and first[4:6].isupper() else "1.2.840.10008.1.2"
    return FileMeta(meta.sop_class_uid, meta.sop_instance_uid, syntax, meta.data_offset)


def says_instance(path: Path) -> bool:
    """Whether a file begins as a Part 10 file of an instance, whatever else is in it. A DICOMDIR is none."""
    with path.open("rb") as file:
        head = file.read(HEAD_BYTES)
    try:
        return file_meta(head).sop_class_uid != MEDIA_STORAGE_DIRECTORY
    except Unparsable:
        return head[128:132] == b"DICM"


def scan_file(path: Path) -> tuple[InstanceHeader, FileMeta]:
    """The header of the instance in a file, as from a folder of exported images.

    Raises:
        Unparsable: not a DICOM file, no instance (a DICOMDIR is none: it has no study), or not all of one.
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        head = file.read(HEAD_BYTES)
        meta = lenient_meta(head)
        header = _header(file, head, meta)
        size = os.fstat(file.fileno()).st_size - meta.data_offset

        def read(position: int, count: int) -> bytes:
            return os.pread(file.fileno(), count, meta.data_offset + position)

        check_rest(read, header.read_bytes, size, meta.transfer_syntax_uid)
        return header, meta


def _header(file: BinaryIO, head: bytes, meta: FileMeta) -> InstanceHeader:
    whole = len(head) < HEAD_BYTES
    try:
        return scan_header(head[meta.data_offset :], meta.transfer_syntax_uid, complete=whole)
    except NeedMore:
        if whole:
            raise
    with (
        mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped,
        memoryview(mapped) as view,
        view[meta.data_offset :] as data,
    ):
        return scan_header(data, meta.transfer_syntax_uid)
