"""Notes of an output about a film on its way: on stable storage before what they say is done."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

NAME = "sent.json"


def read_note(file: Path) -> dict[str, Any]:
    """What was written; empty where nothing was, or nothing whole."""
    try:
        found = json.loads(file.read_bytes())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def write_note(file: Path, values: dict[str, Any]) -> None:
    """Replace a note, whole or not at all; on return it is durable, its name too.

    Raises:
        OSError: the disk is full or failing; the note before it stays.
    """
    unfinished = file.with_name(f".{file.name}")
    with unfinished.open("w") as out:
        json.dump(values, out)
        out.flush()
        os.fsync(out.fileno())
    unfinished.rename(file)
    _sync(file.parent)


def remove_note(file: Path) -> None:
    """Nothing of it is true any more; on return that is durable.

    Raises:
        OSError: the disk is failing.
    """
    file.unlink(missing_ok=True)
    _sync(file.parent)


def _sync(folder: Path) -> None:
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


class Note:
    """What was done with a film, or with one sheet of it: so that it does not come out twice by itself.

    Args:
        file: where it is kept.
        said: what a person said when they let the film go; a note that was written before they said it is void.

    Attributes:
        is_there: whether the film is on its way, or was.
        job_id: what it became at the printer; None where that is not known.
        whole: whether the printer has said that it has all of it.
        done: whether it is out.
        warnings: what is to be told of it.
    """

    def __init__(self, file: Path, said: str) -> None:
        self._file = file
        self._said = said
        found = read_note(file)
        self.is_there = bool(found) and found.get("said") == said
        self.job_id: int | None = found.get("job_id") if self.is_there else None
        self.whole = self.is_there and bool(found.get("whole"))
        self.done = self.is_there and bool(found.get("done"))
        self.warnings: tuple[str, ...] = tuple(found.get("warnings", ())) if self.is_there else ()

    def write(self, job_id: int | None = None, warnings: Sequence[str] | None = None, *, whole: bool = False) -> int:
        """Note that the film is on its way, or which job it became. Returns the job's number, 0 for none yet."""
        self.is_there, self.job_id, self.whole = True, job_id, whole
        self.warnings = self.warnings if warnings is None else tuple(warnings)
        self._keep()
        return job_id or 0

    def finish(self) -> None:
        """It is out."""
        self.done = True
        self._keep()

    def _keep(self) -> None:
        values = {"said": self._said, "job_id": self.job_id, "whole": self.whole, "done": self.done}
        write_note(self._file, {**values, "warnings": self.warnings})

    def remove(self) -> None:
        """Nothing came out: the next delivery begins anew."""
        remove_note(self._file)
        self.is_there, self.job_id, self.whole, self.done, self.warnings = False, None, False, False, ()


def copies_told(wanted: int, made: int) -> tuple[str, ...]:
    """What is said where an output makes fewer copies than the console asked for."""
    return (f"{wanted} copies were asked for, the printer makes {made}",) if made < wanted else ()
