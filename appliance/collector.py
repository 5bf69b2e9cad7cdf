"""When is a study complete? The quiet rule of disc stations (design: `quiet_seconds`).

DICOM has no end of study: a station waits until nothing came for a while and every association that brought something
of it has ended. Studies of one patient that are still coming wait for each other, so that they share a disc; what
arrives after the job was made becomes an addendum job, never a silent gap.

`QuietStudies` decides, with the time passed in; `Collector` keeps one timer and calls what makes the job.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field

log = logging.getLogger("gravure.collector")

RETRY_S = 30.0
"""After a job could not be made (a full disk, say), the studies are looked at again this much later."""


@dataclass(slots=True)
class _Study:
    last_s: float
    patients: set[tuple[str, str]] = field(default_factory=set)
    associations: set[str] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class Complete:
    """Studies of one patient that went quiet together at one station."""

    ae_title: str
    studies: frozenset[str]


class QuietStudies:
    """What is still coming, by station and study.

    Args:
        quiet_s: seconds of silence by station; arrivals at other AE titles are not collected.
    """

    def __init__(self, quiet_s: Mapping[str, float]) -> None:
        self._quiet_s = dict(quiet_s)
        self._studies: dict[tuple[str, str], _Study] = {}

    def arrived(
        self, ae_title: str, study: str, patient: tuple[str, str], association: str | None, now_s: float
    ) -> bool:
        """One instance came. Returns False where the station makes no discs."""
        if ae_title not in self._quiet_s:
            return False
        entry = self._studies.setdefault((ae_title, study), _Study(now_s))
        entry.last_s = now_s
        entry.patients.add(patient)
        if association is not None:
            entry.associations.add(association)
        return True

    def closed(self, association: str) -> None:
        """An association ended."""
        for entry in self._studies.values():
            entry.associations.discard(association)

    def _groups(self) -> list[tuple[str, list[str]]]:
        """Studies that share a patient (or a patient that shares a study) wait for each other."""
        groups: list[tuple[str, set[tuple[str, str]], list[str]]] = []
        for (ae_title, study), entry in self._studies.items():
            touching = [one for one in groups if one[0] == ae_title and one[1] & entry.patients]
            merged = (
                ae_title,
                entry.patients.union(*(one[1] for one in touching)),
                [name for one in touching for name in one[2]] + [study],
            )
            groups = [one for one in groups if one not in touching] + [merged]
        return [(ae_title, studies) for ae_title, _, studies in groups]

    def _due_s(self, ae_title: str, studies: Iterable[str]) -> float | None:
        """When these studies will have been quiet for long enough; None while an association is open."""
        entries = [self._studies[ae_title, study] for study in studies]
        if any(entry.associations for entry in entries):
            return None
        return max(entry.last_s for entry in entries) + self._quiet_s[ae_title]

    def complete(self, now_s: float) -> list[Complete]:
        """Take out what is complete by now."""
        done = []
        for ae_title, studies in self._groups():
            due_s = self._due_s(ae_title, studies)
            if due_s is not None and due_s <= now_s:
                done.append(Complete(ae_title, frozenset(studies)))
                for study in studies:
                    del self._studies[ae_title, study]
        return done

    def next_due_s(self) -> float | None:
        """When `complete` will have something next, if nothing else happens."""
        times = [self._due_s(ae_title, studies) for ae_title, studies in self._groups()]
        return min((one for one in times if one is not None), default=None)


class Collector:
    """Turns quiet studies into disc jobs, on the event loop.

    Args:
        quiet_s: seconds of silence by disc station.
        make: makes the job; may raise, then it is called again later.
    """

    def __init__(self, quiet_s: Mapping[str, float], make: Callable[[Complete], Awaitable[None]]) -> None:
        self._quiet = QuietStudies(quiet_s)
        self._make = make
        self._timer: asyncio.TimerHandle | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    def arrived(self, ae_title: str, study: str, patient: tuple[str, str], association: str | None) -> None:
        """One instance was acknowledged (or was found pending at the start, with no association)."""
        now_s = asyncio.get_running_loop().time()
        if self._quiet.arrived(ae_title, study, patient, association, now_s) and association is None:
            self._arm()

    def closed(self, association: str) -> None:
        """An association ended."""
        self._quiet.closed(association)
        self._arm()

    def _arm(self) -> None:
        due_s = self._quiet.next_due_s()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if due_s is not None:
            self._timer = asyncio.get_running_loop().call_at(due_s, self._ring)

    def _ring(self) -> None:
        self._timer = None
        for complete in self._quiet.complete(asyncio.get_running_loop().time()):
            task = asyncio.create_task(self._order(complete))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        self._arm()

    async def _order(self, complete: Complete) -> None:
        while True:
            try:
                await self._make(complete)
                return
            except Exception:
                log.exception("a disc job could not be made; trying again", extra={"station": complete.ae_title})
                await asyncio.sleep(RETRY_S)

    async def close(self) -> None:
        """Stop; what is pending is found again at the next start."""
        if self._timer is not None:
            self._timer.cancel()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
