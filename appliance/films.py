"""Films: from a frozen document to a folder on stable storage and a row in the job table (promise 1).

Pixels come into a folder of their association while the dialogue runs. N-ACTION links them into a folder of the job,
writes the document beside them, makes all of it durable, and then commits the row; only then may a peer hear Success.
What happens to the association after that, and to its folder, does not matter to the job.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import secrets
import shutil
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from appliance.database import DATABASE_ERRORS
from appliance.jobs import Job, Jobs, NewJob, QueueFull
from printing.page import DOCUMENT, FilmDocument, plain

log = logging.getLogger("gravure.print")

ORDER = "order.json"
"""Name of the file in a job's folder that the row of the job table can be made of again."""
FOUND_AGAIN = "found again after the database was lost; it may have been printed before"

MOST_CLUES = 20
"""Clues to the patient that the row of a job shows; the film's record has all of them."""

COPY_BYTES = 1024 * 1024


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


class NotSpooled(Exception):
    """No print job was made: the disk or the queue is full, or the database cannot be written."""


@dataclass(frozen=True, slots=True)
class FilmOrder:
    """What one N-ACTION asks for."""

    document: FilmDocument
    pixels: Path
    """Folder of the pixel files that the document names."""
    print_job_uid: str
    ae_title: str
    """The printer."""
    calling_ae_title: str
    peer_address: str = ""
    warnings: tuple[str, ...] = ()
    duplicate_within_s: float = 0.0
    """The same film from the same caller within this time is the same job; 0 never."""


class Films:
    """The spool of films.

    Args:
        spool: folder of the spool; jobs lie in `films/`, what open associations hold in `print/`.
        jobs: the job table.
        reserve_bytes: free space that no film may touch.
        clock: monotonic seconds, for the guard against films that are sent twice.
    """

    def __init__(
        self, spool: Path, jobs: Jobs, reserve_bytes: int = 0, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._films = spool / "films"
        self._associations = spool / "print"
        self._jobs = jobs
        self._reserve_bytes = reserve_bytes
        self._clock = clock
        self._recent: dict[tuple[str, str, str], tuple[float, str]] = {}
        self._guard = threading.Lock()
        for folder in (self._films, self._associations):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)

    @property
    def jobs(self) -> Jobs:
        """The job table that films go into."""
        return self._jobs

    def has_room(self) -> bool:
        """Whether more may be taken: the disk is above its reserve, in bytes and in inodes."""
        disk = os.statvfs(self._films)
        return disk.f_bavail * disk.f_frsize >= self._reserve_bytes and not (disk.f_files and disk.f_favail < 64)

    # -- what an association holds ------------------------------------------------------------------------------

    def open(self) -> Path:
        """A folder for the pixels of one association."""
        folder = self._associations / secrets.token_hex(8)
        folder.mkdir(mode=0o700)
        return folder

    def forget(self, folder: Path, files: Sequence[str]) -> None:
        """Delete files that an association no longer needs. Jobs have links of their own."""
        for name in files:
            (folder / name).unlink(missing_ok=True)

    def close(self, folder: Path) -> None:
        """The association ended: nothing of it stays."""
        shutil.rmtree(folder, ignore_errors=True)

    def sweep(self, *, database_lost: bool = False) -> None:
        """What a crash left: folders of associations that are gone, and of jobs that were never promised.

        Called at the start, before any listener is open.

        Args:
            database_lost: the job table is new. Then every complete folder is a job again: a film that was finished
                has no folder any more, and one that was never promised is printed rather than one lost that was.
        """
        for folder in self._associations.iterdir():
            shutil.rmtree(folder, ignore_errors=True)
        named = {job.folder for job in self._jobs.list(limit=1_000_000) if job.kind == "film"}
        for folder in self._films.iterdir():
            if folder.name not in named and not (database_lost and self._resubmit(folder)):
                shutil.rmtree(folder, ignore_errors=True)

    def _resubmit(self, folder: Path) -> bool:
        try:
            FilmDocument.from_json((folder / DOCUMENT).read_bytes())
            order = json.loads((folder / ORDER).read_bytes())
            order["warnings"] = (*order["warnings"], FOUND_AGAIN)
            job = self._jobs.create(NewJob(**order))
        except (OSError, ValueError, TypeError, KeyError):
            return False
        log.warning("film found again after the database was lost", extra={"job": job.id})
        return True

    # -- jobs ---------------------------------------------------------------------------------------------------

    def submit(self, order: FilmOrder) -> Job:
        """Make a print job; on return it is durable. Blocks on the disk: call it in a thread.

        Raises:
            NotSpooled: no job was made, and nothing of it is left.
        """
        if order.duplicate_within_s <= 0:
            return self._spool(order)
        with self._guard:  # the second of two equal films must wait for what becomes of the first
            digest = self._digest(order)
            key = (order.ae_title, order.calling_ae_title, digest)
            now = self._clock()
            self._recent = {one: value for one, value in self._recent.items() if value[0] > now}
            earlier = self._earlier(key)
            if earlier is not None:
                log.warning("film sent again, not printed again", extra={"job": earlier.id, "peer": key[1]})
                return earlier
            job = self._spool(order)
            self._recent[key] = (now + order.duplicate_within_s, order.print_job_uid)
            return job

    def _earlier(self, key: tuple[str, str, str]) -> Job | None:
        if key not in self._recent:
            return None
        job = self._jobs.by_uid(self._recent[key][1])
        return None if job is None or job.state == "FAILURE" else job

    def _digest(self, order: FilmOrder) -> str:
        """What a film is: everything but where its pixels lie."""
        found = hashlib.sha256()
        nowhere = {one: replace(one, file="", offset=0) for one in order.document.references()}
        pages = tuple(
            replace(
                page,
                images=tuple(replace(box, pixels=nowhere[box.pixels] if box.pixels else None) for box in page.images),
            )
            for page in order.document.pages
        )
        found.update(replace(order.document, pages=pages).to_json().encode())
        for pixels in order.document.references():
            with (order.pixels / pixels.file).open("rb") as file:
                file.seek(pixels.offset)
                left = pixels.length
                while left and (chunk := file.read(min(left, COPY_BYTES))):
                    found.update(chunk)
                    left -= len(chunk)
        return found.hexdigest()

    def _spool(self, order: FilmOrder) -> Job:
        if not self.has_room():
            raise NotSpooled("the disk reserve is reached")
        folder = self._films / secrets.token_hex(8)
        try:
            folder.mkdir(mode=0o700)
            row = self._row(folder, order)
            self._fill(folder, order, row)
            return self._jobs.create(row)
        except (OSError, QueueFull, *DATABASE_ERRORS) as failure:
            shutil.rmtree(folder, ignore_errors=True)
            log.error("film not spooled", extra={"error": str(failure).splitlines()[0]})
            raise NotSpooled(str(failure)) from failure
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise

    def _fill(self, folder: Path, order: FilmOrder, row: NewJob) -> None:
        """Pixels, document, folder, and the folder above that names it, each on stable storage."""
        for name in dict.fromkeys(pixels.file for pixels in order.document.references()):
            link(order.pixels / name, folder / name)
            sync(folder / name)
        for name, text in ((DOCUMENT, order.document.to_json()), (ORDER, json.dumps(plain(row)))):
            with open(folder / name, "x", encoding="ascii", opener=_private) as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
        sync(folder)
        sync(self._films)

    def _row(self, folder: Path, order: FilmOrder) -> NewJob:
        document = order.document
        first = document.pages[0]
        return NewJob(
            kind="film",
            ae_title=order.ae_title,
            calling_ae_title=order.calling_ae_title,
            uid=order.print_job_uid,
            folder=folder.name,
            payload={
                "films": len(document.pages),
                "number_of_copies": document.number_of_copies,
                "film_size_id": first.film_size_id,
                "film_orientation": first.film_orientation,
                "image_display_format": first.image_display_format,
                "color": first.color,
                "peer_address": order.peer_address,
                "patient_clues": plain(document.patient_clues[:MOST_CLUES]),
            },
            priority=document.print_priority,
            warnings=order.warnings,
        )


def link(source: Path, target: Path) -> None:
    """A second name for a file; a copy where the file system has no hard links."""
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
