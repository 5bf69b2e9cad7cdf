"""Films as files in a folder: PDF, PNG or TIFF, and beside them a JSON record of the film."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from printing.outputs import PDF, PNG, TIFF, Delivered, Look, Properties, RenderedFilm, Stop, Target
from printing.printer import NORMAL, PrinterState, Takes
from printing.render.names import names
from printing.terms import PrinterStatus

PROPERTIES = Properties((PDF, PNG, TIFF), reports_status=False, safe_to_repeat=True, look_every_s=30.0)
ANY = Takes()
"""A file takes every size."""
LEAST_BYTES, LEAST_FILES = 16 << 20, 8
"""Room for the next film."""


@dataclass(frozen=True, slots=True)
class FolderOutput:
    """Puts films into one folder, durably, each whole or not at all.

    Attributes:
        folder: absolute; made if it is missing.
        mode: of the files.
        group: their group's number; -1 leaves the daemon's.
        formats: media types of the files.
    """

    folder: Path
    mode: int = 0o640
    group: int = -1
    formats: tuple[str, ...] = (PDF,)
    properties: Properties = field(default=PROPERTIES)

    def target(self) -> Target:
        """A page of a file may have any size."""
        return Target(self.formats[0], also=self.formats[1:])

    def look(self) -> Look:
        """Whether the folder can be written and has room, or could be made."""
        place = self.folder
        try:
            while not place.exists() and place != place.parent:
                place = place.parent
            disk = os.statvfs(place)
            writable = place.is_dir() and os.access(place, os.W_OK | os.X_OK) and not disk.f_flag & os.ST_RDONLY
        except OSError:
            return Look(PrinterState(PrinterStatus.FAILURE, "CHECK PRINTER"), ANY)
        if not writable:
            return Look(PrinterState(PrinterStatus.FAILURE, "CHECK PRINTER"), ANY)
        full = disk.f_bavail * disk.f_frsize < LEAST_BYTES or (disk.f_files and disk.f_favail < LEAST_FILES)
        return Look(PrinterState(PrinterStatus.FAILURE, "PRINT BUFF FULL") if full else NORMAL, ANY)

    def deliver(self, film: RenderedFilm, stop: Callable[[], Stop] = lambda: Stop.NO) -> Delivered:
        """The files and the record; the same film again replaces its own files and no others."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o750)
        record = self.folder / f"{film.name}.json"
        self._put(record, None, json.dumps(film.record, indent=1, sort_keys=True, ensure_ascii=False).encode())
        made: list[Path] = []
        for suffix in dict.fromkeys(file.suffix for file in film.files):
            files = [file for file in film.files if file.suffix == suffix]
            for file, name in zip(files, names(self.folder / f"{film.name}{suffix}", len(files)), strict=True):
                self._put(name, file, b"")
                made.append(name)
        fd = os.open(self.folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)
        return Delivered((*made, record))

    def _put(self, target: Path, source: Path | None, data: bytes) -> None:
        unfinished = target.with_name(f".{target.name}.part")
        try:
            with unfinished.open("wb") as out:
                os.fchmod(out.fileno(), self.mode)
                if self.group >= 0:
                    os.fchown(out.fileno(), -1, self.group)
                if source is None:
                    out.write(data)
                else:
                    with source.open("rb") as content:
                        shutil.copyfileobj(content, out, 1 << 20)
                out.flush()
                os.fsync(out.fileno())
            unfinished.rename(target)
        except BaseException:
            unfinished.unlink(missing_ok=True)
            raise
