"""Films that wait: one from its first N-CREATE to its PDF, and many of them in a queue, against the renderer alone.

The renderer alone is the same child process with the same request, over and over, with nobody else to serve.
"""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import statistics
import threading
import time
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from appliance.children import Children
from appliance.config import Config, PrinterTable
from appliance.performers import FILM_CPU_S, FILM_MEMORY_BYTES, FILM_WALL_S, rendering
from printing.outputs import Target
from printing.page import DOCUMENT

from .films import (
    COLUMNS,
    ROWS_OF_FILM,
    document,
    film_session,
    image_box,
    pictures,
    printed,
    size_of,
    wait_until_printed,
)
from .process import DISK, MEMORY, appliance, folder, pss_mb
from .row import Measured, Row, timed

DISPLAY = f"STANDARD\\{COLUMNS},{ROWS_OF_FILM}"
FILMS = 64
OFTEN_S = 0.2
"""Between two looks at the memory."""


def spooled(here: Path, side: int) -> Path:
    """A job's folder as N-ACTION leaves it."""
    here.mkdir()
    for number, one in enumerate(pictures(side)):
        (here / str(number)).write_bytes(one.astype("<u2").tobytes())
    (here / DOCUMENT).write_text(document(12, side).to_json())
    return here


def alone(spool: Path, dpi: float, films: int) -> list[float]:
    """Seconds of each film by the renderer alone, warm."""
    tone = {"tone": "film", "black_point": True, "measured": None}
    request = rendering(Config.default(), PrinterTable(dpi=max(50, round(dpi))), spool, Target(), tone)
    limits: dict[str, Any] = {"memory_bytes": FILM_MEMORY_BYTES, "cpu_s": FILM_CPU_S, "wall_s": FILM_WALL_S}

    async def render() -> list[float]:
        children, seconds = Children(), []
        try:
            for number in range(films + 1):
                with timed(seconds if number else []):
                    await children.run("film", request, **limits)
        finally:
            await children.close()
        return seconds

    return asyncio.run(render())


def end_to_end(pairs: int, scale: float) -> Measured:
    """Seconds from the first N-CREATE to the PDF in its folder."""
    measured = Measured("s")
    side, dpi = size_of(scale)
    images = [image_box(one, number + 1) for number, one in enumerate(pictures(side))]
    with folder(MEMORY) as here, appliance(here / "state", dpi=int(dpi)) as one:
        spool = spooled(here / "spool", side)
        for number in range(pairs + 1):
            with timed(measured.ours if number else []):
                film_session(one.port, images, [], DISPLAY)
                wait_until_printed(here / "state", number + 1)
            if number:
                measured.theirs += alone(spool, dpi, 1)
    return measured


@contextlib.contextmanager
def watched(pid: int, found: list[float]) -> Iterator[None]:
    """Look at the memory of a process and its children now and then."""
    over = threading.Event()

    def look() -> None:
        while not over.wait(OFTEN_S):
            found.append(pss_mb(pid))

    watcher = threading.Thread(target=look)
    watcher.start()
    try:
        yield
    finally:
        over.set()
        watcher.join()


@cache
def queue(scale: float) -> tuple[Measured, Measured]:
    """(films a second while a queue is worked off, memory of the whole appliance all the while)."""
    rate, memory = Measured("films/s"), Measured("MB")
    films = max(2, int(FILMS * scale))
    side, dpi = size_of(scale)
    images = [image_box(one, number + 1) for number, one in enumerate(pictures(side))]
    with folder(DISK) as here, appliance(here / "state", dpi=int(dpi)) as one:
        spool = spooled(here / "spool", side)
        state = here / "state"
        before = alone(spool, dpi, max(1, films // 8))
        seen = [pss_mb(one.process.pid)]
        with watched(one.process.pid, seen):
            film_session(one.port, images, [], DISPLAY)
            wait_until_printed(state, 1)
            sending_s = time.perf_counter()
            for _ in range(films):
                film_session(one.port, images, [], DISPLAY)
            sent_s, done = time.perf_counter(), printed(state) - 1
            wait_until_printed(state, films + 1, 1200)
            # The queue alone: the console is gone, and what was printed beside it does not count (a trial of a few
            # small films may have none left).
            left, since_s = (films - done, sent_s) if done < films else (films, sending_s)
            rate.ours.append(left / (time.perf_counter() - since_s))
            rate.notes = {"films waiting when the last was sent": float(films - done)}
        memory.ours.append(max(seen))
        rate.theirs.append(1 / statistics.median(before + alone(spool, dpi, max(1, films // 8))))
        shutil.rmtree(spool)
    return rate, memory


ROWS = (
    Row(
        "film-end",
        "film of 12 × 2048² 12 bit: first N-CREATE to PDF",
        "the renderer alone",
        1.5,
        end_to_end,
    ),
    Row(
        "films-queued",
        f"{FILMS} such films waiting on disk",
        "the renderer alone",
        0.9,
        lambda _pairs, scale: queue(scale)[0],
        at_least=True,
    ),
    Row(
        "films-memory",
        "all processes meanwhile, PSS",
        "",
        400,
        lambda _pairs, scale: queue(scale)[1],
    ),
)
