"""Films that came out, kept for a while so that they can be printed again: document and pixels, nothing rendered.

They lie in `spool/printed/`, each under the name that it had in `spool/films/`, so that nothing in the latter is a film
that came out. Nobody has been promised them: when the disk fills up they go first, the oldest before the others.
"""

from __future__ import annotations

import logging
import os
import shutil
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from appliance.jobs import Job
from appliance.spool import document_of
from printing.page import DOCUMENT

log = logging.getLogger("gravure.print")

ORDER = "order.json"
"""Name of the file in a job's folder that the row of the job table can be made of again."""


class Reprints:
    """What is kept of films that came out.

    Args:
        spool: folder of the spool.
        days: how long, by printer; 0, or no entry, keeps nothing.
        reserve_bytes: free space that nothing may touch; less than twice as much, and films go.
    """

    def __init__(self, spool: Path, days: Mapping[str, float], reserve_bytes: int = 0) -> None:
        self._films = spool / "films"
        self._printed = spool / "printed"
        self._days = days
        self._reserve_bytes = reserve_bytes
        self._guard = threading.RLock()
        self._printed.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.any = any(self._printed.iterdir())
        """Whether something is kept."""

    def keep(self, job: Job) -> None:
        """A film came out: what it takes to print it again is kept, all else of its folder goes."""
        folder = self._films / job.folder
        if not job.folder or not folder.is_dir():
            return
        with self._guard:
            try:
                if self._days.get(job.ae_title, 0) > 0 and not self._near():
                    self._strip(folder)
                    folder.rename(self._printed / folder.name)
                    self.any = True
                    return
            except (OSError, ValueError, TypeError, KeyError) as failure:
                log.error("a film is not kept for reprint", extra={"job": job.id, "reason": type(failure).__name__})
            shutil.rmtree(folder, ignore_errors=True)

    @staticmethod
    def _strip(folder: Path) -> None:
        needed = {DOCUMENT, ORDER, *(one.file for one in document_of(folder).references())}
        for path in folder.iterdir():
            if path.is_dir():
                shutil.rmtree(path)
            elif path.name not in needed:
                path.unlink()
        os.utime(folder)  # its age among the others

    @contextmanager
    def borrowed(self, job: Job) -> Iterator[Path | None]:
        """Where the film of a job that has ended lies, and it stays there meanwhile; None where it is not kept."""
        with self._guard:
            folders = (parent / job.folder for parent in (self._printed, self._films) if job.folder)
            yield next((folder for folder in folders if (folder / DOCUMENT).exists()), None)

    def names(self) -> set[str]:
        """The folders that are kept."""
        return {path.name for path in self._printed.iterdir()}

    def forget(self, names: Iterable[str]) -> None:
        """Let films go."""
        with self._guard:
            for name in names:
                shutil.rmtree(self._printed / name, ignore_errors=True)
            self.any = any(self._printed.iterdir())

    def give_way(self) -> bool:
        """Let the oldest go while the disk is near its reserve. Returns whether any went."""
        with self._guard:
            if not self.any or not self._near():
                return False
            kept = sorted(self._printed.iterdir(), key=lambda path: path.stat().st_mtime)
            gone = 0
            while kept and self._near():
                shutil.rmtree(kept.pop(0), ignore_errors=True)
                gone += 1
            self.any = bool(kept)
        log.warning("the disk fills up: films that were kept for reprint are gone", extra={"films": gone})
        return True

    def _near(self) -> bool:
        disk = os.statvfs(self._printed)
        few = bool(disk.f_files) and disk.f_favail < 1024
        return few or disk.f_bavail * disk.f_frsize < 2 * self._reserve_bytes
