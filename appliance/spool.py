"""Folders of films on stable storage: the document, its pixels by hard link, and notes beside them."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from printing.page import DOCUMENT, FilmDocument


def fill(folder: Path, pixels: Path, document: FilmDocument, notes: Mapping[str, str]) -> None:
    """Make the folder of a film; on return all that is in it is durable, but not yet its own name.

    Args:
        folder: not there yet.
        pixels: the folder that has the pixel files which the document names.
        document: what the film is.
        notes: more files, by name; ASCII.

    Raises:
        OSError: the disk is full or failing, or the pixels are gone; something of the folder may be left.
    """
    folder.mkdir(mode=0o700)
    for name in dict.fromkeys(one.file for one in document.references()):
        link(pixels / name, folder / name)
        sync(folder / name)
    for name, text in {DOCUMENT: document.to_json(), **notes}.items():
        with open(folder / name, "x", encoding="ascii", opener=_private) as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
    sync(folder)


def document_of(folder: Path) -> FilmDocument:
    """The document of a film.

    Raises:
        OSError: there is none.
        ValueError, TypeError, KeyError: it is not whole.
    """
    return FilmDocument.from_json((folder / DOCUMENT).read_bytes())


def link(source: Path, target: Path) -> None:
    """A second name for a file; a copy where the file system has no hard links.

    Raises:
        OSError: neither could be made.
    """
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)


def sync(path: Path) -> None:
    """Make a file, or the names in a folder, durable."""
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
