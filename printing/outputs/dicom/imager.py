"""One film imager as an output."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, field

from printing.job import Pixels
from printing.outputs import (
    DICOM,
    Delivered,
    Hear,
    Left,
    Look,
    NotDelivered,
    PossiblyDelivered,
    Properties,
    RenderedFilm,
    Stop,
    Target,
)
from printing.outputs.dicom.association import Broken, Line, call
from printing.outputs.dicom.dialogue import Dialogue, film_sessions
from printing.outputs.dicom.follow import Follower
from printing.outputs.dicom.habits import Habits
from printing.outputs.dicom.look import look_at_imager
from printing.outputs.dicom.note import NAME, Progress
from printing.page import DOCUMENT, FilmDocument
from printing.terms import PrinterStatus

PROPERTIES = Properties((DICOM,), reports_status=True, safe_to_repeat=False, look_beside=False, note=NAME)
SILENT_S = 900.0
"""An imager that has films of ours and cannot be reached for so long: nobody knows what became of them."""
AGAIN_S = 5.0


@dataclass(slots=True)
class DicomOutput:
    """One film imager.

    Attributes:
        host, port, ae_title: where it is, and what it is called.
        calling_ae_title: what we are called.
        hear: told how the imager is.
        habits: what it takes.
        sleep: waits, seconds.
        clock: monotonic, seconds.
        properties: see `Output`.
    """

    host: str
    port: int
    ae_title: str
    calling_ae_title: str = "GRAVURE"
    hear: Hear = lambda _: None
    habits: Habits = field(default_factory=Habits)
    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic
    properties: Properties = field(default=PROPERTIES)

    def target(self) -> Target:
        """The imager gets what the console sent."""
        return Target(DICOM)

    def look(self) -> Look:
        """Printer N-GET, and Printer Configuration Retrieval where the imager has it."""
        return look_at_imager(self._address, bits=self.habits.bits, implicit_only=self.habits.implicit_only)

    def deliver(self, film: RenderedFilm, stop: Callable[[], Stop] = lambda: Stop.NO) -> Delivered:
        """Print a film's pages on the imager, each once, and wait for its Print Jobs where it makes some."""
        document = FilmDocument.from_json((film.folder / DOCUMENT).read_bytes())
        progress = Progress(film.folder / NAME, film.said)
        if progress.doubtful:
            raise PossiblyDelivered("possibly printed: the imager did not say what became of the film")
        follower = Follower(progress, self.hear, stop, self.clock, set(progress.jobs))
        with Pixels(film.folder) as read:
            dialogue = Dialogue(self.habits, document, read, progress)
            self._print(document, dialogue, follower, stop)
        self._follow(follower, stop)
        return Delivered(warnings=tuple(dict.fromkeys((*dialogue.warnings, *follower.warnings))))

    def _print(self, document: FilmDocument, dialogue: Dialogue, follower: Follower, stop: Callable[[], Stop]) -> None:
        left = [number for number in range(len(document.pages)) if number not in follower.progress.done]
        sessions = list(film_sessions(document, left, self.habits))
        at_once = 1 if self.habits.association_per_film else max(1, len(sessions))
        for at in range(0, len(sessions), at_once):
            with self._call(document) as line:
                self._ready(line)
                for number, session in enumerate(sessions[at : at + at_once], at):
                    _go_on(stop(), begun=number > 0)
                    try:
                        dialogue.print(line, session)
                    finally:
                        dialogue.warnings += line.warnings
                        line.warnings = []
                with suppress(Broken):  # they are asked for on a new association
                    follower.follow(line)

    def _ready(self, line: Line) -> None:
        state = line.printer()
        if state is None:
            return
        self.hear(state)
        if state.status is PrinterStatus.FAILURE:
            raise NotDelivered(f"the imager is not ready: {state.info}", passing=True, info=state.info)

    def _follow(self, follower: Follower, stop: Callable[[], Stop]) -> None:
        """Print Jobs whose association broke, or that were left by a run before this one."""
        heard_s = self.clock()
        while follower.progress.jobs:
            try:
                with self._call() as line:
                    heard_s = self.clock()
                    follower.follow(line)
                    heard_s = self.clock()
            except NotDelivered as failure:
                if not failure.passing:
                    raise
                if self.clock() - heard_s > SILENT_S:
                    follower.progress.doubt([one for films in follower.progress.jobs.values() for one in films])
                    raise PossiblyDelivered(f"possibly printed: {failure}") from failure
                _go_on(stop(), begun=True)
                self.sleep(AGAIN_S)

    def _call(self, document: FilmDocument | None = None) -> AbstractContextManager[Line]:
        return call(self._address, self.habits, self.hear, document)

    @property
    def _address(self) -> tuple[str, int, str, str]:
        return self.host, self.port, self.ae_title, self.calling_ae_title


def _go_on(wish: Stop, begun: bool) -> None:
    if wish is Stop.CANCEL:
        raise NotDelivered("cancelled", passing=False)
    if wish is Stop.LEAVE and begun:
        raise Left
