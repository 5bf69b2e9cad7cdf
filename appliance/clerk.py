"""What is done with arrivals after their 0000, when nobody waits: they get their rows, and their files are hashed.

A disc is verified by reading it back against SHA-256 of what was received. They are taken when an association ends, not
while it runs: the peer waits for its 0000, and hashing half a megabyte costs about as much as receiving it.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import os
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

from appliance.instances import InstanceIndex
from media.store import InstanceStore

log = logging.getLogger("gravure.storage")

BATCH = 200
"""Instances hashed between two commits."""


def file_sha256(path: str | os.PathLike[str]) -> str:
    """SHA-256 of one file, in hexadecimal."""
    with open(path, "rb") as file:  # noqa: PTH123 (file_digest wants a raw file object)
        return hashlib.file_digest(file, "sha256").hexdigest()


def _behind_everyone_else() -> None:
    try:
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), 10)  # Linux: of this thread alone
    except OSError:
        pass  # without it the clerk is only less polite


AGAIN_S = 30.0
"""After the database could not be written."""


@dataclass(eq=False, slots=True)
class Errand:
    """What is done in the thread when nothing has come for `quiet_s`, and `latest_s` after it was first wanted even so:
    whoever sends is not to share the processor with it, and may send all day."""

    work: Callable[[], None]
    quiet_s: float
    latest_s: float
    timer: asyncio.TimerHandle | None = None
    """None while it is not wanted."""
    since_s: float = 0.0


class Clerk:
    """Enters into the index what arrived, and hashes what has no hash yet: one thread, at low priority, idle until
    there is something. Used on the event loop."""

    def __init__(self, index: InstanceIndex, store: InstanceStore) -> None:
        self._index = index
        self._store = store
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="clerk", initializer=_behind_everyone_else)
        self._stop = threading.Event()
        self._last_s = float("-inf")
        """When something came."""
        self._entering = Errand(index.catch_up, quiet_s=0.25, latest_s=2.0)
        self._hashing = Errand(self._hash_all, quiet_s=2.0, latest_s=60.0)

    def arrived(self) -> None:
        """Something came."""
        self._last_s = time.monotonic()
        self._want(self._entering)

    def ended(self) -> None:
        """An association ended, or there may be something that has no hash yet."""
        self._want(self._entering)
        self._want(self._hashing)

    def _want(self, errand: Errand) -> None:
        if errand.timer is None and not self._stop.is_set():
            errand.since_s = time.monotonic()
            self._look_later(errand, errand.quiet_s)

    def _look_later(self, errand: Errand, seconds: float) -> None:
        errand.timer = asyncio.get_running_loop().call_later(seconds, self._look, errand)

    def _look(self, errand: Errand) -> None:
        """Do it, if it is time."""
        loop = asyncio.get_running_loop()
        due_s = min(self._last_s + errand.quiet_s, errand.since_s + errand.latest_s)
        if (seconds := due_s - time.monotonic()) > 0:
            self._look_later(errand, seconds)
            return
        errand.timer = None
        loop.run_in_executor(self._executor, errand.work).add_done_callback(partial(self._done, errand))

    def _done(self, errand: Errand, done: asyncio.Future[None]) -> None:
        if done.cancelled() or (failure := done.exception()) is None:
            return
        log.error("the index is behind what arrived; trying again", exc_info=failure)
        if errand.timer is None and not self._stop.is_set():
            self._look_later(errand, AGAIN_S)

    # -- in the thread ------------------------------------------------------------------------------------------

    def _hash_all(self) -> None:
        self._index.catch_up()
        while not self._stop.is_set() and (batch := self._index.unhashed(BATCH)):
            hashes, hashed_to = self._hashes(batch, self._stop.is_set)
            if hashed_to is None:
                return
            self._index.record_hashes(hashes, hashed_to=hashed_to)

    def _hashes(self, batch: list[tuple[int, str]], stopped: Callable[[], bool]) -> tuple[dict[int, str], int | None]:
        """Hashes by instance, and the last instance that was looked at."""
        hashes: dict[int, str] = {}
        hashed_to = None
        for instance_id, file in batch:
            if stopped():
                break
            try:
                hashes[instance_id] = file_sha256(self._store.path(file))
            except OSError as failure:
                log.error("a stored file cannot be read", extra={"instance": instance_id, "error": failure.strerror})
            hashed_to = instance_id
        return hashes, hashed_to

    def close(self) -> None:
        """Stop after the file in hand; the rest is done after the next start."""
        self._stop.set()
        for errand in (self._entering, self._hashing):
            if errand.timer is not None:
                errand.timer.cancel()
        self._executor.shutdown(wait=True)
