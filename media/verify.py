"""Is what was written what was meant? Read the medium back: every file by its hash, and every reference followed."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path

from .directory_reader import read_dicomdir
from .part10 import HEAD_BYTES, file_meta
from .validation_sources import Place, Severity, Source, Unreadable, open_source

CHUNK_BYTES = 4 * 1024 * 1024

FileName = tuple[str, ...]


class NotVerified(Exception):
    """The medium is not what was meant; the text says where."""


def verify(medium: Path, expected: Mapping[FileName, str], progress: Callable[[float], None] = lambda _: None) -> None:
    """Compare a medium with what was meant to be on it.

    Args:
        medium: an ISO image, a ZIP archive or a folder.
        expected: SHA-256 in hexadecimal by path; nothing else may be there.
        progress: hears 0 to 1.

    Raises:
        NotVerified: a file is missing, damaged or too many, or a reference of the DICOMDIR leads nowhere.
    """

    def complain(severity: Severity, text: str, section: str, location: str) -> None:
        if severity == "error":
            raise NotVerified(f"{text} ({section}): {location}")

    try:
        source = open_source(medium, complain)
    except Unreadable as failure:
        raise NotVerified(str(failure)) from failure
    try:
        places = {_plain(place): place for place in source.files}
        if missing := expected.keys() - places.keys():
            raise NotVerified(f"{len(missing)} files are missing, the first {'/'.join(min(missing))}")
        if unmeant := places.keys() - expected.keys():
            raise NotVerified(f"{len(unmeant)} files are not meant to be there, the first {'/'.join(min(unmeant))}")
        total = sum(source.files.values()) or 1
        done = 0
        for path, place in places.items():
            if _sha256(source, place) != expected[path]:
                raise NotVerified(f"{'/'.join(path)} is not what was written")
            done += source.files[place]
            progress(done / total)
        _follow(source, places)
    finally:
        source.close()


def _plain(path: FileName) -> FileName:
    return tuple(part.partition(";")[0].removesuffix(".") for part in path)


def _sha256(source: Source, place: Place) -> str:
    digest = hashlib.sha256()
    for start in range(0, source.files[place], CHUNK_BYTES):
        digest.update(source.read(place, start, CHUNK_BYTES))
    return digest.hexdigest()


def _follow(source: Source, places: Mapping[FileName, Place]) -> None:
    """Parse the DICOMDIR and open what each record refers to."""
    directory = places[("DICOMDIR",)]
    tree = read_dicomdir(source.read(directory, 0, source.files[directory]))
    if tree.problems:
        raise NotVerified(f"the DICOMDIR: {tree.problems[0]}")
    referred: set[FileName] = set()
    for record, _ in tree.references():
        path = tuple(record.file_id)
        if path not in places:
            raise NotVerified(f"the DICOMDIR refers to {'/'.join(path)}, which is not there")
        meta = file_meta(source.read(places[path], 0, HEAD_BYTES))
        said = (record.text(0x00041511), record.text(0x00041510), record.text(0x00041512))
        if said != (meta.sop_instance_uid, meta.sop_class_uid, meta.transfer_syntax_uid):
            raise NotVerified(f"the DICOMDIR says of {'/'.join(path)} what the file does not")
        referred.add(path)
    instances = {path for path in places if path[0] == "DICOM"}
    if instances != referred:
        raise NotVerified(f"{len(instances - referred)} instances stand in no directory record")
