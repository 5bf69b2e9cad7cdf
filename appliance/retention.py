"""What may be forgotten: films, discs and instances older than their `keep_days`, and what is kept for reprint.

Rows go before files: a crash in between leaves a file that the next start finds and nobody misses. Nothing goes that a
job which has not ended needs. Ages are counted on the appliance's own calendar, from the first look that saw the thing
ended or stored: a clock that jumps makes nothing older.
"""

from __future__ import annotations

import asyncio
import logging
import shutil
import time
from collections.abc import Callable
from pathlib import Path

from appliance.clock import Calendar, Remembered
from appliance.config import Config
from appliance.database import Database
from appliance.instances import InstanceIndex
from appliance.jobs import Job, JobEvent, Jobs
from appliance.performers import spool_folder
from appliance.reprints import Reprints

log = logging.getLogger("gravure.retention")

EVERY_S = 3600.0
REMEMBER_S = 300.0
"""How often the calendar is remembered: what is shorter than this is lost by a power cut where the clock is wrong."""
DISK_S = 5.0
"""How often the disk is looked at while films are kept for reprint: they go before anything is refused."""
DAY_S = 86400.0
REMEMBERED = "calendar and wall clock"
BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
GONE_KEEP_DAYS = 30.0
"""What belongs to a service that the configuration does not have any more is kept for so long."""


def uptime_s() -> float:
    """Seconds since the machine was booted, those that it slept included; no jump of the wall clock changes them."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def boot_id() -> str:
    """Which boot of the machine this is; empty where the kernel does not say."""
    try:
        return BOOT_ID.read_text().strip()
    except OSError:
        return ""


class Retention:
    """Forgets, once an hour, and cleans up after each job.

    Args:
        config: for `keep_days`.
        database: remembers the clock.
        jobs: the job table.
        index: instances and their files.
        reprints: films that came out, and are kept for a while.
        wall: wall clock, seconds since the epoch.
        monotonic: clock of the kernel since its boot, seconds.
        boot: which boot that is.
    """

    def __init__(
        self,
        config: Config,
        database: Database,
        jobs: Jobs,
        index: InstanceIndex,
        reprints: Reprints,
        wall: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = uptime_s,
        boot: Callable[[], str] = boot_id,
    ) -> None:
        self._config = config
        self._database = database
        self._jobs = jobs
        self._index = index
        self._reprints = reprints
        self._wall = wall
        self._monotonic = monotonic
        self._tasks: list[asyncio.Task[None]] = []
        self._boot = boot()
        known = database.recall(REMEMBERED)
        remembered = None if known is None else Remembered.parse(known)
        self._calendar = Calendar.at_start(wall(), monotonic(), remembered, self._boot)
        self._loop = asyncio.get_running_loop()
        jobs.subscribe(self._heard)

    def start(self) -> None:
        """Look once now, then every hour."""
        self._tasks = [asyncio.create_task(one) for one in (self._go_on(), self._keep_time(), self._make_room())]

    async def close(self) -> None:
        """Stop."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _heard(self, job: Job, event: JobEvent) -> None:
        if event is JobEvent.FINISH:
            self._loop.call_soon_threadsafe(lambda: self._loop.run_in_executor(None, self._clean_up, job))

    def _clean_up(self, job: Job) -> None:
        """The film is out, the disc in its folder: what they were made of is not needed any more, but for a reprint."""
        if job.kind == "film":
            self._reprints.keep(job)
        else:
            shutil.rmtree(spool_folder(self._config.state, job), ignore_errors=True)

    async def _go_on(self) -> None:
        while True:
            try:
                await asyncio.to_thread(self.look)
            except Exception:
                log.exception("forgetting failed; trying again in an hour")
            await asyncio.sleep(EVERY_S)

    async def _keep_time(self) -> None:
        while True:
            await asyncio.sleep(REMEMBER_S)
            try:
                await asyncio.to_thread(self._remember)
            except Exception:
                log.exception("the calendar is not remembered; trying again in minutes")

    async def _make_room(self) -> None:
        while True:
            if self._reprints.any:
                await asyncio.to_thread(self._reprints.give_way)
            await asyncio.sleep(DISK_S)

    def look(self) -> None:
        """Forget what may be forgotten now."""
        now = self._remember()
        self._jobs.see(now)
        self._index.see(now)
        self._forget_reprints(now)
        self._forget_jobs(now)
        self._forget_instances(now)

    def _remember(self) -> float:
        """The calendar now; it is there at the next start, too."""
        monotonic_s = self._monotonic()
        now = self._calendar.now(monotonic_s)
        self._database.remember(REMEMBERED, str(Remembered(now, self._wall(), self._boot, monotonic_s)))
        return now

    def _forget_jobs(self, now: float) -> None:
        keep = {("film", key): table.keep_days for key, table in self._config.printers.items()}
        keep |= {("disc", key): table.keep_days for key, table in self._config.discs.items()}
        limits = {service: now - days * DAY_S for service, days in keep.items()}
        gone = self._jobs.delete(self._jobs.expired(limits, now - GONE_KEEP_DAYS * DAY_S))
        self._reprints.forget({job.folder for job in gone if job.kind == "film" and job.folder})
        for job in gone:
            self._remove(spool_folder(self._config.state, job))
            for file in map(Path, job.files):
                self._remove(file)
        if gone:
            log.info("jobs forgotten", extra={"jobs": len(gone)})

    def _forget_reprints(self, now: float) -> None:
        if not self._reprints.any:
            return
        days = {("film", key): table.reprint_days for key, table in self._config.printers.items()}
        limits = {service: now - one * DAY_S for service, one in days.items()}
        self._reprints.forget(
            self._reprints.names() & {job.folder for job in self._jobs.expired(limits, now) if job.kind == "film"}
        )

    @staticmethod
    def _remove(path: Path) -> None:
        try:
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)
        except OSError as failure:
            log.error("a forgotten file cannot be removed", extra={"file": path, "reason": failure.strerror})

    def _forget_instances(self, now: float) -> None:
        keep = {key: table.keep_days for key, table in self._config.discs.items()}
        for key, table in self._config.inboxes.items():
            keep[key] = max(keep.get(key, 0.0), table.keep_days)
        limits = {key: now - days * DAY_S for key, days in keep.items()}
        count = self._index.forget(limits, now - GONE_KEEP_DAYS * DAY_S)
        if count:
            log.info("instances forgotten", extra={"instances": count})
