"""How far a document is: which films are out, which became Print Jobs of the imager, which nobody can vouch for."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from printing.outputs.note import read_note, remove_note, write_note

NAME = "relayed.json"


class Progress:
    """Films of a document by their number from 0; on stable storage before anything happens.

    Args:
        file: where it is kept.
        said: what a person said when they let the document go: with new words, films that nobody can vouch for are
            printed once more.
    """

    def __init__(self, file: Path, said: str) -> None:
        self._file = file
        self._said = said
        found = read_note(file)
        self.done: set[int] = set(found.get("done", ()))
        """Films that the imager has taken."""
        self.jobs: dict[str, list[int]] = dict(found.get("jobs", {}))
        """Print Jobs of the imager whose end is not known, by UID."""
        self.doubtful: list[int] = list(found.get("doubtful", ())) if found.get("said") == said else []
        """Films that may have come out."""

    def doubt(self, films: Iterable[int]) -> None:
        """These films are about to be printed, or their end was not heard."""
        self.doubtful = sorted({*self.doubtful, *films})
        self.done -= set(films)
        self._forget_jobs(films)
        self._write()

    def taken(self, films: Iterable[int], job: str) -> None:
        """The imager has these films, as a Print Job if it names one."""
        self.done |= set(films)
        self.doubtful = [one for one in self.doubtful if one not in self.done]
        if job:
            self.jobs[job] = sorted(films)
        self._write()

    def refused(self, films: Iterable[int]) -> None:
        """None of these films came out."""
        gone = set(films)
        self.done -= gone
        self.doubtful = [one for one in self.doubtful if one not in gone]
        self._forget_jobs(gone)
        self._write()

    def out(self, job: str) -> None:
        """A Print Job ended well."""
        self.jobs.pop(job, None)
        self._write()

    def _forget_jobs(self, films: Iterable[int]) -> None:
        gone = set(films)
        self.jobs = {uid: which for uid, which in self.jobs.items() if not gone & set(which)}

    def _write(self) -> None:
        if not (self.done or self.doubtful or self.jobs):
            remove_note(self._file)  # none of it came out: another printer may have it
            return
        write_note(
            self._file,
            {"done": sorted(self.done), "doubtful": self.doubtful, "jobs": self.jobs, "said": self._said},
        )
