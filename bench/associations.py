"""Associations: what an echo takes, and what a hundred consoles cost that say nothing."""

from __future__ import annotations

import statistics
import time

from pynetdicom.sop_class import _STORAGE_CLASSES

from .console import GRAYSCALE, VERIFICATION, Console
from .process import MEMORY, appliance, cpu_s, folder, pss_mb, storescp
from .row import Measured, Row, timed

IDLE = 100
MEMORY_NOTE, BESIDE_NOTE = "memory added, MB", "echo beside them over echo alone"
EVERY_CLASS = [VERIFICATION, *sorted(set(_STORAGE_CLASSES.values()))[:127]]


def one_echo(port: int, called: str, contexts: list[str]) -> None:
    """Association, C-ECHO, release."""
    console = Console(port, called, contexts)
    console.echo()
    console.release()


def echo(pairs: int, scale: float) -> Measured:
    """Milliseconds from connection to release, with as many contexts as an association can have."""
    measured = Measured("ms")
    few: list[float] = []
    peer_few: list[float] = []
    rounds = max(3, int(20 * scale)) * pairs
    with folder(MEMORY) as here, appliance(here / "state") as one, storescp(here / "sink") as peer:
        for number in range(rounds + 5):
            readings = (measured.ours, few, peer_few) if number >= 5 else ([], [], [])
            with timed(readings[0], 1000):
                one_echo(one.port, "STORE", EVERY_CLASS)
            with timed(readings[1], 1000):
                one_echo(one.port, "STORE", [VERIFICATION])
            with timed(readings[2], 1000):
                one_echo(peer, "STORE", [VERIFICATION])
    measured.notes = {
        "contexts": float(len(EVERY_CLASS)),
        "with one context, ms": statistics.median(few),
        "storescp with one, ms": statistics.median(peer_few),
    }
    return measured


def idle(pairs: int, scale: float) -> Measured:
    """Processor time of the appliance with 100 silent print associations, in percent of one core.

    Beside it runs one without any, and they echo in turn: what the machine does meanwhile happens to both.
    """
    measured = Measured("% of a core")
    alone: list[float] = []
    beside: list[float] = []
    with folder(MEMORY) as here, appliance(here / "state") as one, appliance(here / "other") as other:
        for _ in range(50):
            one_echo(one.port, "FILM", [VERIFICATION])
            one_echo(other.port, "FILM", [VERIFICATION])
        time.sleep(2 * scale)
        before_mb = pss_mb(one.process.pid)
        consoles = [Console(one.port, "FILM", [GRAYSCALE]) for _ in range(IDLE)]
        time.sleep(1)
        added_mb = pss_mb(one.process.pid) - before_mb
        for _ in range(pairs):
            used_s, began_s = cpu_s(one.process.pid), time.perf_counter()
            time.sleep(10 * scale)
            seconds = time.perf_counter() - began_s
            measured.ours.append(100 * (cpu_s(one.process.pid) - used_s) / seconds)
        for _ in range(300):
            with timed(beside, 1000):
                one_echo(one.port, "FILM", [VERIFICATION])
            with timed(alone, 1000):
                one_echo(other.port, "FILM", [VERIFICATION])
        for console in consoles:
            console.release()
    measured.notes = {
        MEMORY_NOTE: added_mb,
        BESIDE_NOTE: statistics.median(beside) / statistics.median(alone),
        "echo alone, ms": statistics.median(alone),
    }
    return measured


ROWS = (
    # As fast as alone: a tenth is what two equal series differ by.
    Row("idle", "100 idle print associations", "", 1.0, idle, also={MEMORY_NOTE: 10, BESIDE_NOTE: 1.1}),
    Row("echo", "association + echo + release, 128 contexts", "", 3.0, echo),
)
