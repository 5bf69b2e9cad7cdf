"""The runner: who is taken when, what becomes of each way to end, and that it never forgets a job."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from appliance import runner
from appliance.database import Database
from appliance.jobs import Job, JobEvent, Jobs, NewJob
from appliance.runner import CANCELLED_BY_HAND, Failed, Held, Result, Retryable, Runner, Step

Perform = Callable[[Job, Step], Awaitable[Result]]


@pytest.fixture
def jobs(tmp_path: Path) -> Jobs:
    database = Database(tmp_path / "jobs.db")
    database.migrate()
    return Jobs(database)


def film(jobs: Jobs, **more: Any) -> Job:
    return jobs.create(NewJob("film", "FILM", **more))


async def until(condition: Callable[[], bool], seconds: float = 10.0) -> None:
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.01)


def play(jobs: Jobs, perform: Perform, script: Callable[[Runner], Awaitable[None]], at_once: int = 1) -> None:
    """Run a runner of films while the script plays."""

    async def main() -> None:
        one = Runner(jobs, {"film": perform}, "w", {"film": at_once})
        one.start()
        try:
            await script(one)
        finally:
            await one.close()

    asyncio.run(main())


def ends(jobs: Jobs, perform: Perform) -> Job:
    """What becomes of one job."""
    job = film(jobs)

    async def script(_: Runner) -> None:
        await until(lambda: jobs.get(job.id).ended or jobs.get(job.id).held or jobs.get(job.id).attempts > 0)

    play(jobs, perform, script)
    return jobs.get(job.id)


def test_a_job_goes_through_its_steps_and_is_done(jobs: Jobs) -> None:
    async def perform(job: Job, step: Step) -> Result:
        await step("rendering", 0.5)
        await step("delivering", 0.9)
        return Result(("/films/a.pdf",), ("border density is not known",))

    job = ends(jobs, perform)
    assert (job.state, job.files, job.warnings) == ("DONE", ("/films/a.pdf",), ("border density is not known",))
    assert [event.step for event in jobs.events(job.id)] == ["queued", "rendering", "delivering", "done"]


@pytest.mark.parametrize(
    ("failure", "words"),
    [
        (None, "job done"),
        (Retryable("DOE^JANE"), "job waits for its next try"),
        (Held("DOE^JANE"), "job held"),
        (Failed("UNKNOWN", "DOE^JANE"), "job failed"),
    ],
    ids=lambda one: one if isinstance(one, str) else "",
)
def test_the_log_says_how_a_job_ended_and_no_name(
    jobs: Jobs, caplog: pytest.LogCaptureFixture, failure: Exception | None, words: str
) -> None:
    async def perform(_job: Job, _step: Step) -> Result:
        if failure is not None:
            raise failure
        return Result(())

    with caplog.at_level("INFO", "gravure.jobs"):
        ends(jobs, perform)
    assert [one.message for one in caplog.records] == ["job started", words]
    assert not any("DOE" in str(vars(one)) for one in caplog.records)


def test_a_job_stalls_and_goes_on(jobs: Jobs) -> None:
    async def perform(job: Job, step: Step) -> Result:
        await step("delivering", 0.9)
        for info in ("FILM JAM", "COVER OPEN"):
            await step("stalled", 0.9, info)
        await step("delivering", 0.9)
        await step("delivering", 0.95)
        return Result(())

    job = ends(jobs, perform)
    found = [(event.event, event.state, event.detail) for event in jobs.events(job.id)][3:]
    assert found == [
        ("stall", "PENDING", "FILM JAM"),
        ("stall", "PENDING", "COVER OPEN"),
        ("go on", "PRINTING", ""),
        ("finish", "DONE", ""),
    ]


@pytest.mark.parametrize(
    ("failure", "state", "words"),
    [
        (Failed("INVALID PAGE DES", "the page cannot be drawn"), "FAILURE", "the page cannot be drawn"),
        (ZeroDivisionError("secret"), "FAILURE", "internal error: ZeroDivisionError"),
        (Retryable("the printer is off"), "PENDING", "the printer is off"),
    ],
)
def test_each_way_to_fail_is_told(jobs: Jobs, failure: Exception, state: str, words: str) -> None:
    async def perform(job: Job, step: Step) -> Result:
        raise failure

    job = ends(jobs, perform)
    assert (job.state, job.error) == (state, words)


def test_a_held_job_waits_for_a_person_and_goes_on_after_release(jobs: Jobs) -> None:
    async def perform(job: Job, step: Step) -> Result:
        if not job.release_reason:
            raise Held("possibly printed")
        return Result(())

    job = film(jobs)

    async def script(_: Runner) -> None:
        await until(lambda: jobs.get(job.id).held)
        assert jobs.get(job.id).hold_reason == "possibly printed"
        jobs.advance(job.id, JobEvent.RELEASE, reason="the tray is empty")
        await until(lambda: jobs.get(job.id).ended)

    play(jobs, perform, script)
    assert jobs.get(job.id).state == "DONE"


def test_back_off_grows_and_ends_in_the_last_step(jobs: Jobs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "BACK_OFF_S", (0.01, 0.02, 0.05))
    tries = 0

    async def perform(job: Job, step: Step) -> Result:
        nonlocal tries
        tries += 1
        if tries <= 4:
            raise Retryable("off")
        return Result(())

    job = film(jobs)

    async def script(_: Runner) -> None:
        await until(lambda: jobs.get(job.id).ended)

    play(jobs, perform, script)
    assert tries == 5 and jobs.get(job.id).attempts == 4


def test_a_short_wait_is_not_lost_behind_a_long_one(jobs: Jobs, monkeypatch: pytest.MonkeyPatch) -> None:
    """The printer of one job is off for long, another job failed just now: it is tried again in its own time."""
    monkeypatch.setattr(runner, "BACK_OFF_S", (0.2, 60.0, 60.0))
    seen: list[str] = []

    async def perform(job: Job, step: Step) -> Result:
        seen.append(job.calling_ae_title)
        if job.calling_ae_title == "LONG" or seen.count(job.calling_ae_title) == 1:
            raise Retryable("off")
        return Result(())

    film(jobs, calling_ae_title="LONG")

    async def script(_: Runner) -> None:
        await until(lambda: seen.count("LONG") == 2)
        await asyncio.sleep(0.3)
        short = jobs.create(NewJob("film", "OTHER", calling_ae_title="SHORT"))
        await until(lambda: jobs.get(short.id).ended, 5)

    play(jobs, perform, script)
    assert seen == ["LONG", "LONG", "SHORT", "SHORT"]


def test_no_more_than_so_many_at_once_and_the_urgent_first(jobs: Jobs) -> None:
    """Of each printer one at a time, and no more than two of them all."""
    running: list[str] = []
    most, order = 0, []

    async def perform(job: Job, step: Step) -> Result:
        nonlocal most
        assert job.ae_title not in running
        running.append(job.ae_title)
        most = max(most, len(running))
        order.append(job.priority)
        await asyncio.sleep(0.05)
        running.remove(job.ae_title)
        return Result(())

    made = [
        jobs.create(NewJob("film", printer, priority=priority))
        for priority in ("LOW", "MED", "HIGH", "MED", "LOW", "HIGH")
        for printer in ("A", "B", "C")
    ]

    async def script(_: Runner) -> None:
        await until(lambda: all(jobs.get(job.id).ended for job in made))

    play(jobs, perform, script, at_once=2)
    assert most == 2
    for priority in ("HIGH", "MED", "LOW"):
        assert order.count(priority) == 6
    assert order[0] == order[1] == "HIGH" and order[-1] == order[-2] == "LOW"


def test_a_printer_that_is_off_keeps_its_films_in_order_and_no_other_printer_waiting(
    jobs: Jobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner, "BACK_OFF_S", (0.1,))
    is_off = True
    out: list[tuple[str, int]] = []

    async def perform(job: Job, step: Step) -> Result:
        if job.ae_title == "OFF" and is_off:
            await asyncio.sleep(0.05)  # as long as it takes to find out
            raise Retryable("off")
        out.append((job.ae_title, job.number))
        return Result(())

    off = [jobs.create(NewJob("film", "OFF")) for _ in range(4)]
    on = [jobs.create(NewJob("film", "ON")) for _ in range(4)]

    async def script(_: Runner) -> None:
        nonlocal is_off
        await until(lambda: all(jobs.get(job.id).ended for job in on))
        await until(lambda: jobs.get(off[0].id).attempts >= 3)
        assert [jobs.get(job.id).attempts for job in off[1:]] == [0, 0, 0]
        assert all(one == "ON" for one, _ in out)
        is_off = False
        await until(lambda: all(jobs.get(job.id).ended for job in off))

    play(jobs, perform, script, at_once=5)
    for printer, made in (("OFF", off), ("ON", on)):
        assert [number for one, number in out if one == printer] == [job.number for job in made]


def test_a_printer_that_has_never_answered_for_days_costs_a_try_in_five_minutes(
    jobs: Jobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries = 0

    async def perform(job: Job, step: Step) -> Result:
        nonlocal tries
        tries += 1
        raise Retryable("off")

    job = film(jobs)
    for _ in range(40):
        jobs.advance(job.id, JobEvent.CLAIM, owner="w")
        jobs.advance(job.id, JobEvent.RETRY_LATER, delay_s=0.0, error="off")
    for _ in range(100):
        film(jobs)
    claims = 0
    claim = jobs.claim

    def counted(kind: str, owner: str) -> Job | None:
        nonlocal claims
        claims += 1
        return claim(kind, owner)

    monkeypatch.setattr(jobs, "claim", counted)

    async def script(_: Runner) -> None:
        await until(lambda: jobs.get(job.id).attempts == 41)
        await asyncio.sleep(0.5)

    play(jobs, perform, script)
    assert tries == 1 and claims <= 4, "nobody looks again and again"
    assert 290 < (jobs.seconds_to_next("film") or 0) <= 300


def test_a_retry_may_have_a_latest_time(jobs: Jobs) -> None:
    async def perform(job: Job, step: Step) -> Result:
        if job.attempts == 0:
            raise Retryable("given to another printer", within_s=0.0)
        return Result((), payload={"printed_on": "OTHER"})

    job = jobs.create(NewJob("film", "FILM", payload={"films": 1}))

    async def script(_: Runner) -> None:
        await until(lambda: jobs.get(job.id).ended, 3)

    play(jobs, perform, script)
    assert jobs.get(job.id).payload == {"films": 1, "printed_on": "OTHER"}


def test_a_job_that_is_cancelled_while_it_is_claimed_is_not_performed(
    jobs: Jobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    claim, performed = jobs.claim, []

    def slow(kind: str, owner: str) -> Job | None:
        job = claim(kind, owner)
        if job is not None and job.id == first.id:
            jobs.advance(job.id, JobEvent.CANCEL, reason="wrong patient")
        return job

    monkeypatch.setattr(jobs, "claim", slow)

    async def perform(job: Job, step: Step) -> Result:
        performed.append(job.id)
        return Result(())

    first, second = film(jobs), film(jobs)

    async def script(_: Runner) -> None:
        await until(lambda: jobs.get(second.id).ended)

    play(jobs, perform, script)
    assert performed == [second.id] and jobs.get(first.id).cancelled


def test_a_cancelled_job_stops_and_hears_why(jobs: Jobs) -> None:
    heard: list[str] = []
    began = False

    async def perform(job: Job, step: Step) -> Result:
        nonlocal began
        began = True
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError as cancelled:
            heard.append(str(cancelled))
            raise
        return Result(())

    job = film(jobs)

    async def script(_: Runner) -> None:
        await until(lambda: began)
        jobs.advance(job.id, JobEvent.CANCEL, reason="wrong patient")
        await until(lambda: bool(heard))

    play(jobs, perform, script)
    assert heard == [CANCELLED_BY_HAND]
    assert jobs.get(job.id).cancelled and jobs.get(job.id).state == "FAILURE"


def test_a_job_that_was_cancelled_in_its_last_moment_stays_cancelled(jobs: Jobs) -> None:
    async def perform(job: Job, step: Step) -> Result:
        jobs.advance(job.id, JobEvent.CANCEL, reason="")
        return Result(("/films/a.pdf",))

    job = ends(jobs, perform)
    assert job.cancelled and job.files == ()


def test_the_end_of_the_program_leaves_the_job_for_recovery(jobs: Jobs) -> None:
    heard: list[str] = []
    began = False

    async def perform(job: Job, step: Step) -> Result:
        nonlocal began
        began = True
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError as cancelled:
            heard.append(str(cancelled))
            raise
        return Result(())

    job = film(jobs)

    async def script(_: Runner) -> None:
        await until(lambda: began)

    play(jobs, perform, script)
    assert jobs.get(job.id).step == "rendering" and heard == [""]


def test_a_table_that_cannot_be_written_is_waited_for(jobs: Jobs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "BACK_OFF_S", (0.05,))
    broken = 3
    advance = jobs.advance

    def full(job_id: str, event: JobEvent, **facts: Any) -> Job:
        nonlocal broken
        if event is JobEvent.FINISH and broken:
            broken -= 1
            raise OSError(28, "No space left on device")
        return advance(job_id, event, **facts)

    monkeypatch.setattr(jobs, "advance", full)
    performed = 0

    async def perform(job: Job, step: Step) -> Result:
        nonlocal performed
        performed += 1
        return Result(("/films/a.pdf",))

    job = ends(jobs, perform)
    assert job.state == "DONE" and performed == 1 and broken == 0


def test_a_table_that_cannot_be_read_is_tried_again(jobs: Jobs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "BACK_OFF_S", (0.05,))
    claim, broken = jobs.claim, 2

    def sick(kind: str, owner: str) -> Job | None:
        nonlocal broken
        if broken:
            broken -= 1
            raise OSError(5, "Input/output error")
        return claim(kind, owner)

    monkeypatch.setattr(jobs, "claim", sick)

    async def perform(job: Job, step: Step) -> Result:
        return Result(())

    assert ends(jobs, perform).state == "DONE"
