"""What may be forgotten: films, discs and instances older than their `keep_days`.

Rows go before files: a crash in between leaves a file that the next start finds and nobody misses. Nothing goes that a
job which has not ended needs, and nothing at all while the clock cannot be believed.
"""

from __future__ import annotations

import asyncio
import logging
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from appliance.clock import ClockTrust
from appliance.config import Config
from appliance.database import Database
from appliance.instances import InstanceIndex
from appliance.jobs import Job, JobEvent, Jobs
from appliance.performers import spool_folder

log = logging.getLogger("gravure.retention")

EVERY_S = 3600.0
DAY_S = 86400.0
REMEMBERED = "wall clock"


def expired_jobs(jobs: Sequence[Job], keep_days: Mapping[tuple[str, str], float], now: float) -> list[Job]:
    """Ended jobs that are older than the `keep_days` of their service; those of a service that is gone, after 30 days.

    Args:
        jobs: all jobs.
        keep_days: by (kind, AE title).
        now: wall clock, seconds since the epoch.
    """
    return [
        job for job in jobs if job.ended and now - job.updated > keep_days.get((job.kind, job.ae_title), 30) * DAY_S
    ]


class Retention:
    """Forgets, once an hour, and cleans up after each job.

    Args:
        config: for `keep_days`.
        database: remembers the clock.
        jobs: the job table.
        index: instances and their files.
        wall: wall clock, seconds since the epoch.
        monotonic: monotonic clock, seconds.
    """

    def __init__(
        self,
        config: Config,
        database: Database,
        jobs: Jobs,
        index: InstanceIndex,
        wall: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._config = config
        self._database = database
        self._jobs = jobs
        self._index = index
        self._wall = wall
        self._monotonic = monotonic
        self._task: asyncio.Task[None] | None = None
        remembered = database.recall(REMEMBERED)
        self.trust = ClockTrust.at_start(wall(), monotonic(), float(remembered) if remembered else None)
        self._loop = asyncio.get_running_loop()
        jobs.subscribe(self._heard)

    def start(self) -> None:
        """Look once now, then every hour."""
        self._task = asyncio.create_task(self._go_on())

    async def close(self) -> None:
        """Stop."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def _heard(self, job: Job, event: JobEvent) -> None:
        if event is JobEvent.FINISH:
            # The film lies in its folder, the disc in its own: what they were made of is not needed any more.
            self._loop.call_soon_threadsafe(
                lambda: self._loop.run_in_executor(None, shutil.rmtree, spool_folder(self._config.state, job), True)
            )

    async def _go_on(self) -> None:
        while True:
            try:
                await asyncio.to_thread(self.look)
            except Exception:
                log.exception("forgetting failed; trying again in an hour")
            await asyncio.sleep(EVERY_S)

    def look(self) -> None:
        """Forget what may be forgotten now."""
        now = self._wall()
        believed = self.trust.look(now, self._monotonic())
        self._database.remember(REMEMBERED, repr(now))
        if not believed:
            log.warning("the clock has jumped: nothing is deleted until it has been right for a day")
            return
        self._forget_jobs(now)
        self._forget_instances(now)

    def _forget_jobs(self, now: float) -> None:
        keep = {("film", key): table.keep_days for key, table in self._config.printers.items()}
        keep |= {("disc", key): table.keep_days for key, table in self._config.discs.items()}
        gone = expired_jobs(self._jobs.list(limit=1_000_000), keep, now)
        self._jobs.delete(job.id for job in gone)
        for job in gone:
            shutil.rmtree(spool_folder(self._config.state, job), ignore_errors=True)
            for file in map(Path, job.files):
                if file.is_dir():
                    shutil.rmtree(file, ignore_errors=True)
                else:
                    file.unlink(missing_ok=True)
        if gone:
            log.info("jobs forgotten", extra={"jobs": len(gone)})

    def _forget_instances(self, now: float) -> None:
        keep = {key: table.keep_days for key, table in self._config.discs.items()}
        for key, table in self._config.inboxes.items():
            keep[key] = max(keep.get(key, 0.0), table.keep_days)
        longest = max(keep.values(), default=0.0)
        oldest = {key: now - days * DAY_S for key, days in keep.items()}
        count = self._index.forget(oldest, now - longest * DAY_S)
        if count:
            log.info("instances forgotten", extra={"instances": count})
