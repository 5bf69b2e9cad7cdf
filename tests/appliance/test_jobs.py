"""The job table: every pair of step and event, every recovery, and what holds whatever happens."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from appliance.database import Database
from appliance.jobs import (
    CANCELLED,
    DONE,
    ENDED,
    FAILED,
    INFO_TERMS,
    LONGEST_DELAY_S,
    RECOVERY,
    STALLED,
    STEPS,
    TRANSITIONS,
    WAITING,
    IllegalTransition,
    Job,
    JobEvent,
    Jobs,
    NewJob,
    NoSuchJob,
    QueueFull,
    next_step,
    own_steps,
    state_of,
)

KINDS = sorted(STEPS)
PATHS = {step: number for kind in KINDS for number, step in enumerate(STEPS[kind])}


class Clock:
    """The wall clock of a test."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


class Table:
    """A job table in a file of its own."""

    def __init__(self, folder: Path, depth: int = 1000) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.database = Database(folder / "jobs.db")
        self.database.migrate()
        self.clock = Clock()
        self.jobs = Jobs(self.database, self.clock, depth)
        self.heard: list[tuple[str, JobEvent, str]] = []
        self.jobs.subscribe(lambda job, event: self.heard.append((job.id, event, job.step)))

    def at(self, kind: str, step: str) -> Job:
        """A new job that has come to a step on a legal way."""
        job = self.jobs.create(NewJob(kind, "FILM"))
        if step == CANCELLED:
            return self.jobs.advance(job.id, JobEvent.CANCEL)
        if step == WAITING:
            return job
        job = self.jobs.advance(job.id, JobEvent.CLAIM, owner="w")
        if step in (DONE, FAILED):
            return self.jobs.advance(job.id, JobEvent.FINISH if step == DONE else JobEvent.FAIL, error="e", files=[])
        if step == STALLED:
            self.jobs.advance(job.id, JobEvent.STEP, step=own_steps(kind)[-1])
            return self.jobs.advance(job.id, JobEvent.STALL, info="FILM JAM")
        return self.jobs.advance(job.id, JobEvent.STEP, step=step)


@pytest.fixture
def table(tmp_path: Path) -> Iterator[Table]:
    one = Table(tmp_path)
    yield one
    one.database.close()


def facts_for(event: JobEvent, kind: str, step: str) -> dict[str, Any]:
    if event is JobEvent.STEP:
        return {"step": step if step in own_steps(kind) else STEPS[kind][1]}
    return {"delay_s": 5.0, "error": "no paper"} if event is JobEvent.RETRY_LATER else {}


@pytest.mark.parametrize("event", JobEvent, ids=lambda event: event.value)
@pytest.mark.parametrize(("kind", "step"), [(kind, step) for kind in KINDS for step in STEPS[kind]])
def test_a_pair_of_the_table_leads_where_it_says_and_any_other_changes_nothing(
    table: Table, kind: str, step: str, event: JobEvent
) -> None:
    job = table.at(kind, step)
    if event is JobEvent.RELEASE and step == WAITING:
        job = table.jobs.advance(job.id, JobEvent.HOLD, hold_reason="why")
    before, history = table.jobs.get(job.id), len(table.jobs.events(job.id))
    heard = len(table.heard)
    if (step, event) in TRANSITIONS[kind]:
        after = table.jobs.advance(job.id, event, **facts_for(event, kind, step))
        expected = step if event is JobEvent.STEP else TRANSITIONS[kind][step, event]
        assert after.step == expected and after.state == state_of(kind, expected)
        assert after == table.jobs.get(job.id)
        assert table.heard[heard:] == [(job.id, event, expected)]
        assert len(table.jobs.events(job.id)) == history + (event is not JobEvent.STEP)
        assert after.info in INFO_TERMS[kind]
    else:
        with pytest.raises(IllegalTransition):
            table.jobs.advance(job.id, event, **facts_for(event, kind, step))
        assert table.jobs.get(job.id) == before
        assert len(table.jobs.events(job.id)) == history and len(table.heard) == heard


@pytest.mark.parametrize(
    ("kind", "step"), [(kind, step) for kind in KINDS for step in STEPS[kind] if step not in ENDED]
)
def test_every_step_has_exactly_one_recovery_and_it_is_legal(table: Table, kind: str, step: str) -> None:
    job = table.at(kind, step)
    action = RECOVERY[kind][step]
    recovered = Jobs(table.database, table.clock).recover()
    assert action.why
    assert [one.id for one in recovered] == ([job.id] if action.event else [])
    assert table.jobs.get(job.id).step == (TRANSITIONS[kind][step, action.event] if action.event else step)
    assert Jobs(table.database, table.clock).recover() == []


@pytest.mark.parametrize("kind", KINDS)
def test_ended_jobs_have_no_recovery(kind: str) -> None:
    assert set(RECOVERY[kind]) == set(STEPS[kind]) - set(ENDED)


@pytest.mark.parametrize("kind", KINDS)
def test_steps_go_forward_and_may_be_left_out(table: Table, kind: str) -> None:
    working = own_steps(kind)
    for at, step in enumerate(working):
        job = table.at(kind, step)
        for number, wanted in enumerate(working):
            if number >= at:
                assert next_step(job, JobEvent.STEP, wanted) == wanted
            else:
                with pytest.raises(IllegalTransition):
                    next_step(job, JobEvent.STEP, wanted)
        for nonsense in (None, WAITING, STALLED, DONE, "burning"):
            with pytest.raises(IllegalTransition):
                next_step(job, JobEvent.STEP, nonsense)


def test_a_held_job_waits_until_it_is_released(table: Table) -> None:
    held = table.jobs.create(NewJob("disc", "BURN_CD", held=True, hold_reason="two names"))
    assert held.state == "PENDING" and held.info == "CHECK_MCD_OP"
    assert table.jobs.claim("disc", "w") is None and table.jobs.seconds_to_next("disc") is None
    with pytest.raises(IllegalTransition):
        table.jobs.advance(held.id, JobEvent.CLAIM, owner="w")
    released = table.jobs.advance(held.id, JobEvent.RELEASE, reason="I asked her")
    assert (released.held, released.hold_reason, released.release_reason) == (False, "", "I asked her")
    with pytest.raises(IllegalTransition):
        table.jobs.advance(held.id, JobEvent.RELEASE)
    claimed = table.jobs.claim("disc", "w")
    assert claimed is not None and claimed.id == held.id


def test_a_cancelled_job_is_a_failure_and_can_be_tried_again(table: Table) -> None:
    job = table.at("film", "rendering")
    cancelled = table.jobs.advance(job.id, JobEvent.CANCEL, reason="wrong patient")
    assert (cancelled.state, cancelled.cancelled, cancelled.error) == ("FAILURE", True, "wrong patient")
    again = table.jobs.advance(job.id, JobEvent.RETRY)
    assert (again.state, again.cancelled, again.error, again.attempts) == ("PENDING", False, "", 0)


def test_a_held_job_that_was_cancelled_is_held_again_when_it_is_tried_again(table: Table) -> None:
    """Two patients on a disc need a release with a reason: there is no way around it by cancel and retry."""
    job = table.jobs.create(NewJob("disc", "BURN_CD", held=True, hold_reason="two names"))
    table.jobs.advance(job.id, JobEvent.CANCEL)
    again = table.jobs.advance(job.id, JobEvent.RETRY)
    assert (again.held, again.hold_reason, again.state) == (True, "two names", "PENDING")
    assert table.jobs.claim("disc", "worker") is None
    assert not table.jobs.advance(job.id, JobEvent.RELEASE, reason="looked at it").held
    table.jobs.advance(job.id, JobEvent.CANCEL)
    assert not table.jobs.advance(job.id, JobEvent.RETRY).held, "what was released stays released"
    assert table.jobs.claim("disc", "worker") is not None


def test_a_stalled_film_says_why_stays_with_its_worker_and_goes_on(table: Table) -> None:
    job = table.at("film", "delivering")
    table.jobs.advance(job.id, JobEvent.STEP, step="delivering", progress=0.9)
    stalled = table.jobs.advance(job.id, JobEvent.STALL, info="EMPTY A4 PAPR")
    assert (stalled.state, stalled.info, stalled.owner, stalled.progress) == ("PENDING", "EMPTY A4 PAPR", "w", 0.9)
    assert table.jobs.claim("film", "other") is None
    going = table.jobs.advance(job.id, JobEvent.GO_ON)
    assert (going.state, going.info, going.owner, going.progress) == ("PRINTING", "NORMAL", "w", 0.9)
    assert [event.detail for event in table.jobs.events(job.id) if event.event == "stall"] == ["EMPTY A4 PAPR"]
    assert table.jobs.advance(job.id, JobEvent.STALL).info == "QUEUED"


def test_claims_go_by_priority_and_then_by_age(table: Table) -> None:
    order = [table.jobs.create(NewJob("disc", "CD", priority=one)).id for one in ("LOW", "MED", "HIGH", "MED", "?")]
    claimed = [job.id for _ in order if (job := table.jobs.claim("disc", "w"))]
    assert claimed == [order[2], order[1], order[3], order[4], order[0]]
    assert table.jobs.claim("disc", "w") is None


def test_films_of_one_printer_go_one_by_one_and_in_their_order(table: Table) -> None:
    jobs = table.jobs
    first, second, urgent, other = (
        jobs.create(NewJob("film", printer, priority=priority)).id
        for printer, priority in (("A", "MED"), ("A", "MED"), ("A", "HIGH"), ("B", "LOW"))
    )

    def claimed() -> str | None:
        job = jobs.claim("film", "w")
        return None if job is None else job.id

    assert [claimed(), claimed(), claimed()] == [urgent, other, None]
    assert jobs.seconds_to_next("film") is None, "nothing to wait for but an end"
    jobs.advance(urgent, JobEvent.FINISH, files=[])
    assert claimed() == first
    jobs.advance(first, JobEvent.RETRY_LATER, delay_s=60.0, error="off")
    assert claimed() is None, "not overtaken by the second"
    assert jobs.seconds_to_next("film") == pytest.approx(60)
    jobs.advance(first, JobEvent.HOLD, hold_reason="a person looks")
    assert claimed() == second, "what is held keeps nobody waiting"
    jobs.advance(first, JobEvent.RELEASE, reason="looked")
    assert claimed() is None
    jobs.advance(second, JobEvent.RETRY_LATER, delay_s=60.0, error="off")
    assert claimed() == first, "and has its place again"


def test_several_jobs_are_made_together_or_not_at_all(tmp_path: Path) -> None:
    table = Table(tmp_path, depth=2)
    made = table.jobs.create_all([NewJob("film", one, note=f"for {one}") for one in "ABC"])
    assert [job.number for job in made] == [1, 2, 3]
    assert table.heard == [(job.id, JobEvent.SUBMIT, WAITING) for job in made]
    assert [table.jobs.events(job.id)[0].detail for job in made] == ["for A", "for B", "for C"]
    with pytest.raises(QueueFull):
        table.jobs.create_all([NewJob("film", one) for one in "ABCC"])
    assert len(table.jobs.list()) == 3 and len(table.heard) == 3


def test_a_back_off_ends_and_a_clock_that_was_set_back_does_not_prolong_it(table: Table) -> None:
    job = table.at("film", "delivering")
    waiting = table.jobs.advance(job.id, JobEvent.RETRY_LATER, delay_s=60.0, error="printer is off")
    assert waiting.attempts == 1 and waiting.error == "printer is off"
    assert table.jobs.claim("film", "w") is None
    assert table.jobs.seconds_to_next("film") == pytest.approx(60)
    table.clock.now += 61
    assert table.jobs.claim("film", "w") is not None
    table.jobs.advance(job.id, JobEvent.RETRY_LATER, delay_s=10 * LONGEST_DELAY_S, error="off")
    assert table.jobs.seconds_to_next("film") == pytest.approx(LONGEST_DELAY_S)
    table.clock.now -= 365 * 86400
    assert table.jobs.seconds_to_next("film") == 0
    assert table.jobs.claim("film", "w") is not None


def test_a_back_off_ends_when_what_it_waits_for_has_come_or_somebody_says_so(table: Table) -> None:
    job = table.at("film", "delivering")
    table.jobs.advance(job.id, JobEvent.RETRY_LATER, delay_s=300.0, error="printer is off")
    table.jobs.hurry("film", "OTHER", "the printer is well again")
    table.jobs.hurry("disc", job.ae_title, "the printer is well again")
    assert table.jobs.claim("film", "w") is None
    table.jobs.hurry("film", job.ae_title, "the printer is well again")
    assert table.jobs.events(job.id)[-1].detail == "the printer is well again"
    assert table.jobs.claim("film", "w") is not None
    table.jobs.hurry("film", job.ae_title, "nothing waits")
    table.jobs.advance(job.id, JobEvent.RETRY_LATER, delay_s=300.0, error="printer is off")
    assert table.jobs.advance(job.id, JobEvent.RETRY).attempts == 0
    table.jobs.advance(job.id, JobEvent.HOLD, hold_reason="why")
    with pytest.raises(IllegalTransition):
        table.jobs.advance(job.id, JobEvent.RETRY)
    assert table.jobs.claim("film", "w") is None, "only a release, with its reason, lets it go"


def test_the_queue_has_a_depth_for_each_service(tmp_path: Path) -> None:
    table = Table(tmp_path, depth=2)
    films = [table.jobs.create(NewJob("film", "FILM")) for _ in range(2)]
    with pytest.raises(QueueFull):
        table.jobs.create(NewJob("film", "FILM"))
    table.jobs.create(NewJob("disc", "FILM"))
    table.jobs.create(NewJob("film", "OTHER"))
    table.jobs.advance(films[0].id, JobEvent.CLAIM, owner="w")
    table.jobs.create(NewJob("film", "FILM"))
    assert len(table.jobs.list()) == 5


def test_two_workers_never_get_the_same_job(table: Table) -> None:
    ids = {table.jobs.create(NewJob("film", f"FILM{number // 2}")).id for number in range(80)}
    got: list[list[str]] = [[], [], [], []]

    def work(mine: list[str]) -> None:
        while (job := table.jobs.claim("film", "w")) is not None:
            mine.append(job.id)

    threads = [threading.Thread(target=work, args=(mine,)) for mine in got]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    everything = [one for mine in got for one in mine]
    assert len(everything) == len(set(everything)) == 40 and set(everything) <= ids
    assert len({table.jobs.get(one).ae_title for one in everything}) == 40, "one of each printer"


def test_what_must_become_true_with_a_job_becomes_true_or_there_is_no_job(table: Table) -> None:
    def fail(*_: object) -> None:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        table.jobs.create(NewJob("film", "FILM"), also=fail)
    assert table.jobs.list() == [] and table.heard == []


def test_a_listener_that_fails_harms_neither_the_job_nor_the_next_listener(table: Table) -> None:
    heard: list[str] = []
    table.jobs._listeners.insert(0, lambda *_: 1 / 0)  # type: ignore[arg-type, return-value]
    table.jobs.subscribe(lambda job, event: heard.append(event.value))
    assert table.jobs.create(NewJob("film", "FILM")).state == "PENDING"
    assert heard == ["submit"]


def test_an_unknown_word_of_status_info_does_not_reach_a_console(table: Table) -> None:
    job = table.at("film", "rendering")
    assert table.jobs.advance(job.id, JobEvent.FAIL, info="OUT OF COFFEE", error="x").info == "UNKNOWN"
    other = table.at("film", "rendering")
    assert table.jobs.advance(other.id, JobEvent.FAIL, info="INVALID PAGE DES", error="x").info == "INVALID PAGE DES"


def test_jobs_are_listed_newest_last_searched_and_bounded(table: Table) -> None:
    ids = [table.jobs.create(NewJob("film", f"FILM{number}")).id for number in range(5)]
    table.jobs.advance(ids[0], JobEvent.CANCEL)
    assert [job.id for job in table.jobs.list(limit=3)] == ids[2:]
    assert [job.id for job in table.jobs.list(ended=True)] == ids[:1]
    assert [job.id for job in table.jobs.list(ended=False, limit=2)] == ids[3:]
    assert [job.id for job in table.jobs.list(search="film3")] == [ids[3]]
    assert [job.id for job in table.jobs.list(search="cancelled")] == ids[:1]
    for name in ("held", "calling_ae_title", "payload", "false", "null", '"'):
        assert not table.jobs.list(search=name), "names of facts are no facts"
    said = table.jobs.create(NewJob("film", "FILM", held=True, payload={"label": ['A "B" \\C']}))
    assert [job.id for job in table.jobs.list(search='"b" \\c')] == [said.id]
    assert [job.id for job in table.jobs.list(search="HELD")] == [said.id]
    with pytest.raises(NoSuchJob):
        table.jobs.get("no such job")


def test_a_job_that_was_set_going_again_is_not_forgotten(table: Table) -> None:
    done, retried, running = table.at("film", DONE), table.at("film", FAILED), table.at("film", "rendering")
    table.jobs.see(100.0)
    expired = table.jobs.expired({("film", "FILM"): 101.0}, 0.0)
    assert [job.id for job in expired] == [done.id, retried.id]
    table.jobs.advance(retried.id, JobEvent.RETRY)
    assert [job.id for job in table.jobs.delete([*expired, running])] == [done.id]
    assert {job.id for job in table.jobs.list()} == {retried.id, running.id}
    assert table.jobs.events(done.id) == []


def test_age_counts_from_the_last_end_and_by_the_service(table: Table) -> None:
    job = table.at("film", FAILED)
    table.jobs.see(100.0)
    table.jobs.advance(job.id, JobEvent.RETRY)
    table.jobs.advance(job.id, JobEvent.CANCEL)
    assert table.jobs.expired({}, 1000.0) == []
    table.jobs.see(200.0)
    assert [one.id for one in table.jobs.expired({}, 201.0)] == [job.id]
    assert table.jobs.expired({("film", "FILM"): 150.0}, 201.0) == []


class AnyLife(RuleBasedStateMachine):
    """Any order of events, legal or not, at three jobs."""

    @initialize(kind=st.sampled_from(KINDS))
    def begin(self, kind: str) -> None:
        import tempfile

        self._folder = tempfile.TemporaryDirectory()
        self.table = Table(Path(self._folder.name))
        self.ids = [self.table.jobs.create(NewJob(kind, "FILM")).id for _ in range(3)]
        self.kind = kind
        self.legal = 3

    def teardown(self) -> None:
        if hasattr(self, "table"):
            self.table.database.close()
            self._folder.cleanup()

    @rule(
        which=st.integers(0, 2),
        event=st.sampled_from([one for one in JobEvent if one is not JobEvent.SUBMIT]),
        step=st.sampled_from(sorted(PATHS)),
        progress=st.floats(-1, 2),
    )
    def happen(self, which: int, event: JobEvent, step: str, progress: float) -> None:
        facts: dict[str, Any] = {"step": step, "progress": progress} if event is JobEvent.STEP else {}
        if event is JobEvent.RETRY_LATER:
            facts = {"delay_s": 1.0}
        before = self.table.jobs.get(self.ids[which])
        try:
            after = self.table.jobs.advance(before.id, event, **facts)
        except IllegalTransition:
            assert self.table.jobs.get(before.id) == before
            return
        if event is not JobEvent.STEP or after.step != before.step:
            self.legal += 1
        else:
            assert after.progress >= before.progress

    @rule()
    def crash(self) -> None:
        self.legal += len(Jobs(self.table.database, self.table.clock).recover())

    @invariant()
    def what_always_holds(self) -> None:
        if not hasattr(self, "table"):
            return
        jobs = self.table.jobs.list()
        assert sum(len(self.table.jobs.events(job.id)) for job in jobs) == self.legal
        for job in jobs:
            assert job.step in STEPS[self.kind] and job.state == state_of(self.kind, job.step)
            assert not job.held or (job.state == "PENDING" and job.step == WAITING)
            assert not job.cancelled or job.state == "FAILURE"
            assert 0 <= job.progress <= 1 and (job.step != DONE or job.progress == 1)
            assert job.info in INFO_TERMS[self.kind]
            assert [event.step for event in self.table.jobs.events(job.id)][-1] == job.step


TestAnyLife = AnyLife.TestCase
TestAnyLife.settings = settings(
    max_examples=20, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
)
