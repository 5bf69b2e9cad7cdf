"""Threads that wait for a device: unlike a pool's, they do not keep the process from ending."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable
from typing import Any, TypeVar

T = TypeVar("T")


def in_thread(work: Callable[[], T], name: str) -> asyncio.Future[T]:
    """Do work in a thread of its own.

    Args:
        work: what to do.
        name: of the thread.
    """
    loop = asyncio.get_running_loop()
    future: asyncio.Future[T] = loop.create_future()

    def settle(set_it: Callable[[Any], None], outcome: Any) -> None:
        if not future.done():
            set_it(outcome)

    def run() -> None:
        try:
            outcome, set_it = work(), future.set_result
        except BaseException as failure:
            outcome, set_it = failure, future.set_exception  # type: ignore[assignment]
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(settle, set_it, outcome)

    future.add_done_callback(lambda done: None if done.cancelled() else done.exception())
    threading.Thread(target=run, name=name, daemon=True).start()
    return future
