"""Printers are watched while somebody cares: while a console has one open, or a film of it waits or is at work.

The device behind an output is looked at in a thread, one look at a time for each printer, with an end: a device that
hangs is offline and keeps nobody else waiting. What a look finds goes to `Events`, which tells consoles. While nobody
cares there is no thread, no timer and no question on the network.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field

from appliance.events import Events
from appliance.jobs import Job, JobEvent, Jobs
from appliance.threads import in_thread
from printing.outputs import OFFLINE, Look, Output
from printing.printer import PrinterState
from printing.terms import PrinterStatus

log = logging.getLogger("gravure.print")

PATIENCE_S = 5.0
"""A look that takes longer is a device that hangs; with the pause between two looks, a change is told within 10 s."""
FRESH_S = 0.5
"""A look that is not older is not made again for a console that comes."""

TROUBLE = (JobEvent.RETRY_LATER, JobEvent.HOLD, JobEvent.FAIL)
"""What a film goes through when its device is not well: it is looked at anew."""


@dataclass(slots=True)
class _Watched:
    """One printer under watch."""

    ae_title: str
    output: Output
    associations: int = 0
    films: set[str] = field(default_factory=set)
    """Jobs that wait or are at work, but for those that wait for a person."""
    at_device: set[str] = field(default_factory=set)
    """Those that are being delivered."""
    ails: bool = False
    """Whether it prints nothing, as far as is known, and nothing was tried since."""
    heard_s: float = float("-inf")
    """When the device last said how it is."""
    looked_s: float = float("-inf")
    """When it was last looked at, which tells what it takes too."""
    look: asyncio.Future[Look] | None = None
    timer: asyncio.TimerHandle | None = None
    patience: asyncio.TimerHandle | None = None

    @property
    def cared_for(self) -> bool:
        return bool(self.associations or self.films)


class Watch:
    """Watches the outputs of all printers. Lives on the event loop; the job table may call from any thread.

    Args:
        events: who is told what is found; tells when associations come and go.
        jobs: the job table.
        outputs: the output of each printer, by AE title.
    """

    def __init__(self, events: Events, jobs: Jobs, outputs: Mapping[str, Output]) -> None:
        self._loop = asyncio.get_running_loop()
        self._events = events
        self._watched = {name: _Watched(name, output) for name, output in outputs.items()}
        self._closed = False
        jobs.subscribe(self._committed)
        events.on_associations = self._associations
        self._jobs = jobs

    async def start(self) -> None:
        """Find the films that wait, and look at every printer once."""
        for job in await asyncio.to_thread(self._jobs.list, ended=False, limit=1_000_000):
            self._note(job)
        for one in self._watched.values():
            self._look(one)

    def heard(self, ae_title: str, state: PrinterState) -> None:
        """The device said how it is, to a delivery."""
        one = self._watched.get(ae_title)
        if one is not None:
            one.heard_s = self._loop.time()
            self._is(one, state)

    async def look(self, within_s: float) -> None:
        """Look at every printer, and wait for what is found, for a bounded time."""
        for one in self._watched.values():
            if not _is_told(one):
                self._look(one)
        looks = [one.look for one in self._watched.values() if one.look is not None]
        if looks:
            await asyncio.wait(looks, timeout=within_s)
            await asyncio.sleep(0)  # what they found is told by their callbacks

    def close(self) -> None:
        """Look no more."""
        self._closed = True
        for one in self._watched.values():
            for timer in (one.timer, one.patience):
                if timer is not None:
                    timer.cancel()

    # -- who cares ----------------------------------------------------------------------------------------------

    def _associations(self, ae_title: str, number: int) -> None:
        one = self._watched.get(ae_title)
        if one is not None:
            came, one.associations = number > one.associations, number
            self._attend(one, came)

    def _committed(self, job: Job, event: JobEvent) -> None:
        if job.kind == "film" and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._film, job, event)

    def _film(self, job: Job, event: JobEvent) -> None:
        one = self._note(job)
        if one is not None:
            self._attend(one, event in TROUBLE)

    def _note(self, job: Job) -> _Watched | None:
        one = self._watched.get(job.ae_title) if job.kind == "film" else None
        if one is not None:
            for jobs, belongs in (
                (one.films, not job.ended and not job.held),
                (one.at_device, job.step in ("delivering", "stalled")),
            ):
                (jobs.add if belongs else jobs.discard)(job.id)
        return one

    # -- looking ------------------------------------------------------------------------------------------------

    def _attend(self, one: _Watched, at_once: bool = False) -> None:
        """Look now, later or never.

        Args:
            one: the printer.
            at_once: whether there is news that a look before it cannot know; else its turn comes by and by.
        """
        if self._closed or not one.cared_for:
            _cancel(one)
            return
        if one.look is not None:
            return
        now_s, every_s = self._loop.time(), one.output.properties.look_every_s
        wait_s = one.looked_s + FRESH_S - now_s if at_once else one.heard_s + every_s - now_s
        if _is_told(one):
            wait_s = every_s
        if wait_s <= 0:
            self._look(one)
        elif one.timer is None or one.timer.when() > now_s + wait_s:
            _cancel(one)
            one.timer = self._loop.call_later(wait_s, self._ring, one, at_once)

    def _ring(self, one: _Watched, at_once: bool) -> None:
        one.timer = None
        self._attend(one, at_once)

    def _look(self, one: _Watched) -> None:
        if one.look is not None or self._closed:
            return
        _cancel(one)
        one.look = in_thread(one.output.look, "look")
        one.patience = self._loop.call_later(PATIENCE_S, self._hangs, one)
        one.look.add_done_callback(lambda done: self._looked(one, done))

    def _hangs(self, one: _Watched) -> None:
        """The thread is left to itself; there is no second one until it ends."""
        one.patience = None
        self._is(one, OFFLINE.state)

    def _looked(self, one: _Watched, done: asyncio.Future[Look]) -> None:
        one.look = None
        if one.patience is not None:
            one.patience.cancel()
            one.patience = None
        one.heard_s = one.looked_s = self._loop.time()
        if self._closed or done.cancelled():
            return
        if (failure := done.exception()) is not None:
            log.error("a look failed", extra={"printer": one.ae_title, "error": type(failure).__name__})
        else:
            found = done.result()
            if found.takes is not None:
                self._events.output_takes(one.ae_title, found.takes)
            self._is(one, found.state)
        self._attend(one)

    def _is(self, one: _Watched, state: PrinterState) -> None:
        """Tell consoles. Films that wait until a device is tried again wait no longer once it is well."""
        self._events.output_is(one.ae_title, state)
        if state.status is PrinterStatus.FAILURE:
            one.ails = True
        elif one.ails and not one.at_device:  # one that is being tried may yet fail, and wait
            one.ails = False
            if one.films:
                in_thread(lambda: self._jobs.hurry("film", one.ae_title, "the printer is well again"), "hurry")


def _is_told(one: _Watched) -> bool:
    """Whether a delivery has the device to itself, and tells how it is."""
    return bool(one.at_device) and not one.output.properties.look_beside


def _cancel(one: _Watched) -> None:
    if one.timer is not None:
        one.timer.cancel()
        one.timer = None
