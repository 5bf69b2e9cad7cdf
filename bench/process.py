"""Processes that are measured: started for a row, asked what they used, ended by their own number."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

PEER = {**os.environ, "TCP_NODELAY": "1"}
"""DCMTK at its best: without this its answers wait for 40 ms by an accident of TCP."""
MEMORY = Path("/dev/shm")
"""Where fsync costs nothing: protocol rows measure protocols."""
DISK = Path("/var/tmp")
READY = re.compile(r"ready dicom=\S*?:(\d+) ")
TICKS = os.sysconf("SC_CLK_TCK")


@contextlib.contextmanager
def folder(where: Path = MEMORY) -> Iterator[Path]:
    """A folder that is gone afterwards."""
    path = Path(tempfile.mkdtemp(prefix="gravure-bench-", dir=where))
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


def free_port() -> int:
    """A port that nothing listens on."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


@contextlib.contextmanager
def ended(process: subprocess.Popen[str]) -> Iterator[subprocess.Popen[str]]:
    """Whatever happens, the process is gone afterwards."""
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def wait_for(port: int) -> None:
    """Until something listens there."""
    for _ in range(200):
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
            return
        time.sleep(0.02)
    raise RuntimeError(f"nothing listens on port {port}")


@dataclass(slots=True)
class Appliance:
    """A running `gravure serve`."""

    process: subprocess.Popen[str]
    port: int
    state: Path
    ready_s: float


TABLES = """
[appliance]
state = "{state}"
disk_reserve_mb = 1
[listen]
port = 0
[printers.FILM]
dpi = {dpi}
[inboxes.STORE]
"""


@contextlib.contextmanager
def appliance(state: Path, dpi: int = 300) -> Iterator[Appliance]:
    """The appliance on a state folder, as an operator runs it."""
    state.mkdir(parents=True, exist_ok=True)
    config = state / "gravure.toml"
    config.write_text(TABLES.format(state=state, dpi=dpi))
    began_s = time.perf_counter()
    with (state / "log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "appliance", "serve", "--config", str(config)],
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
    with ended(process):
        assert process.stdout is not None
        line = process.stdout.readline()
        ready_s = time.perf_counter() - began_s
        match = READY.match(line)
        if match is None:
            raise RuntimeError(f"the appliance did not start: {(state / 'log').read_text()[-2000:]}")
        yield Appliance(process, int(match[1]), state, ready_s)


@contextlib.contextmanager
def storescp(sink: Path, *options: str) -> Iterator[int]:
    """DCMTK's storescp at its best settings; its port."""
    sink.mkdir(parents=True, exist_ok=True)
    port = free_port()
    command = ["/usr/bin/storescp", *options, "-B", "-pdu", "131072", "-od", str(sink), str(port)]
    with ended(subprocess.Popen(command, env=PEER, text=True, stderr=subprocess.DEVNULL)):
        wait_for(port)
        yield port


def family(pid: int) -> list[int]:
    """A process and everything that it started."""
    found = [pid]
    for one in found:
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            found += map(int, Path(f"/proc/{one}/task/{one}/children").read_text().split())
    return found


def pss_mb(pid: int) -> float:
    """Proportional set size of a process and its children, MB."""
    total = 0
    for one in family(pid):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            text = Path(f"/proc/{one}/smaps_rollup").read_text()
            total += int(re.search(r"^Pss:\s+(\d+)", text, re.MULTILINE)[1])  # type: ignore[index]
    return total / 1024


def cpu_s(pid: int) -> float:
    """Processor time that a process and its children have used, seconds."""
    total = 0
    for one in family(pid):
        fields = Path(f"/proc/{one}/stat").read_text().rpartition(")")[2].split()
        total += sum(map(int, fields[11:15]))
    return total / TICKS
