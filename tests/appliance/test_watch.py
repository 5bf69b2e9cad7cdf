"""Printers are watched while somebody cares, and not a moment longer."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from appliance import watch
from appliance.jobs import JobEvent
from appliance.watch import Watch
from printing.outputs import OFFLINE, Delivered, Look, Properties, RenderedFilm, Stop, Target
from printing.printer import NORMAL, Medium, PrinterState, Takes
from printing.terms import PRINTER, PRINTER_INSTANCE, Command, PrinterStatus
from tests.appliance.print_rig import FINISHED, MemoryConsole, Rig, carry, wait_for

JAM = PrinterState(PrinterStatus.FAILURE, "FILM JAM")
EVERY_S = 0.2


@dataclass
class Counted:
    """An output whose looks are counted, and can hang."""

    found: Look = field(default_factory=lambda: Look(NORMAL, Takes((Medium("PAPER", "A4"),))))
    properties: Properties = field(
        default_factory=lambda: Properties((), reports_status=True, safe_to_repeat=False, look_every_s=EVERY_S)
    )
    looks: int = 0
    at_once: int = 0
    most_at_once: int = 0
    goes_on: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self.goes_on.set()

    def target(self) -> Target:
        return Target()

    def look(self) -> Look:
        self.looks += 1
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        self.goes_on.wait(20)
        self.at_once -= 1
        return self.found

    def deliver(self, film: RenderedFilm, stop: Callable[[], Stop] = lambda: Stop.NO) -> Delivered:
        return Delivered()


class Watched:
    """A rig whose printers FILM and OTHER are watched."""

    def __init__(self, folder: Path) -> None:
        self.rig = Rig(folder, policy="truthful")
        self.rig.add_printer("OTHER", policy="truthful")
        self.film, self.other = Counted(), Counted()
        self.watch = self.rig.run(self._watch())

    async def _watch(self) -> Watch:
        made = Watch(self.rig.events, self.rig.jobs, {"FILM": self.film, "OTHER": self.other})
        await made.start()
        return made

    def settle(self) -> None:
        """Let looks that have begun end."""
        wait_for(lambda: not self.film.at_once and not self.other.at_once, "looks")
        self.rig.settle()

    def idle_looks(self, seconds: float = 4 * EVERY_S) -> int:
        """Looks in a while."""
        self.settle()
        before = self.film.looks + self.other.looks
        time.sleep(seconds)
        return self.film.looks + self.other.looks - before


@pytest.fixture
def watched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Watched]:
    monkeypatch.setattr(watch, "PATIENCE_S", 0.5)
    monkeypatch.setattr(watch, "FRESH_S", 0.05)
    one = Watched(tmp_path)
    yield one
    for output in (one.film, one.other):
        output.goes_on.set()
    one.rig.call(one.watch.close)
    one.rig.close()


def status_of(console: MemoryConsole) -> tuple[str, str]:
    data = console.say(Command.N_GET, PRINTER, PRINTER_INSTANCE).data
    assert data is not None
    return data.PrinterStatus, data.PrinterStatusInfo


def test_every_printer_is_looked_at_once_at_the_start_and_then_not_at_all(watched: Watched) -> None:
    wait_for(lambda: watched.film.looks == watched.other.looks == 1, "the first looks")
    assert watched.idle_looks() == 0
    assert watched.rig.call(lambda: [one.timer for one in watched.watch._watched.values()]) == [None, None]
    assert watched.rig.events.printer("FILM").media == (Medium("PAPER", "A4"),)
    assert "look" not in {thread.name for thread in threading.enumerate()}


def test_an_open_association_is_told_at_once_and_of_every_change_and_its_end_ends_it(watched: Watched) -> None:
    watched.settle()
    watched.film.found = Look(JAM)
    console = MemoryConsole(watched.rig)
    wait_for(lambda: console.association.told(PRINTER) == [3], "the jam")
    assert status_of(console) == ("FAILURE", "FILM JAM")
    watched.film.found = Look(NORMAL)
    wait_for(lambda: console.association.told(PRINTER) == [3, 1], "the end of the jam")
    assert watched.rig.events.printer("FILM").media == (Medium("PAPER", "A4"),), (
        "a look that does not say changes nothing"
    )
    assert watched.other.looks == 1
    console.close()
    assert watched.idle_looks() == 0


def test_a_film_that_waits_is_cared_for_until_it_ends_or_waits_for_a_person(watched: Watched) -> None:
    console = MemoryConsole(watched.rig)
    console.whole_film()
    console.close()
    assert watched.idle_looks() >= 2
    carry(watched.rig, (JobEvent.HOLD, {"hold_reason": "x"}))
    assert watched.idle_looks() == 0
    watched.rig.jobs.advance(watched.rig.jobs.list()[0].id, JobEvent.RELEASE, reason="x")
    assert watched.idle_looks() >= 2
    carry(watched.rig, *FINISHED)
    assert watched.idle_looks() == 0


def test_a_film_waits_no_longer_once_its_printer_is_well_again(watched: Watched) -> None:
    watched.settle()
    console = MemoryConsole(watched.rig)
    console.whole_film()
    console.close()
    watched.film.found = OFFLINE
    later = (JobEvent.RETRY_LATER, {"delay_s": 300.0, "error": "the printer does not answer"})
    job = carry(watched.rig, *FINISHED[:2], later)
    watched.idle_looks()
    assert watched.rig.jobs.get(job.id).attempts == 1 and watched.rig.jobs.claim("film", "w") is None
    watched.film.found = Look(NORMAL)
    wait_for(lambda: watched.rig.jobs.get(job.id).not_before == 0.0, "the end of the back-off")
    history = watched.rig.jobs.events(job.id)
    assert history[-1].detail == "the printer is well again"
    carry(watched.rig, *FINISHED[:2], later)
    watched.idle_looks()
    assert watched.rig.jobs.get(job.id).not_before > 0.0, "a printer that seems well and takes nothing is not pestered"


def test_a_device_that_comes_back_while_it_is_tried_in_vain_is_looked_at_again(watched: Watched) -> None:
    watched.settle()
    console = MemoryConsole(watched.rig)
    console.whole_film()
    watched.film.found = OFFLINE
    job = carry(watched.rig, *FINISHED[:2])
    wait_for(lambda: console.association.told(PRINTER) == [3], "the printer's absence")
    watched.film.found = Look(NORMAL)
    wait_for(lambda: console.association.told(PRINTER) == [3, 1], "its return")
    watched.rig.jobs.advance(job.id, JobEvent.RETRY_LATER, delay_s=300.0, error="the printer does not answer")
    wait_for(lambda: watched.rig.jobs.get(job.id).not_before == 0.0, "the end of the back-off")


def test_films_of_an_earlier_run_are_cared_for(watched: Watched) -> None:
    console = MemoryConsole(watched.rig)
    console.whole_film()
    console.close()
    watched.rig.call(watched.watch.close)
    assert watched.idle_looks() == 0
    watched.watch = watched.rig.run(watched._watch())
    assert watched.idle_looks() >= 2


def test_a_device_that_hangs_is_offline_has_one_look_and_holds_nobody_up(watched: Watched) -> None:
    watched.settle()
    watched.film.goes_on.clear()
    console, other = MemoryConsole(watched.rig), MemoryConsole(watched.rig, printer="OTHER")
    began_s = time.monotonic()
    assert status_of(console) == ("NORMAL", "NORMAL"), "the last that is known, without waiting"
    assert time.monotonic() - began_s < watch.PATIENCE_S
    wait_for(lambda: console.association.told(PRINTER) == [3], "the hanging device")
    assert status_of(console) == ("FAILURE", "PRINTER OFFLINE")
    before = watched.other.looks
    wait_for(lambda: watched.other.looks > before + 2, "looks at the other one")
    watched.rig.run(watched.watch.look(0.3))
    assert watched.film.looks == 2 and watched.film.most_at_once == 1
    watched.film.goes_on.set()
    wait_for(lambda: console.association.told(PRINTER) == [3, 1], "that it answers again")
    assert other.association.told(PRINTER) == []


def test_a_hundred_associations_make_no_more_looks_than_one(watched: Watched) -> None:
    one = MemoryConsole(watched.rig)
    alone = watched.idle_looks(1.0)
    more = [MemoryConsole(watched.rig) for _ in range(99)]
    assert watched.rig.events.device("FILM").associations == 100
    assert 0 < watched.idle_looks(1.0) <= alone + 1
    for console in (one, *more):
        console.close()
    assert watched.rig.events.device("FILM").associations == 0 and watched.idle_looks() == 0


def test_a_device_that_has_one_association_is_left_alone_while_it_has_a_film(watched: Watched) -> None:
    watched.film.properties = Properties(
        (), reports_status=True, safe_to_repeat=False, look_every_s=EVERY_S, look_beside=False
    )
    console = MemoryConsole(watched.rig)
    console.whole_film()
    job = carry(watched.rig, *FINISHED[:2])
    assert watched.idle_looks() <= 1
    watched.rig.call(lambda: watched.watch.heard("FILM", OFFLINE.state))
    watched.rig.settle()
    assert console.association.told(PRINTER) == [3]
    watched.rig.jobs.advance(job.id, JobEvent.RETRY_LATER, error="x", delay_s=100.0)
    wait_for(lambda: console.association.told(PRINTER) == [3, 1], "a look after the trouble")


def test_what_a_delivery_hears_is_as_good_as_a_look(watched: Watched) -> None:
    watched.settle()
    console = MemoryConsole(watched.rig)
    watched.settle()
    before = watched.film.looks
    for _ in range(12):
        watched.rig.call(lambda: watched.watch.heard("FILM", NORMAL))
        time.sleep(EVERY_S / 4)
    assert watched.film.looks <= before + 1
    console.close()


def test_a_look_that_fails_by_an_error_of_ours_is_made_again(watched: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    watched.settle()
    with monkeypatch.context() as broken:
        broken.setattr(watched.film, "look", lambda: 1 / 0)
        console = MemoryConsole(watched.rig)
        time.sleep(2 * EVERY_S)
    watched.film.found = Look(JAM)
    wait_for(lambda: console.association.told(PRINTER) == [3], "the look after it")
