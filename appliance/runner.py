"""The runner: takes waiting jobs and carries them through their steps.

It sleeps until a job is made, released or retried, or until a back-off ends; idle, it costs nothing. What is heavy or
hostile happens in child processes; what the world must know goes through `Jobs.advance`, the one place where the
state of a job changes.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Protocol

from appliance.jobs import STALLED, IllegalTransition, Job, JobEvent, Jobs

log = logging.getLogger("gravure.jobs")


class Retryable(Exception):
    """The world was not ready (disk full, printer away): the job waits and is tried again by itself.

    Attributes:
        within_s: when at the latest; None leaves it to the back-off.
    """

    def __init__(self, words: str, within_s: float | None = None) -> None:
        super().__init__(words)
        self.within_s = within_s


class Held(Exception):
    """A person must look first. Says why, in words that a technician understands.

    Attributes:
        payload: what is added to the job's.
    """

    def __init__(self, words: str, payload: Mapping[str, Any] | None = None) -> None:
        super().__init__(words)
        self.payload = payload or {}


class Failed(Exception):
    """The job is over. `info` is the Defined Term that DICOM has for it (PS3.3 C.13.8, C.22.1)."""

    def __init__(self, info: str, words: str) -> None:
        super().__init__(words)
        self.info = info


@dataclass(frozen=True, slots=True)
class Result:
    """What a performed job made."""

    files: tuple[str, ...]
    """Absolute paths."""
    warnings: tuple[str, ...] = ()
    payload: Mapping[str, Any] = field(default_factory=dict)
    """What is added to the job's."""


class Step(Protocol):
    """`await step(name, progress)`: the job reached a step of its table."""

    async def __call__(self, name: str, progress: float, info: str = "") -> None:
        """Advance the job.

        Args:
            name: of the step; `STALLED` and the one after it may take turns.
            progress: 0 to 1.
            info: what a stalled job waits for, a Defined Term of Execution Status Info.
        """


Performer = Callable[[Job, Step], Awaitable[Result]]
"""Carries one claimed job to its end. Raises Retryable, Held or Failed; anything else is our bug and fails the job."""

CANCELLED_BY_HAND = "cancelled by hand"
"""What the `CancelledError` of a performer says where somebody cancelled the job; without it the program ends."""

OUTCOMES: Mapping[JobEvent, str] = {
    JobEvent.FINISH: "job done",
    JobEvent.FAIL: "job failed",
    JobEvent.HOLD: "job held",
    JobEvent.RETRY_LATER: "job waits for its next try",
}
"""In the log. Why is in the job: a reason may name patients."""

BACK_OFF_S = (5.0, 15.0, 60.0, 300.0)
"""Waiting time after the first, second … failed try; the last one for all others."""


class Runner:
    """Performs jobs, a few of each kind at a time.

    Args:
        jobs: the job table.
        performers: by kind of job.
        at_once: how many jobs of each kind run at the same time; of those in order, at most one a service.
        owner: who claims; one name per process and start.
    """

    def __init__(
        self, jobs: Jobs, performers: Mapping[str, Performer], owner: str, at_once: Mapping[str, int] | None = None
    ) -> None:
        self._jobs = jobs
        self._performers = dict(performers)
        self._at_once = dict(at_once or {})
        self._owner = owner
        self._running: dict[str, asyncio.Task[None]] = {}
        self._kinds: dict[str, str] = {}
        self._cancelled: set[str] = set()
        """Jobs that somebody cancelled while one was claimed: it may be that one."""
        self._wake = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._main: asyncio.Task[None] | None = None
        jobs.subscribe(self._heard)

    def start(self) -> None:
        """Begin to take jobs. Jobs that a crash left in the middle have been recovered before this."""
        self._main = asyncio.create_task(self._take())
        self._wake.set()

    def _heard(self, job: Job, event: JobEvent) -> None:
        """Called after each commit, in whatever thread committed."""
        if event in OUTCOMES:
            log.info(OUTCOMES[event], extra={"job": job.id, "step": job.step})
        self._loop.call_soon_threadsafe(self._on_event, job, event)

    def _on_event(self, job: Job, event: JobEvent) -> None:
        if event is JobEvent.CANCEL:
            if job.id in self._running:
                self._running[job.id].cancel(CANCELLED_BY_HAND)
            else:
                self._cancelled.add(job.id)
        elif event in (JobEvent.SUBMIT, JobEvent.RELEASE, JobEvent.RETRY, JobEvent.RETRY_LATER, JobEvent.RECOVER):
            self._wake.set()

    def _wake_in(self, seconds: float) -> None:
        """Wake then, or earlier if something else wants it."""
        if self._timer is not None:
            if self._timer.when() <= self._loop.time() + seconds:
                return
            self._timer.cancel()
        self._timer = self._loop.call_later(seconds, self._ring)

    def _ring(self) -> None:
        self._timer = None
        self._wake.set()

    async def _take(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            for kind in self._performers:
                await self._fill(kind)

    async def _fill(self, kind: str) -> None:
        while sum(1 for one in self._kinds.values() if one == kind) < self._at_once.get(kind, 1):
            self._cancelled.clear()
            try:
                job = await asyncio.to_thread(self._jobs.claim, kind, self._owner)
            except Exception:
                log.exception("the job table cannot be read; trying again")
                self._wake_in(BACK_OFF_S[0])
                return
            if job is None:
                waiting_s = await asyncio.to_thread(self._jobs.seconds_to_next, kind)
                if waiting_s is not None:
                    self._wake_in(max(0.05, waiting_s))
                return
            if job.id in self._cancelled:
                continue
            self._kinds[job.id] = kind
            task = asyncio.create_task(self._run(job), name=f"job {job.id}")
            self._running[job.id] = task
            task.add_done_callback(partial(self._ended, job.id))

    def _ended(self, job_id: str, _task: asyncio.Task[None]) -> None:
        self._running.pop(job_id, None)
        self._kinds.pop(job_id, None)
        self._wake.set()

    async def _run(self, job: Job) -> None:
        log.info("job started", extra={"job": job.id, "step": job.step})
        try:
            result = await self._performers[job.kind](job, self._stepper(job))
        except asyncio.CancelledError:
            log.info("job stopped", extra={"job": job.id})
            return
        except Retryable as failure:
            seconds = BACK_OFF_S[min(job.attempts, len(BACK_OFF_S) - 1)]
            if failure.within_s is not None:
                seconds = min(seconds, failure.within_s)
            await self._advance(job, JobEvent.RETRY_LATER, error=str(failure), delay_s=seconds)
        except Held as failure:
            await self._advance(job, JobEvent.HOLD, hold_reason=str(failure), payload=dict(failure.payload))
        except Failed as failure:
            await self._advance(job, JobEvent.FAIL, info=failure.info, error=str(failure))
        except Exception as failure:
            log.exception("job failed by an error of ours", extra={"job": job.id})
            await self._advance(job, JobEvent.FAIL, info="UNKNOWN", error=f"internal error: {type(failure).__name__}")
        else:
            facts = {"files": list(result.files), "warnings": list(result.warnings), "payload": dict(result.payload)}
            await self._advance(job, JobEvent.FINISH, **facts)

    def _stepper(self, job: Job) -> Step:
        stalled = False

        async def step(name: str, progress: float, info: str = "") -> None:
            nonlocal stalled
            event = JobEvent.STALL if name == STALLED else JobEvent.GO_ON if stalled else JobEvent.STEP
            stalled = name == STALLED
            facts = {"info": info} if stalled else {"step": name, "progress": progress}
            await self._advance(job, event, **facts)

        return step

    async def _advance(self, job: Job, event: JobEvent, **facts: object) -> None:
        while True:
            try:
                await asyncio.to_thread(self._jobs.advance, job.id, event, **facts)
                return
            except IllegalTransition as refused:
                # Somebody cancelled between our step and this one: their word stands.
                log.info("job went another way", extra={"job": job.id, "error": str(refused)})
                return
            except Exception:
                # A full disk keeps the database from committing. The work is done and must not be lost or repeated:
                # wait for the disk. After a crash the recovery table decides.
                log.exception("the job table cannot be written; trying again", extra={"job": job.id})
                await asyncio.sleep(BACK_OFF_S[0])

    async def close(self) -> None:
        """Stop taking jobs and stop those that run: the recovery at the next start takes them up again."""
        if self._timer is not None:
            self._timer.cancel()
        tasks = [*self._running.values(), *([self._main] if self._main else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
