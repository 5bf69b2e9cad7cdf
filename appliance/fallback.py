"""Another printer for the films of one that does not answer.

A film is given to the other printer once, and stays there. The choice is a folder in the job's own, complete before it
has its name: after a crash it is there, and the film goes that way, or it is not, and nothing was sent that way.
"""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from appliance.spool import document_of, fill, sync

FOLDER = "fallback"
WAY = "way.json"


@dataclass(frozen=True, slots=True)
class Way:
    """Where a film goes."""

    printer: str
    """Key of the printer whose output takes it."""
    folder: Path
    """Has its document and pixels, and takes what the output notes."""
    because: str = ""
    """Why it is not the printer that the console called."""


def way_of(ae_title: str, folder: Path) -> Way:
    """Where the film of a job goes: its own printer, or the one that it was given to.

    Raises:
        OSError, ValueError, KeyError: a disk is failing.
    """
    given = folder / FOLDER
    if not given.exists():
        return Way(ae_title, folder)
    said = json.loads((given / WAY).read_bytes())
    return Way(str(said["printer"]), given, str(said["because"]))


def give(folder: Path, printer: str, because: str) -> None:
    """Give a film to another printer; on return that is durable.

    Raises:
        OSError: the disk is full or failing; the film was not given.
    """
    unfinished = folder / f".{FOLDER}"
    shutil.rmtree(unfinished, ignore_errors=True)
    fill(unfinished, folder, document_of(folder), {WAY: json.dumps({"printer": printer, "because": because})})
    unfinished.rename(folder / FOLDER)
    sync(folder)


class Silences:
    """Since when printers have not taken a film.

    Args:
        clock: monotonic, seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._since: dict[str, float] = {}

    def seconds(self, printer: str) -> float:
        """A film was not taken: how long that has been so."""
        now = self._clock()
        return now - self._since.setdefault(printer, now)

    def ended(self, printer: str) -> None:
        """A film was taken."""
        self._since.pop(printer, None)
