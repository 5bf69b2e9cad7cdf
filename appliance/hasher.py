"""SHA-256 of what was received, taken soon after it came and before any disc is made of it.

A disc is verified by reading it back against these. They are taken when an association ends, not while it runs: the
peer waits for its 0000, and hashing half a megabyte costs about as much as receiving it.
"""

from __future__ import annotations

import hashlib
import logging
import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

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
        pass  # without it hashing is only less polite


PATIENCE_S = 2.0
"""Hashing begins this long after the kick: where one association ended, others are often still sending."""


class Hasher:
    """Hashes what has no hash yet, one thread, at low priority, only when kicked."""

    def __init__(self, index: InstanceIndex, store: InstanceStore) -> None:
        self._index = index
        self._store = store
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="hasher", initializer=_behind_everyone_else)
        self._kicked = threading.Event()
        self._stop = threading.Event()

    def kick(self) -> None:
        """Something new may have come."""
        if not self._kicked.is_set() and not self._stop.is_set():
            self._kicked.set()
            self._executor.submit(self._drain)

    def _drain(self) -> None:
        self._stop.wait(PATIENCE_S)
        self._kicked.clear()
        try:
            while not self._stop.is_set() and (batch := self._index.unhashed(BATCH)):
                hashes, hashed_to = self._hash(batch, self._stop.is_set)
                if hashed_to is None:
                    return
                self._index.record_hashes(hashes, hashed_to=hashed_to)
        except Exception:
            log.exception("hashing stopped; the next arrival starts it again")

    def _hash(self, batch: list[tuple[int, str]], stopped: Callable[[], bool]) -> tuple[dict[int, str], int | None]:
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
        """Stop after the file in hand; the rest is hashed after the next start."""
        self._stop.set()
        self._executor.shutdown(wait=True)
