"""Jobs: one table, one `advance`, one event row for every change (PS3.3 C.13.8, C.22.1).

A job has a *step*, which is ours and says exactly where it is, and a *state*, which is DICOM's word for it and follows
from the step. Every change goes through `Jobs.advance`, which looks the pair (step, event) up in one table; N-GET,
N-EVENT-REPORT, the command line and the console all read the row that it writes, so they can never disagree.

After a crash every job stands in one of these steps, and `RECOVERY` names the one thing that is done with it.
"""

from __future__ import annotations

import contextlib
import json
import logging
import secrets
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from enum import Enum
from typing import Any

from sqlalchemy import Connection, Row, text

from appliance.database import Database, FastTransaction
from printing.terms import JOB_INFO_TERMS

log = logging.getLogger("gravure.jobs")


class JobEvent(Enum):
    """What can happen to a job."""

    SUBMIT = "submit"
    CLAIM = "claim"
    STEP = "step"
    STALL = "stall"
    GO_ON = "go on"
    FINISH = "finish"
    FAIL = "fail"
    RETRY_LATER = "retry later"
    HOLD = "hold"
    RELEASE = "release"
    CANCEL = "cancel"
    RETRY = "retry"
    RECOVER = "recover"


WAITING = "queued"
STALLED = "stalled"
"""The device has the film and cannot print it now: out of paper, stopped, or busy with others before it."""
DONE, FAILED, CANCELLED = "done", "failed", "cancelled"
ENDED = (DONE, FAILED, CANCELLED)

STEPS: Mapping[str, tuple[str, ...]] = {
    "film": (WAITING, "rendering", "delivering", STALLED, *ENDED),
    "disc": (WAITING, "planning", "staging", "imaging", "verifying", "delivering", *ENDED),
}
"""The steps of each kind, in order."""

# Execution Status (2100,0020): PS3.3 C.13.8 for films, C.22.1 for discs. IDLE belongs to a media creation request
# that nobody has started yet; a disc job of ours is always started by what makes it.
_STATES = {WAITING: "PENDING", STALLED: "PENDING", DONE: "DONE", FAILED: "FAILURE", CANCELLED: "FAILURE"}
_WORKING_STATE = {"film": "PRINTING", "disc": "CREATING"}


def state_of(kind: str, step: str) -> str:
    """Execution Status of a job of this kind at this step."""
    return _STATES.get(step) or _WORKING_STATE[kind]


_DISC_TERMS = """
    NORMAL CHECK_MCD_OP CHECK_MCD_SRV DIR_PROC_ERR DUPL_REF_INST INST_AP_CONFLICT INST_OVERSIZED INSUFFIC_MEMORY
    MCD_BUSY MCD_FAILURE NO_INSTANCE NOT_SUPPORTED OUT_OF_SUPPLIES PROC_FAILURE QUEUED SET_OVERSIZED UNKNOWN
"""
INFO_TERMS: Mapping[str, frozenset[str]] = {
    "film": JOB_INFO_TERMS,
    "disc": frozenset(_DISC_TERMS.split()),
}
"""Execution Status Info (2100,0030): the Defined Terms of PS3.3 C.13.8 and C.22.1."""


def own_steps(kind: str) -> tuple[str, ...]:
    """The steps that a job takes by itself, in order."""
    return tuple(step for step in STEPS[kind] if step not in (WAITING, STALLED, *ENDED))


def _transitions(kind: str) -> dict[tuple[str, JobEvent], str]:
    steps = STEPS[kind]
    working = steps[1 : -len(ENDED)]
    table: dict[tuple[str, JobEvent], str] = {
        (WAITING, JobEvent.CLAIM): working[0],
        (WAITING, JobEvent.HOLD): WAITING,
        (WAITING, JobEvent.RELEASE): WAITING,
        (WAITING, JobEvent.CANCEL): CANCELLED,
        (WAITING, JobEvent.RETRY): WAITING,  # its back-off ends
        (FAILED, JobEvent.RETRY): WAITING,
        (CANCELLED, JobEvent.RETRY): WAITING,
    }
    for step in working:
        table[step, JobEvent.FINISH] = DONE
        table[step, JobEvent.FAIL] = FAILED
        table[step, JobEvent.RETRY_LATER] = WAITING
        table[step, JobEvent.HOLD] = WAITING
        table[step, JobEvent.CANCEL] = CANCELLED
        table[step, JobEvent.RECOVER] = WAITING
    own = own_steps(kind)
    for step in own:
        # A step may repeat itself (progress) and may be left out, never go back: this is the last that it may lead to.
        table[step, JobEvent.STEP] = own[-1]
    if STALLED in working:  # the device's step, not ours: it comes and goes
        table[own[-1], JobEvent.STALL] = table[STALLED, JobEvent.STALL] = STALLED
        table[STALLED, JobEvent.GO_ON] = own[-1]
    return table


TRANSITIONS: Mapping[str, Mapping[tuple[str, JobEvent], str]] = {kind: _transitions(kind) for kind in STEPS}
"""By kind: (step, event) → the step after it. For STEP the event itself names the step, any later one."""


@dataclass(frozen=True, slots=True)
class Recovery:
    """What the start does with a job that a crash left at a step, and why that is safe."""

    event: JobEvent | None
    why: str


RECOVERY: Mapping[str, Mapping[str, Recovery]] = {
    "film": {
        WAITING: Recovery(None, "nothing had begun"),
        "rendering": Recovery(JobEvent.RECOVER, "rendering only reads the spool and writes a file of its own"),
        "delivering": Recovery(
            JobEvent.RECOVER, "an output takes the same film once: by its name, or by what was noted before"
        ),
        STALLED: Recovery(JobEvent.RECOVER, "the device is asked for the film that it was given"),
    },
    "disc": {
        WAITING: Recovery(None, "nothing had begun"),
        "planning": Recovery(JobEvent.RECOVER, "planning writes nothing"),
        "staging": Recovery(JobEvent.RECOVER, "the work folder is emptied and filled again"),
        "imaging": Recovery(JobEvent.RECOVER, "an unfinished image is deleted and written again"),
        "verifying": Recovery(JobEvent.RECOVER, "an image that was not verified is written again"),
        "delivering": Recovery(JobEvent.RECOVER, "a folder takes the same image once: the file has the job's name"),
    },
}

AT_WORK = (JobEvent.STEP, JobEvent.STALL, JobEvent.GO_ON)
"""Events of a job that stays with whoever claimed it."""

IN_ORDER = frozenset({"film"})
"""Kinds whose jobs leave each service one at a time, in their order: a film that waits until its printer answers again
is not overtaken by a later one. Services do not wait for each other."""

LONGEST_DELAY_S = 3600.0
"""No back-off is longer. A job that seems to wait for longer was given its time by a clock that has been set back
since, and is taken at once: a back-off must not last until that time comes again."""

PRIORITIES = {"HIGH": 0, "MED": 1, "LOW": 2}
"""Print Priority (2000,0020), Request Priority (2200,0020)."""


class IllegalTransition(Exception):
    """This cannot happen to a job that stands there."""

    def __init__(self, job_id: str, step: str, event: JobEvent) -> None:
        super().__init__(f"job {job_id} is {step}: {event.value} is not possible")


class NoSuchJob(Exception):
    """There is no job of this id."""


class QueueFull(Exception):
    """No more jobs are taken until some have ended (PS3.4 H: C601, C602)."""


@dataclass(frozen=True, slots=True)
class NewJob:
    """What makes a job."""

    kind: str
    ae_title: str
    calling_ae_title: str = ""
    uid: str | None = None
    """SOP Instance UID of the Print Job or the media creation request."""
    folder: str = ""
    """Name of its spool folder."""
    payload: Mapping[str, Any] = field(default_factory=dict)
    """What its performer needs, and what a person asks of it first; JSON. Never in logs."""
    priority: str = "MED"
    held: bool = False
    hold_reason: str = ""
    warnings: tuple[str, ...] = ()
    id: str = field(default_factory=lambda: secrets.token_hex(6))
    note: str = ""
    """Where it comes from, for its history."""


@dataclass(frozen=True, slots=True)
class Job:
    """One row of the job table."""

    id: str
    number: int
    kind: str
    state: str
    step: str
    info: str
    progress: float
    ae_title: str
    calling_ae_title: str
    uid: str | None
    folder: str
    payload: Mapping[str, Any]
    priority: str
    held: bool
    hold_reason: str
    release_reason: str
    cancelled: bool
    files: tuple[str, ...]
    warnings: tuple[str, ...]
    error: str
    attempts: int
    not_before: float
    owner: str
    """Which start of which appliance works on it; empty while nobody does."""
    created: float
    updated: float

    @property
    def ended(self) -> bool:
        """Whether nothing more happens by itself."""
        return self.step in ENDED

    def to_dict(self) -> dict[str, Any]:
        """The job as the command line and the console show it; names and words of the design, times in RFC 3339."""
        return {
            "id": self.id,
            "kind": self.kind,
            "state": self.state,
            "info": self.info,
            "ae_title": self.ae_title,
            "calling_ae_title": self.calling_ae_title,
            "created": rfc3339(self.created),
            "updated": rfc3339(self.updated),
            "progress": round(self.progress, 4),
            "step": self.step,
            "held": self.held,
            "hold_reason": self.hold_reason,
            "release_reason": self.release_reason,
            "cancelled": self.cancelled,
            "files": list(self.files),
            "warnings": list(self.warnings),
            "error": self.error,
            "attempts": self.attempts,
            "priority": self.priority,
            "uid": self.uid,
            "payload": dict(self.payload),
        }


def rfc3339(seconds: float) -> str:
    """A wall-clock time with the offset of this machine."""
    return datetime.fromtimestamp(seconds, UTC).astimezone().isoformat(timespec="milliseconds")


@dataclass(frozen=True, slots=True)
class Event:
    """One row of a job's history."""

    number: int
    at: float
    event: str
    state: str
    step: str
    detail: str


Listener = Callable[[Job, JobEvent], None]

_PRIORITY_NAMES = {value: name for name, value in PRIORITIES.items()}


def _job(row: Row[Any]) -> Job:
    return Job(
        id=row.id,
        number=row.number,
        kind=row.kind,
        state=row.state,
        step=row.step,
        info=row.info,
        progress=row.progress,
        ae_title=row.ae_title,
        calling_ae_title=row.calling_ae_title,
        uid=row.uid,
        folder=row.folder,
        payload=json.loads(row.payload),
        priority=_PRIORITY_NAMES.get(row.priority, "MED"),
        held=bool(row.held),
        hold_reason=row.hold_reason,
        release_reason=row.release_reason,
        cancelled=bool(row.cancelled),
        files=tuple(json.loads(row.files)),
        warnings=tuple(json.loads(row.warnings)),
        error=row.error,
        attempts=row.attempts,
        not_before=row.not_before,
        owner=row.owner,
        created=row.created,
        updated=row.updated,
    )


WAITING_JOBS = text(
    f"SELECT COUNT(*) FROM job WHERE kind = :kind AND step = '{WAITING}' AND held IN (0, 1) AND ae_title = :ae_title"
)
NEWEST_JOB = text("SELECT MAX(number) FROM job")
INSERT_JOB = text(
    "INSERT INTO job (id, number, kind, state, step, info, ae_title, calling_ae_title, uid, folder, payload, priority,"
    " held, hold_reason, warnings, created, updated) VALUES (:id, :number, :kind, :state, :step, :info, :ae_title,"
    " :calling_ae_title, :uid, :folder, :payload, :priority, :held, :hold_reason, :warnings, :created, :created)"
)
INSERT_EVENT = text(
    "INSERT INTO job_event (job_id, number, at, event, state, step, detail) VALUES (:job_id,"
    " (SELECT COALESCE(MAX(number), 0) + 1 FROM job_event WHERE job_id = :job_id),"
    " :at, :event, :state, :step, :detail)"
)


_NEXT = f"FROM job WHERE kind = :kind AND step = '{WAITING}' AND held = 0"


def _next(kind: str) -> str:
    """FROM clause of the waiting jobs of a kind that may be taken, back-off aside."""
    if kind not in IN_ORDER:
        return _NEXT
    working = ", ".join(f"'{step}'" for step in STEPS[kind][1 : -len(ENDED)])
    return (
        f"{_NEXT} AND NOT EXISTS (SELECT 1 FROM job AS earlier WHERE earlier.kind = job.kind"
        f" AND earlier.step = '{WAITING}' AND earlier.held = 0 AND earlier.ae_title = job.ae_title"
        " AND (earlier.priority, earlier.number) < (job.priority, job.number))"
        f" AND NOT EXISTS (SELECT 1 FROM job AS busy WHERE busy.kind = job.kind AND busy.step IN ({working})"
        " AND busy.held = 0 AND busy.ae_title = job.ae_title)"
    )


def _new(new: NewJob, now: float) -> Job:
    return Job(
        id=new.id,
        number=0,
        kind=new.kind,
        state=state_of(new.kind, WAITING),
        step=WAITING,
        info=info_of(new.kind, WAITING, new.held, ""),
        progress=0.0,
        ae_title=new.ae_title,
        calling_ae_title=new.calling_ae_title,
        uid=new.uid,
        folder=new.folder,
        payload=dict(new.payload),
        priority=new.priority if new.priority in PRIORITIES else "MED",
        held=new.held,
        hold_reason=new.hold_reason,
        release_reason="",
        cancelled=False,
        files=(),
        warnings=tuple(new.warnings),
        error="",
        attempts=0,
        not_before=0.0,
        owner="",
        created=now,
        updated=now,
    )


def _values(job: Job) -> dict[str, Any]:
    return {
        "id": job.id,
        "number": job.number,
        "kind": job.kind,
        "state": job.state,
        "step": job.step,
        "info": job.info,
        "ae_title": job.ae_title,
        "calling_ae_title": job.calling_ae_title,
        "uid": job.uid,
        "folder": job.folder,
        "payload": json.dumps(dict(job.payload)),
        "priority": PRIORITIES[job.priority],
        "held": int(job.held),
        "hold_reason": job.hold_reason,
        "warnings": json.dumps(list(job.warnings)),
        "created": job.created,
    }


def _event_values(job: Job, event: JobEvent, detail: str, now: float) -> dict[str, Any]:
    return {
        "job_id": job.id,
        "at": now,
        "event": event.value,
        "state": job.state,
        "step": job.step,
        "detail": detail,
    }


def found_in(row: Mapping[str, Any], search: str) -> bool:
    """Whether a text stands in what `Job.to_dict` says of a job, in any case; in the values, not in their names. A held
    and a cancelled job are also found by that word."""
    wanted = search.casefold()
    words = [word for word in ("held", "cancelled") if row[word]]
    return any(wanted in text.casefold() for text in (*words, *_texts(row)))


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, Mapping):
        for one in value.values():
            yield from _texts(one)
    elif isinstance(value, list | tuple):
        for one in value:
            yield from _texts(one)
    elif value is not None and not isinstance(value, bool):
        yield str(value)


class Jobs:
    """The job table.

    Args:
        database: where it is.
        wall: the wall clock, seconds since the epoch: labels and back-off ends.
        depth: how many jobs of one service may wait; more are refused.
    """

    def __init__(self, database: Database, wall: Callable[[], float] = time.time, depth: int = 1000) -> None:
        self._database = database
        self._wall = wall
        self._depth = depth
        self._listeners: list[Listener] = []
        self._order = threading.RLock()

    def subscribe(self, listener: Listener) -> None:
        """Call `listener(job, event)` after every commit, in the committing thread, in the order of the commits."""
        self._listeners.append(listener)

    # -- making -------------------------------------------------------------------------------------------------

    def create(self, new: NewJob, also: Callable[[FastTransaction, Job], None] | None = None) -> Job:
        """Make a job; on return it is durable.

        Args:
            new: what it is.
            also: what else must become true in the same commit.

        Raises:
            QueueFull: too many jobs of this service wait.
        """
        return self.create_all((new,), also)[0]

    def create_all(
        self, news: Sequence[NewJob], also: Callable[[FastTransaction, Job], None] | None = None
    ) -> Sequence[Job]:
        """Make several jobs in one commit: all of them, or none.

        Args:
            news: what they are.
            also: what else must become true for each of them.

        Raises:
            QueueFull: too many jobs of one of the services wait.
        """
        now = self._wall()
        jobs = []
        since_s = time.monotonic()
        with self._order:
            # A console waits for this commit with a film in its hand: the short way through the library.
            with self._database.fast_transaction(since_s) as connection:
                (newest,) = connection.execute(NEWEST_JOB, {}).fetchone()
                for number, new in enumerate(news, (newest or 0) + 1):
                    jobs.append(self._insert(connection, replace(_new(new, now), number=number), new.note))
                    if also is not None:
                        also(connection, jobs[-1])
            for job in jobs:
                self._tell(job, JobEvent.SUBMIT)
        return jobs

    def _insert(self, connection: FastTransaction, job: Job, note: str) -> Job:
        (waiting,) = connection.execute(WAITING_JOBS, {"kind": job.kind, "ae_title": job.ae_title}).fetchone()
        if waiting >= self._depth:
            raise QueueFull(f"{waiting} jobs wait for {job.ae_title}")
        connection.execute(INSERT_JOB, _values(job))
        detail = "; ".join(filter(None, (note, job.hold_reason)))
        connection.execute(INSERT_EVENT, _event_values(job, JobEvent.SUBMIT, detail, job.created))
        return job

    # -- changing -----------------------------------------------------------------------------------------------

    def advance(self, job_id: str, event: JobEvent, **facts: Any) -> Job:
        """Let one event happen to a job: the only place where a job changes.

        Args:
            job_id: which job.
            event: what happens.
            facts: what goes with it: `step`, `progress` (STEP), `info` (STALL), `files`, `warnings` (FINISH), `info`,
                `error` (FAIL), `error`, `delay_s` (RETRY_LATER), `hold_reason` (HOLD), `reason` (RELEASE, CANCEL,
                RETRY); with any of them `payload`, which is added to the job's own.

        Raises:
            IllegalTransition: the table has no such pair.
            NoSuchJob: there is no such job.
        """
        since_s = time.monotonic()
        with self._order:
            with self._database.transaction(since_s) as connection:
                row = connection.execute(
                    text(f"SELECT * FROM job WHERE id = :id{self._database.for_update}"), {"id": job_id}
                ).first()
                if row is None:
                    raise NoSuchJob(job_id)
                job = self._change(connection, _job(row), event, facts)
            self._tell(job, event)
        return job

    def claim(self, kind: str, owner: str) -> Job | None:
        """Take the next waiting job of a kind: by priority, then by age; of those in order, the next of a service that
        has none at work."""
        since_s = time.monotonic()
        with self._order:
            with self._database.transaction(since_s) as connection:
                row = connection.execute(
                    text(
                        f"SELECT * {_next(kind)} AND (not_before <= :now OR not_before > :latest)"
                        f" ORDER BY priority, number LIMIT 1{self._database.skip_locked}"
                    ),
                    {"kind": kind, **self._window()},
                ).first()
                if row is None:
                    return None
                job = self._change(connection, _job(row), JobEvent.CLAIM, {"owner": owner})
            self._tell(job, JobEvent.CLAIM)
        return job

    def _window(self) -> dict[str, float]:
        now = self._wall()
        return {"now": now, "latest": now + LONGEST_DELAY_S}

    def recover(self) -> list[Job]:
        """What the start does with what a crash left: every job gets its one recovery action."""
        recovered = []
        for job in self.list(ended=False):
            action = RECOVERY[job.kind][job.step]
            if action.event is not None:
                recovered.append(self.advance(job.id, action.event))
                log.info("job recovered", extra={"job": job.id, "step": job.step})
        return recovered

    def _change(self, connection: Connection, job: Job, event: JobEvent, facts: Mapping[str, Any]) -> Job:
        step = next_step(job, event, facts.get("step"))
        now = self._wall()
        held = event is JobEvent.HOLD or (job.held and event not in (JobEvent.RELEASE, JobEvent.CANCEL))
        # What held a job that was cancelled holds it again: only a release, with its reason, lets it go.
        held |= event is JobEvent.RETRY and bool(job.hold_reason)
        reason = job.hold_reason if held or event is JobEvent.CANCEL else ""
        values: dict[str, Any] = {
            "step": step,
            "state": state_of(job.kind, step),
            "held": int(held),
            "hold_reason": facts.get("hold_reason", reason),
            "release_reason": facts.get("reason", "") if event is JobEvent.RELEASE else job.release_reason,
            "cancelled": int(event is JobEvent.CANCEL or (job.cancelled and event is not JobEvent.RETRY)),
            "progress": _progress(job, event, facts),
            "info": info_of(job.kind, step, held, str(facts.get("info", ""))),
            "error": _error(job, event, facts),
            "files": json.dumps(facts["files"] if "files" in facts else list(job.files)),
            "warnings": json.dumps(_merged(job.warnings, facts.get("warnings", ()))),
            "payload": json.dumps({**job.payload, **facts.get("payload", {})}),
            "attempts": job.attempts + 1 if event is JobEvent.RETRY_LATER else job.attempts,
            "not_before": now + min(float(facts["delay_s"]), LONGEST_DELAY_S) if event is JobEvent.RETRY_LATER else 0.0,
            "owner": str(facts.get("owner", "")) or (job.owner if event in AT_WORK else ""),
            "seen": None,  # its age begins anew, see `retention`
            "updated": now,
            "id": job.id,
        }
        if event is JobEvent.RETRY:
            values["attempts"] = 0
        assignments = ", ".join(f"{name} = :{name}" for name in values if name != "id")
        row = connection.execute(text(f"UPDATE job SET {assignments} WHERE id = :id RETURNING *"), values).one()
        changed = _job(row)
        if event is not JobEvent.STEP or changed.step != job.step:
            detail = str(facts.get("error") or facts.get("hold_reason") or facts.get("reason") or "")
            if event is JobEvent.STALL:
                detail = changed.info
            self._record(connection, changed, event, detail, now)
        return changed

    @staticmethod
    def _record(connection: Connection, job: Job, event: JobEvent, detail: str, now: float) -> None:
        connection.execute(INSERT_EVENT, _event_values(job, event, detail, now))

    def _tell(self, job: Job, event: JobEvent) -> None:
        for listener in self._listeners:
            try:
                listener(job, event)
            except Exception:
                log.exception("a listener failed", extra={"job": job.id})

    def hurry(self, kind: str, ae_title: str, reason: str) -> None:
        """What its jobs waited for has come: those of a service that wait out a back-off are tried at once."""
        with self._database.read() as connection:
            waiting = connection.execute(
                text(
                    f"SELECT id FROM job WHERE kind = :kind AND ae_title = :ae_title AND step = '{WAITING}'"
                    " AND held = 0 AND not_before > :now ORDER BY number"
                ),
                {"kind": kind, "ae_title": ae_title, "now": self._wall()},
            ).scalars()
            found = list(waiting)
        for job_id in found:
            with contextlib.suppress(IllegalTransition, NoSuchJob):  # somebody was faster
                self.advance(job_id, JobEvent.RETRY, reason=reason)

    # -- asking -------------------------------------------------------------------------------------------------

    def get(self, job_id: str) -> Job:
        """One job.

        Raises:
            NoSuchJob: there is no such job.
        """
        with self._database.read() as connection:
            row = connection.execute(text("SELECT * FROM job WHERE id = :id"), {"id": job_id}).first()
        if row is None:
            raise NoSuchJob(job_id)
        return _job(row)

    def by_uid(self, uid: str) -> Job | None:
        """The job of a Print Job SOP Instance UID."""
        with self._database.read() as connection:
            row = connection.execute(text("SELECT * FROM job WHERE uid = :uid"), {"uid": uid}).first()
        return None if row is None else _job(row)

    def list(self, *, ended: bool | None = None, search: str = "", limit: int = 1000) -> list[Job]:
        """The newest jobs, oldest first; `search` is looked for as `found_in` does."""
        which = {None: "", True: f" WHERE step IN {_ENDED_SQL}", False: f" WHERE step NOT IN {_ENDED_SQL}"}[ended]
        with self._database.read() as connection:
            rows = connection.execute(
                text(
                    f"SELECT * FROM (SELECT * FROM job{which} ORDER BY number DESC LIMIT :limit) AS newest"
                    " ORDER BY number"
                ),
                {"limit": 1_000_000 if search else limit},
            )
            jobs = [_job(row) for row in rows]
        if search:
            jobs = [job for job in jobs if found_in(job.to_dict(), search)]
        return jobs[-limit:]

    def events(self, job_id: str) -> Sequence[Event]:
        """A job's history, oldest first."""
        with self._database.read() as connection:
            rows = connection.execute(
                text("SELECT number, at, event, state, step, detail FROM job_event WHERE job_id = :id ORDER BY number"),
                {"id": job_id},
            )
            return [Event(*row) for row in rows]

    def seconds_to_next(self, kind: str) -> float | None:
        """How long until the next waiting job of a kind may be claimed; None where none waits, but for one at work."""
        with self._database.read() as connection:
            window = self._window()
            earliest = connection.execute(
                text(f"SELECT MIN(CASE WHEN not_before > :latest THEN 0 ELSE not_before END) {_next(kind)}"),
                {"kind": kind, "latest": window["latest"]},
            ).scalar()
        return None if earliest is None else max(0.0, earliest - window["now"])

    def payloads_between(
        self, kind: str, ae_title: str, calling_ae_title: str, since: float, until: float
    ) -> Sequence[Mapping[str, Any]]:
        """Payloads of the jobs that a peer has given to a service in this time, but for those that are held or were
        cancelled. It has an end, for jobs may be dated ahead: the clock was set back since."""
        with self._database.read() as connection:
            found = connection.execute(
                text(
                    "SELECT payload FROM job WHERE kind = :kind AND ae_title = :ae_title"
                    " AND created >= :since AND created < :until"
                    " AND calling_ae_title = :calling_ae_title AND held = 0 AND cancelled = 0"
                ),
                {
                    "kind": kind,
                    "ae_title": ae_title,
                    "calling_ae_title": calling_ae_title,
                    "since": since,
                    "until": until,
                },
            ).scalars()
            return [json.loads(one) for one in found]

    # -- forgetting ---------------------------------------------------------------------------------------------

    def see(self, seen: float) -> None:
        """Note ended jobs that have not been noted since they ended, with the time of the appliance's own calendar."""
        with self._database.transaction() as connection:
            connection.execute(
                text(f"UPDATE job SET seen = :seen WHERE seen IS NULL AND step IN {_ENDED_SQL}"), {"seen": seen}
            )

    def expired(self, limits: Mapping[tuple[str, str], float], otherwise: float) -> Sequence[Job]:
        """Ended jobs that were seen before the limit of their service.

        Args:
            limits: by (kind, AE title), a time of the appliance's own calendar.
            otherwise: for services that the configuration does not have any more.
        """
        latest = max([*limits.values(), otherwise])
        with self._database.read() as connection:
            rows = connection.execute(
                text(f"SELECT * FROM job WHERE seen < :latest AND step IN {_ENDED_SQL} ORDER BY number"),
                {"latest": latest},
            )
            return [_job(row) for row in rows if row.seen < limits.get((row.kind, row.ae_title), otherwise)]

    def delete(self, jobs: Iterable[Job]) -> Sequence[Job]:
        """Forget ended jobs and their history.

        Returns:
            Those that were deleted: not one that somebody has set going again, or that is gone.
        """
        deleted = []
        with self._order, self._database.transaction() as connection:
            for job in jobs:
                gone = connection.execute(
                    text(f"DELETE FROM job WHERE id = :id AND step IN {_ENDED_SQL} RETURNING id"), {"id": job.id}
                )
                if gone.first() is not None:
                    deleted.append(job)
        return deleted


_ENDED_SQL = "('" + "', '".join(ENDED) + "')"


def next_step(job: Job, event: JobEvent, wanted: str | None = None) -> str:
    """The step after an event, from the table.

    Raises:
        IllegalTransition: the table has no such pair, or a step would go back.
    """
    table = TRANSITIONS[job.kind]
    stays = (JobEvent.CLAIM, JobEvent.RETRY) if job.step == WAITING else ()
    impossible = job.held if event in stays else event is JobEvent.RELEASE and not job.held
    if (job.step, event) not in table or impossible:
        raise IllegalTransition(job.id, job.step, event)
    if event is not JobEvent.STEP:
        return table[job.step, event]
    order = own_steps(job.kind)
    if wanted not in order or order.index(wanted) < order.index(job.step):
        raise IllegalTransition(job.id, job.step, event)
    return wanted


def info_of(kind: str, step: str, held: bool, said: str) -> str:
    """Execution Status Info (2100,0030): a Defined Term of PS3.3 C.13.8 or C.22.1, whatever was said."""
    if said:
        return said if said in INFO_TERMS[kind] else "UNKNOWN"
    if step == STALLED:
        return "QUEUED"
    if step == WAITING:
        return ("CHECK_MCD_OP" if kind == "disc" else "CHECK PRINTER") if held else "QUEUED"
    if step in (FAILED, CANCELLED):
        return "UNKNOWN"
    return "NORMAL"


def _progress(job: Job, event: JobEvent, facts: Mapping[str, Any]) -> float:
    if event is JobEvent.FINISH:
        return 1.0
    if event is JobEvent.STEP:
        return max(job.progress, min(1.0, float(facts.get("progress", job.progress))))
    if event in (JobEvent.FAIL, JobEvent.CANCEL, JobEvent.STALL, JobEvent.GO_ON):
        return job.progress
    return 0.0


def _error(job: Job, event: JobEvent, facts: Mapping[str, Any]) -> str:
    if "error" in facts:
        return str(facts["error"])
    if event is JobEvent.CANCEL:
        return str(facts.get("reason") or "cancelled")
    if event in (JobEvent.FINISH, JobEvent.RETRY, JobEvent.RELEASE):
        return ""
    return job.error


def _merged(before: Sequence[str], more: Iterable[str]) -> list[str]:
    return list(dict.fromkeys((*before, *more)))
