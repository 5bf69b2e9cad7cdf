"""Start: from the command to the ready line, and the memory of an appliance that does nothing."""

from __future__ import annotations

import statistics
import time

from .process import MEMORY, appliance, folder, pss_mb
from .row import Measured, Row

MEMORY_NOTE = "idle, PSS of all processes, MB"


def start(pairs: int, scale: float) -> Measured:
    """Seconds to the ready line, bytecode compiled; the first start makes the state folder and is left out."""
    measured = Measured("s")
    memory: list[float] = []
    with folder(MEMORY) as here:
        for number in range(pairs + 1):
            with appliance(here / "state") as one:
                time.sleep(2 * scale)
                if number:
                    measured.ours.append(one.ready_s)
                    memory.append(pss_mb(one.process.pid))
    measured.notes = {MEMORY_NOTE: statistics.median(memory)}
    return measured


ROWS = (Row("start", "start to ready", "", 1.5, start, also={MEMORY_NOTE: 120}),)
