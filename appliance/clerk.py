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
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
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


PATIENCE_S = 2.0
"""While an association goes on, its arrivals are entered so often; hashing begins this long after one has ended, as
others are often still sending."""
AGAIN_S = 30.0
"""After the database could not be written."""


class Clerk:
    """Enters into the index what arrived, and hashes what has no hash yet: one thread, at low priority, idle until
    there is something. Used on the event loop."""

    def __init__(self, index: InstanceIndex, store: InstanceStore) -> None:
        self._index = index
        self._store = store
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="clerk", initializer=_behind_everyone_else)
        self._timers: dict[Callable[[], None], asyncio.TimerHandle] = {}
        """Of what is done later, by what is done."""
        self._stop = threading.Event()

    def arrived(self) -> None:
        """Something came."""
        if self._enter not in self._timers:
            self._later(PATIENCE_S, self._enter)

    def ended(self) -> None:
        """An association ended, or there may be something that has no hash yet."""
        self._later(0.0, self._enter)
        if self._hash not in self._timers:
            self._later(PATIENCE_S, self._hash)

    def _later(self, seconds: float, work: Callable[[], None]) -> None:
        """In the thread, once, however often it is asked for until then."""
        if self._stop.is_set():
            return
        if work in self._timers:
            self._timers[work].cancel()
        self._timers[work] = asyncio.get_running_loop().call_later(seconds, self._begin, work)

    def _begin(self, work: Callable[[], None]) -> None:
        del self._timers[work]
        done = asyncio.get_running_loop().run_in_executor(self._executor, work)
        done.add_done_callback(partial(self._done, work))

    def _done(self, work: Callable[[], None], done: asyncio.Future[None]) -> None:
        if not done.cancelled() and (failure := done.exception()) is not None:
            log.error("the index is behind what arrived; trying again", exc_info=failure)
            if work not in self._timers:
                self._later(AGAIN_S, work)

    # -- in the thread ------------------------------------------------------------------------------------------

    def _enter(self) -> None:
        self._index.catch_up()

    def _hash(self) -> None:
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
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()
        self._executor.shutdown(wait=True)
