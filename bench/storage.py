"""C-STORE: storescu sends to the appliance and to storescp in turn."""

from __future__ import annotations

import contextlib
import os
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from .instances import write_slices
from .process import DISK, MEMORY, PEER, Appliance, appliance, folder, storescp
from .row import Measured, Row, timed

SIDE_LARGE, SIDE_SMALL = 512, 64
UNSYNCED_NOTE = "storescp on the same disk, which syncs nothing, instances/s"


def send(port: int, *folders: Path) -> None:
    """Senders at the same time, one a folder."""
    senders = [
        subprocess.Popen(
            ["/usr/bin/storescu", "-aec", "STORE", "-pdu", "131072", "-xe", "+sd", "127.0.0.1", str(port), str(one)],
            env=PEER,
            stderr=subprocess.PIPE,
            text=True,
        )
        for one in folders
    ]
    for one in senders:
        _, words = one.communicate()
        if one.returncode:
            raise RuntimeError(f"storescu failed: {words}")


@contextlib.contextmanager
def warm(state: Path, warmers: list[Path]) -> Iterator[Appliance]:
    """An appliance that has received before: every receiver that it starts on demand is there."""
    with appliance(state) as one:
        for _ in range(2):
            send(one.port, *warmers)
            time.sleep(1.0)
        yield one


def stored(state: Path) -> int:
    return sum(1 for _ in (state / "store").glob("??/*"))


def against_storescp(pairs: int, count: int, side: int, senders: int) -> Measured:
    """Wall time of `count` instances, sent by so many senders at once."""
    measured = Measured("s")
    fork = ("--fork",) if senders > 1 else ()
    with folder(MEMORY) as here:
        files = write_slices(here / "all", count, side)
        lots = [here / f"lot{number}" for number in range(senders)]
        warmers = [here / f"warm{number}" for number in range(senders)]
        for number in range(senders):
            lots[number].mkdir()
            for file in files[number::senders]:
                os.link(file, lots[number] / file.name)
            write_slices(warmers[number], 10, SIDE_SMALL, first=1_000_000 + 1000 * number)

        def ours() -> None:
            with folder(here) as state, warm(state, warmers) as one:
                with timed(measured.ours):
                    send(one.port, *lots)
                if stored(state) != count + 10 * senders:
                    raise RuntimeError("the appliance did not store everything")

        def theirs() -> None:
            with folder(here) as sink, storescp(sink, *fork) as peer:
                send(peer, *warmers)
                with timed(measured.theirs):
                    send(peer, *lots)

        # One at a time, and each first in turn; what it stored is gone before the next one stores: memory that a
        # virtual machine has never used costs whoever comes to it first.
        for number in range(pairs):
            for one in (ours, theirs) if number % 2 else (theirs, ours):
                one()
    return measured


def plain_loop(source: list[Path], sink: Path, senders: int) -> None:
    """What any durable store has to do for the same files: write, fsync, rename, fsync of the folder."""
    sink.mkdir(parents=True)

    def store(files: list[Path]) -> None:
        for file in files:
            data = file.read_bytes()
            fd = os.open(sink / f"{file.name}.tmp", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            os.write(fd, data)
            os.fsync(fd)
            os.close(fd)
            (sink / f"{file.name}.tmp").rename(sink / file.name)
            fd = os.open(sink, os.O_RDONLY | os.O_DIRECTORY)
            os.fsync(fd)
            os.close(fd)

    threads = [threading.Thread(target=store, args=(source[number::senders],)) for number in range(senders)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def durable(pairs: int, files_of_all: int, side: int, senders: int = 1) -> Measured:
    """Instances a second on a disk, over those of the plain loop: at least 0.8 means that we take 1.25 of its time."""
    measured = Measured("instances/s")
    count = max(8, files_of_all)
    with folder(DISK) as here:
        files = write_slices(here / "all", count, side)
        lots = [here / f"lot{number}" for number in range(senders)]
        warmers = [here / f"warm{number}" for number in range(senders)]
        for number in range(senders):
            lots[number].mkdir()
            for file in files[number::senders]:
                os.link(file, lots[number] / file.name)
            write_slices(warmers[number], 10, SIDE_SMALL, first=1_000_000 + 1000 * number)
        for _ in range(pairs):
            seconds: list[float] = []
            with folder(here) as state, warm(state, warmers) as one, timed(seconds):
                send(one.port, *lots)
            with folder(here) as sink, timed(seconds):
                plain_loop(files, sink / "files", senders)
            measured.ours.append(count / seconds[0])
            measured.theirs.append(count / seconds[1])
        # How much of our time is the way of the bytes: the loop has its files already, and needs no sender.
        seconds = []
        with storescp(here / "peer", *(("--fork",) if senders > 1 else ())) as peer, timed(seconds):
            send(peer, *lots)
        measured.notes = {UNSYNCED_NOTE: count / seconds[0]}
    return measured


ROWS = (
    Row(
        "store-large",
        "C-STORE 500 × 512 KiB, one sender, in memory",
        "storescp",
        1.0,
        lambda pairs, scale: against_storescp(pairs, max(4, int(500 * scale)), SIDE_LARGE, 1),
    ),
    Row(
        "store-four",
        "the same, four senders",
        "storescp --fork",
        1.0,
        lambda pairs, scale: against_storescp(pairs, max(8, int(500 * scale)), SIDE_LARGE, 4),
    ),
    Row(
        "store-small",
        "C-STORE 1000 × 9 KiB, one sender, in memory",
        "storescp",
        1.5,
        lambda pairs, scale: against_storescp(pairs, max(4, int(1000 * scale)), SIDE_SMALL, 1),
    ),
    Row(
        "store-durable",
        "C-STORE 200 × 512 KiB on disk, one sender",
        "fsync, rename, fsync in a loop",
        0.8,
        lambda pairs, scale: durable(pairs, int(200 * scale), SIDE_LARGE, 1),
        at_least=True,
    ),
    Row(
        "store-durable-four",
        "the same, four senders",
        "four such loops",
        0.8,
        lambda pairs, scale: durable(pairs, int(200 * scale), SIDE_LARGE, 4),
        at_least=True,
    ),
    Row(
        "store-durable-small",
        "C-STORE 1000 × 9 KiB on disk, one sender",
        "fsync, rename, fsync in a loop",
        0.8,
        lambda pairs, scale: durable(pairs, int(1000 * scale), SIDE_SMALL, 1),
        at_least=True,
    ),
    Row(
        "store-durable-small-four",
        "the same, four senders",
        "four such loops",
        0.8,
        lambda pairs, scale: durable(pairs, int(1000 * scale), SIDE_SMALL, 4),
        at_least=True,
    ),
)
