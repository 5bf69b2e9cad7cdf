"""N-EVENT-REPORT of Print Jobs and Printers, PS3.4 H.4.5.2.1 and H.4.6.2.1."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from appliance.events import MOST_WAITING
from appliance.jobs import JobEvent
from appliance.personality import Personality
from printing.printer import PrinterState
from printing.terms import COLOR_META, PRINT_JOB, PRINTER, PRINTER_INSTANCE, Command, PrinterStatus
from tests.appliance.print_rig import FINISHED, MemoryConsole, NetworkConsole, Rig, carry, wait_for

PENDING, PRINTING, DONE, FAILURE = 1, 2, 3, 4
NORMAL, WARNING, FAILED = 1, 2, 3


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    made = Rig(tmp_path)
    yield made
    made.close()


@pytest.fixture
def truthful(tmp_path: Path) -> Iterator[Rig]:
    made = Rig(tmp_path, policy="truthful")
    yield made
    made.close()


def test_h_4_5_2_1_pending_printing_done_on_the_association_that_made_the_job(rig: Rig) -> None:
    console, other = MemoryConsole(rig), MemoryConsole(rig)
    console.film_session(FilmSessionLabel="label")
    console.film_box()
    console.image_box()
    answer = console.print_film()
    assert answer.data is not None
    uid = answer.data[0x21000500].value[0].ReferencedSOPInstanceUID
    carry(rig, *FINISHED)
    assert console.association.told(PRINT_JOB) == [PENDING, PRINTING, DONE]
    assert {one for _, one, _, _ in console.association.events} == {uid}
    infos = [data.ExecutionStatusInfo for _, _, _, data in console.association.events if data]
    assert infos == ["QUEUED", "NORMAL", "NORMAL"]
    for _, _, _, data in console.association.events:
        assert data is not None and (data.FilmSessionLabel, data.PrinterName) == ("label", "FILM")
    assert other.association.events == []


def test_h_4_5_2_1_failure_says_why(rig: Rig) -> None:
    console = MemoryConsole(rig, explicit=False)
    console.whole_film()
    carry(rig, (JobEvent.FAIL, {"info": "INSUFFIC MEMORY", "error": "x"}))
    assert console.association.told(PRINT_JOB) == [PENDING, PRINTING, FAILURE]
    data = console.association.events[-1][3]
    assert data is not None and data.ExecutionStatusInfo == "INSUFFIC MEMORY"
    assert "FilmSessionLabel" not in data


def test_a_word_that_is_no_term_is_unknown(rig: Rig) -> None:
    console = MemoryConsole(rig)
    console.whole_film()
    carry(rig, (JobEvent.FAIL, {"info": "THE DOG ATE IT", "error": "x"}))
    data = console.association.events[-1][3]
    assert data is not None and data.ExecutionStatusInfo == "UNKNOWN"


def test_a_job_that_waits_again_is_pending_again(rig: Rig) -> None:
    console = MemoryConsole(rig)
    console.whole_film()
    carry(rig, (JobEvent.RETRY_LATER, {"error": "x", "delay_s": 0.0}))
    carry(rig, (JobEvent.FINISH, {"files": []}))
    assert console.association.told(PRINT_JOB) == [PENDING, PRINTING, PENDING, PRINTING, DONE]


def test_no_event_where_the_class_was_not_accepted(rig: Rig) -> None:
    console = MemoryConsole(rig, print_job=False)
    console.whole_film()
    carry(rig, *FINISHED)
    assert console.association.told(PRINT_JOB) == []


def test_no_event_for_peers_that_want_none(rig: Rig) -> None:
    rig.personality = Personality(events=False)
    console = MemoryConsole(rig)
    console.whole_film()
    carry(rig, *FINISHED)
    rig.call(lambda: rig.events.output_is("FILM", PrinterState(PrinterStatus.FAILURE, "PRINTER DOWN")))
    assert console.association.events == []


def test_nobody_is_told_after_the_association(rig: Rig) -> None:
    console = MemoryConsole(rig)
    console.whole_film()
    rig.settle()
    console.close()
    carry(rig, *FINISHED)
    assert console.association.told(PRINT_JOB) == [PENDING]


def test_a_job_that_was_not_made_has_no_events(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    console = MemoryConsole(rig)
    console.film_session()
    console.film_box()
    monkeypatch.setattr(rig.films, "has_room", lambda: False)
    assert console.print_film().status == 0xC602
    rig.settle()
    assert console.association.told(PRINT_JOB) == []


def test_a_film_sent_again_tells_of_the_job_that_there_is(rig: Rig) -> None:
    rig.personality = Personality(duplicate_film_seconds=60)
    first, second = MemoryConsole(rig), MemoryConsole(rig)
    first.whole_film()
    second.whole_film()
    carry(rig, *FINISHED)
    assert second.association.told(PRINT_JOB)[-1] == DONE
    third = MemoryConsole(rig)
    third.whole_film()
    rig.settle()
    assert third.association.told(PRINT_JOB) == [DONE]


def test_a_console_that_confirms_nothing_hears_the_next_all_the_same(rig: Rig) -> None:
    console = MemoryConsole(rig)
    console.association.confirm = None
    console.whole_film()
    carry(rig, *FINISHED)
    assert console.association.told(PRINT_JOB) == [PENDING, PRINTING, DONE]


def test_a_restart_of_a_failed_job_is_nobodys_event(rig: Rig) -> None:
    console = MemoryConsole(rig)
    console.whole_film()
    job = carry(rig, (JobEvent.FAIL, {"info": "UNKNOWN", "error": "x"}))
    rig.jobs.advance(job.id, JobEvent.RETRY)
    rig.settle()
    assert console.association.told(PRINT_JOB) == [PENDING, PRINTING, FAILURE]


DOWN = PrinterState(PrinterStatus.FAILURE, "PRINTER DOWN")
CHECK = PrinterState(PrinterStatus.WARNING, "CHECK PRINTER")


def is_now(rig: Rig, state: PrinterState) -> None:
    rig.call(lambda: rig.events.output_is("FILM", state))
    rig.settle()


def test_h_4_6_2_1_printer_events_go_to_every_open_association(truthful: Rig) -> None:
    rig = truthful
    consoles = [MemoryConsole(rig), MemoryConsole(rig, meta=COLOR_META), MemoryConsole(rig, print_job=False)]
    gone = MemoryConsole(rig)
    gone.close()
    for state in (DOWN, DOWN, CHECK, PrinterState()):
        is_now(rig, state)
    for console in consoles:
        assert console.association.told(PRINTER) == [FAILED, WARNING, NORMAL]
        events = [event for event in console.association.events if event[0] == PRINTER]
        assert {uid for _, uid, _, _ in events} == {PRINTER_INSTANCE}
        infos = [data.PrinterStatusInfo if data is not None else None for _, _, _, data in events]
        assert infos == ["PRINTER DOWN", "CHECK PRINTER", None]
    assert gone.association.events == []


def test_what_a_film_goes_through_says_nothing_of_the_printer(truthful: Rig) -> None:
    """A full disk of ours, a film that waits for a person: how the device is, is its own to say."""
    console = MemoryConsole(truthful)
    is_now(truthful, CHECK)
    console.whole_film()
    carry(truthful, (JobEvent.RETRY_LATER, {"error": "x", "delay_s": 0.0}))
    carry(truthful, (JobEvent.HOLD, {"hold_reason": "x"}))
    truthful.jobs.advance(truthful.jobs.list()[0].id, JobEvent.RELEASE, reason="x")
    carry(truthful, *FINISHED)
    assert console.association.told(PRINTER) == [WARNING]


def test_a_film_that_the_device_cannot_print_now_is_pending_and_says_why(rig: Rig) -> None:
    console = MemoryConsole(rig)
    console.whole_film()
    job = carry(rig, *FINISHED[:2], (JobEvent.STALL, {"info": "EMPTY A4 PAPR"}))
    data = console.say(Command.N_GET, PRINT_JOB, job.uid).data
    assert data is not None and (data.ExecutionStatus, data.ExecutionStatusInfo) == ("PENDING", "EMPTY A4 PAPR")
    rig.jobs.advance(job.id, JobEvent.STALL, info="COVER OPEN")
    rig.jobs.advance(job.id, JobEvent.STALL, info="COVER OPEN")
    rig.jobs.advance(job.id, JobEvent.GO_ON)
    rig.jobs.advance(job.id, JobEvent.FINISH, files=[])
    rig.settle()
    assert console.association.told(PRINT_JOB) == [PENDING, PRINTING, PENDING, PENDING, PRINTING, DONE]
    infos = [data.ExecutionStatusInfo for _, _, _, data in console.association.events if data]
    assert infos == ["QUEUED", "NORMAL", "EMPTY A4 PAPR", "COVER OPEN", "NORMAL", "NORMAL"]


def test_truthful_says_in_n_get_how_the_output_is(truthful: Rig) -> None:
    console = MemoryConsole(truthful)
    is_now(truthful, DOWN)
    data = console.say(Command.N_GET, PRINTER, PRINTER_INSTANCE).data
    assert data is not None and (data.PrinterStatus, data.PrinterStatusInfo) == ("FAILURE", "PRINTER DOWN")


def test_spooler_is_normal_while_films_can_wait(rig: Rig) -> None:
    console = MemoryConsole(rig)
    is_now(rig, DOWN)
    data = console.say(Command.N_GET, PRINTER, PRINTER_INSTANCE).data
    assert data is not None and (data.PrinterStatus, data.PrinterStatusInfo) == ("NORMAL", "NORMAL")
    assert console.association.told(PRINTER) == []


def test_spooler_says_so_when_no_more_films_can_wait(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    console, other = MemoryConsole(rig), MemoryConsole(rig)
    console.film_session()
    console.film_box()
    with monkeypatch.context() as full:
        full.setattr(rig.films, "has_room", lambda: False)
        assert console.print_film().status == 0xC602
        rig.settle()
    assert console.print_film().status == 0xB603
    rig.settle()
    assert other.association.told(PRINTER) == [FAILED, NORMAL]
    assert other.association.events[0][3].PrinterStatusInfo == "PRINT BUFF FULL"  # type: ignore[union-attr]


def test_a_queue_of_events_is_bounded(rig: Rig) -> None:
    console = MemoryConsole(rig)

    def flood() -> None:
        for number in range(4 * MOST_WAITING):
            status = PrinterStatus.FAILURE if number % 2 else PrinterStatus.WARNING
            rig.events._tell_printer(rig.events._devices["FILM"], PrinterState(status, "CHECK PRINTER"))

    rig.call(flood)
    rig.settle()
    assert len(console.association.events) == MOST_WAITING


def test_events_over_tcp_while_the_console_goes_on(rig: Rig) -> None:
    """PENDING, PRINTING, DONE between the console's own requests, each confirmed as it comes."""
    console = NetworkConsole(rig, rig.listen())
    assert console.whole_film().status == 0
    assert console.events == []  # never between a request and its response
    job = rig.jobs.claim("film", "test")
    assert job is not None
    for event, facts in FINISHED:
        assert console.say(Command.N_GET, PRINTER, PRINTER_INSTANCE).status == 0
        rig.jobs.advance(job.id, event, **facts)
    assert console.say(Command.N_GET, PRINT_JOB, job.uid).status == 0
    console.listen(lambda: len(console.told(PRINT_JOB)) == 3)
    assert console.told(PRINT_JOB) == [PENDING, PRINTING, DONE]
    console.close()


def test_a_console_that_leaves_between_events_disturbs_nobody(rig: Rig) -> None:
    console = NetworkConsole(rig, rig.listen())
    console.whole_film()
    console.close()
    wait_for(lambda: not rig.events._listeners, "the end of the association")
    assert carry(rig, *FINISHED).state == "DONE"
