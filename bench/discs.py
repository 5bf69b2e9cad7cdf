"""Discs: the directory against dcmmkdir, the image against a plain copy of the same bytes."""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from media.dicomdir import DirectoryEntry, write_dicomdir
from media.folder import instances_below
from media.instance import scan_header
from media.part10 import file_meta
from media.request import DiscInstance

from .instances import write_slices
from .process import DISK, MEMORY, folder
from .row import Measured, Row, timed

NOW = datetime(2026, 3, 2, 10, 11, 12, tzinfo=UTC)
GROWTH_NOTE, MANY_NOTE = "ten times as many take, times", "memory added by ten times as many, MB"
ISO_NOTE = "memory of the process, MB"
SERIES = 100
"""Slices of one series, in one folder."""


def memory_mb(line: str) -> float:
    """Memory of this process, MB: `VmRSS` now, `VmHWM` at its peak. (getrusage hands a parent's peak on.)"""
    return int(Path("/proc/self/status").read_text().partition(f"{line}:")[2].split()[0]) / 1024


def peak_mb(work: Callable[[], object]) -> float:
    """What a piece of work adds to the memory of a process of its own, MB."""
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        before = memory_mb("VmRSS")
        work()
        os.write(write, str(memory_mb("VmHWM") - before).encode())
        os._exit(0)
    os.waitpid(pid, 0)
    os.close(write)
    said = os.read(read, 100)
    os.close(read)
    return float(said or "nan")


def dcmmkdir(tree: Path) -> None:
    """DCMTK makes the directory of a tree in place. Not with `+I`, inventing: that makes it quadratic."""
    subprocess.run(["/usr/bin/dcmmkdir", "-q", "+r", "+id", ".", "+D", "DICOMDIR", "DICOM"], cwd=tree, check=True)


def file_set(here: Path, count: int) -> Path:
    """A tree with File IDs that a disc may have."""
    files = write_slices(here / "plain", count, 64, per_folder=SERIES)
    tree = here / "tree"
    for number, file in enumerate(files):
        target = tree / "DICOM" / f"SE{number // SERIES:06d}" / f"IM{number:06d}"
        target.parent.mkdir(parents=True, exist_ok=True)
        file.rename(target)
    shutil.rmtree(here / "plain")
    return tree


def entries_of(files: list[Path]) -> list[DirectoryEntry]:
    """The entries of files in a tree, with the keys that C-STORE recorded."""
    entries = []
    for file in files:
        data = file.read_bytes()
        meta = file_meta(data)
        header = scan_header(data[meta.data_offset :], meta.transfer_syntax_uid)
        entries.append(DirectoryEntry(("DICOM", file.parent.name, file.name), header.keys, meta.transfer_syntax_uid))
    return entries


def entry_of(one: DiscInstance) -> DirectoryEntry:
    return DirectoryEntry(("DICOM", one.path.parent.name, one.path.name), one.keys, one.transfer_syntax_uid)


def write(entries: list[DirectoryEntry], out: Path) -> None:
    """A DICOMDIR."""
    with out.open("wb") as file:
        write_dicomdir(entries, file_set_id="BENCH", file_set_uid="1.2.3", out=file, now=NOW)


def directory(pairs: int, scale: float) -> Measured:
    """Seconds for the directory of instances whose keys are recorded; linear growth and memory beside it."""
    measured = Measured("s")
    count = max(50, int(10_000 * scale))
    with folder(MEMORY) as here:
        tree = file_set(here, count)
        entries = entries_of(sorted(tree.rglob("IM*")))
        for _ in range(pairs):
            with timed(measured.ours):
                write(entries, here / "DICOMDIR")
            (tree / "DICOMDIR").unlink(missing_ok=True)
            with timed(measured.theirs):
                dcmmkdir(tree)
        many = [
            DirectoryEntry(("DICOM", f"SE{number:06d}", f"IM{index:06d}"), one.keys, one.transfer_syntax_uid)
            for number in range(10)
            for index, one in enumerate(other_instances(entries, number))
        ]
        ten: list[float] = []
        with timed(ten):
            write(many, here / "DICOMDIR")
        measured.notes = {
            GROWTH_NOTE: ten[0] / statistics.median(measured.ours),
            MANY_NOTE: peak_mb(lambda: write(many, here / "DICOMDIR")),
        }
    return measured


def other_instances(entries: list[DirectoryEntry], number: int) -> list[DirectoryEntry]:
    """The same instances under other UIDs of the same length."""
    old, new = b".77.1.", f".77.{number}.".encode()
    return [DirectoryEntry(one.file_id, one.keys.replace(old, new), one.transfer_syntax_uid) for one in entries]


def directory_of_folder(pairs: int, scale: float) -> Measured:
    """Seconds for header pass and directory of a folder, as `gravure disc` does them."""
    measured = Measured("s")
    count = max(50, int(10_000 * scale))
    with folder(MEMORY) as here:
        tree = file_set(here, count)
        for _ in range(pairs):
            with timed(measured.ours):
                found: list[DiscInstance] = [one for one, _ in instances_below([tree / "DICOM"])]
                write(
                    [
                        DirectoryEntry(
                            ("DICOM", one.path.parent.name, one.path.name), one.keys, one.transfer_syntax_uid
                        )
                        for one in found
                    ],
                    here / "DICOMDIR",
                )
            (tree / "DICOMDIR").unlink(missing_ok=True)
            with timed(measured.theirs):
                dcmmkdir(tree)
    return measured


WRITE_ISO = """
import sys, time
from datetime import datetime, timezone
from pathlib import Path
from media.iso import write_iso
tree = Path(sys.argv[1])
files = [(file.relative_to(tree).parts, file) for file in sorted(tree.rglob("*")) if file.is_file()]
import pycdlib
began = time.perf_counter()
write_iso(files, Path(sys.argv[2]), volume_id="BENCH", now=datetime(2026, 3, 2, tzinfo=timezone.utc))
ended = time.perf_counter()
peak = Path("/proc/self/status").read_text().partition("VmHWM:")[2].split()[0]
print(ended - began, int(peak) / 1024)
"""


def image(pairs: int, scale: float, files: int, where: Path) -> Measured:
    """Seconds for an ISO image of 500 KB files, against `cat` of the same files into one."""
    measured = Measured("s")
    count = max(20, int(files * scale))
    with folder(where) as here:
        tree = here / "tree"
        for number in range(count):
            file = tree / "DICOM" / f"SE{number // SERIES:06d}" / f"IM{number:06d}"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(bytes([number % 251]) * 500_000)

        def ours() -> None:
            done = subprocess.run(
                [sys.executable, "-c", WRITE_ISO, str(tree), str(here / "out")],
                check=True,
                capture_output=True,
                text=True,
            )
            seconds, memory = map(float, done.stdout.split())
            measured.ours.append(seconds)
            measured.notes[ISO_NOTE] = memory

        def theirs() -> None:
            names = b"\0".join(str(file).encode() for file in sorted(tree.rglob("IM*")))
            with timed(measured.theirs), (here / "out").open("wb") as out:
                subprocess.run(["xargs", "-0", "cat"], input=names, stdout=out, check=True)

        for number in range(pairs + 1):
            # Each first in turn: who comes later finds pages that the machine has just freed.
            for work in (ours, theirs) if number % 2 else (theirs, ours):
                os.sync()  # what the one before left on its way to the disk
                time.sleep(0.3)
                work()
                (here / "out").unlink()
    # The first pair finds memory that a virtual machine must get from its host: up to three times as slow.
    del measured.ours[0], measured.theirs[0]
    return measured


ROWS = (
    # Linear: ten times as many take ten times as long, and a quarter for caches that hold the smaller one alone.
    Row(
        "dicomdir",
        "DICOMDIR of 10,000 stored instances",
        "dcmmkdir",
        0.5,
        directory,
        also={GROWTH_NOTE: 12.5, MANY_NOTE: 100},
    ),
    Row("dicomdir-folder", "DICOMDIR of a folder of 10,000 files", "dcmmkdir", 1.5, directory_of_folder),
    # A third of a second each, in which the machine does other things too: three times as many pairs.
    Row("iso", "ISO image of 650 MB", "cat", 1.25, lambda p, s: image(3 * p, s, 1300, MEMORY), also={ISO_NOTE: 60}),
    Row(
        "iso-dvd",
        "ISO image of 4.4 GB, on disk",
        "cat",
        1.25,
        lambda p, s: image(p, s, 8800, DISK),
        also={ISO_NOTE: 60},
    ),
)
