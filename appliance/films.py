"""Films: from a frozen document to a folder on stable storage and a row in the job table (promise 1).

Pixels come into a folder of their association while the dialogue runs. N-ACTION links them into a folder of the job,
writes the document beside them, makes all of it durable, and then commits the row; only then may a peer hear Success.
What happens to the association after that, and to its folder, does not matter to the job. Where a printer's films go
to others too, each of these has a job and a folder of its own, made in the same commit.
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
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from appliance.database import DATABASE_ERRORS
from appliance.jobs import DONE, Job, Jobs, NewJob, QueueFull
from appliance.orders import FilmOrder, Gate, day_of, reprint_of, rows_of, sheets_of
from appliance.reprints import ORDER, Reprints
from appliance.spool import document_of, fill, sync
from printing.page import FilmDocument, plain

log = logging.getLogger("gravure.print")

FOUND_AGAIN = "found again after the database was lost; it may have been printed before"

COPY_BYTES = 1024 * 1024


class NotKept(Exception):
    """A film cannot be printed again; says why, in words for a person."""


class NotSpooled(Exception):
    """No print job was made: the disk or the queue is full, or the database cannot be written."""


class Films:
    """The spool of films.

    Args:
        spool: folder of the spool; jobs lie in `films/`, what open associations hold in `print/`.
        jobs: the job table.
        reserve_bytes: free space that no film may touch.
        clock: monotonic seconds, for the guard against films that are sent twice.
        wall: seconds since the epoch, for the day that films are counted in.
        reprint_days: how long films are kept after they came out, by printer.
    """

    def __init__(
        self,
        spool: Path,
        jobs: Jobs,
        reserve_bytes: int = 0,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
        reprint_days: Mapping[str, float] | None = None,
    ) -> None:
        self._films = spool / "films"
        self._associations = spool / "print"
        self._jobs = jobs
        self._reserve_bytes = reserve_bytes
        self._clock = clock
        self._wall = wall
        self._counting = threading.Lock()
        self.reprints = Reprints(spool, reprint_days or {}, reserve_bytes)
        """What is kept of films that came out."""
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
        return self._is_above_reserve() or (self.reprints.give_way() and self._is_above_reserve())

    def _is_above_reserve(self) -> bool:
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
        films = {job.folder: job for job in self._jobs.list(limit=1_000_000) if job.kind == "film"}
        for folder in sorted(self._films.iterdir(), key=_age):  # found again, films keep their order
            job = films.get(folder.name)
            if job is not None and job.step == DONE:
                self.reprints.keep(job)
            elif job is None and not (database_lost and self._resubmit(folder)):
                shutil.rmtree(folder, ignore_errors=True)
        self.reprints.forget(self.reprints.names() - films.keys())

    def _resubmit(self, folder: Path) -> bool:
        try:
            document_of(folder)
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
        rows = rows_of(order)
        try:
            return self._make(order.document, order.pixels, rows, (order.gate, *order.also.values()))
        except (OSError, QueueFull, *DATABASE_ERRORS) as failure:
            log.error("film not spooled", extra={"error": str(failure).splitlines()[0]})
            raise NotSpooled(str(failure)) from failure

    def _make(self, document: FilmDocument, pixels: Path, rows: Sequence[NewJob], gates: Sequence[Gate] = ()) -> Job:
        """Folders and rows of one film, all or none; the first one's job."""
        if not self.has_room():
            raise NotSpooled("the disk reserve is reached")
        try:
            for row in rows:
                fill(self._films / row.folder, pixels, document, {ORDER: json.dumps(plain(row))})
                pixels = self._films / row.folder
            sync(self._films)
            with self._counting:  # two films must not both be the last one of the day
                return self._jobs.create_all(list(map(self._counted, rows, gates)) if gates else rows)[0]
        except BaseException:
            for row in rows:
                shutil.rmtree(self._films / row.folder, ignore_errors=True)
            raise

    def _counted(self, row: NewJob, gate: Gate) -> NewJob:
        """The row, held if its caller has had the films of this day."""
        if not gate.films_a_day or row.held:
            return row
        day = day_of(self._wall())
        before = self._jobs.payloads_between(row.kind, row.ae_title, row.calling_ae_title, *day)
        of_console = (one for one in before if "reprint_of" not in one)
        if sum(map(sheets_of, of_console)) + sheets_of(row.payload) <= gate.films_a_day:
            return row
        return replace(row, held=True, hold_reason=f"over the quota of {gate.films_a_day} films a day")

    def reprint(self, job_id: str, printer: str = "", copies: int | None = None) -> Job:
        """Print a film once more: a new job, which no console hears of. Blocks on the disk: call it in a thread.

        Args:
            job_id: a film job that has ended.
            printer: where to; empty takes the printer of the job.
            copies: how many; None takes as many as the console asked for.

        Raises:
            NotKept: it cannot be; nothing was made.
            NoSuchJob: there is no such job.
        """
        job = self._jobs.get(job_id)
        if job.kind != "film":
            raise NotKept(f"job {job_id} is no film")
        if not job.ended:
            raise NotKept(f"job {job_id} is {job.step}: it must have ended or be cancelled first")
        with self.reprints.borrowed(job) as folder:
            try:
                if folder is None:
                    raise FileNotFoundError
                document = document_of(folder)
                warnings = json.loads((folder / ORDER).read_bytes())["warnings"]
                if copies is not None:
                    document = replace(document, number_of_copies=copies)
                return self._make(document, folder, [reprint_of(job, document, printer or job.ae_title, warnings)])
            except (FileNotFoundError, ValueError, TypeError, KeyError):
                raise NotKept(f"the images of job {job_id} are not kept any more (reprint_days)") from None
            except (OSError, QueueFull, NotSpooled, *DATABASE_ERRORS) as failure:
                raise NotKept(f"not now: {str(failure).splitlines()[0]}") from failure


def _age(folder: Path) -> float:
    """When a job's folder was filled."""
    try:
        return (folder / ORDER).stat().st_mtime
    except OSError:
        return 0.0
