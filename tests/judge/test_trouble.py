"""A disk that is really full, and peers that mean harm or are broken: the right statuses, and others are served."""

from __future__ import annotations

import os
import random
import re
import socket
import struct
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.judge.console import Console, Source
from tests.judge.daemon import DPI, FOREIGN, Daemon, fresh_seed, made
from tests.judge.discs import differences as disc_differences
from tests.judge.discs import unpacked
from tests.judge.films import FILM_BOX, GRAY_META, SESSION, differences, films
from tests.judge.part10 import Root, drawn_study, raw
from tests.judge.tap import Tap, stored
from tests.judge.wire import EXPLICIT, Peer

pytestmark = [
    pytest.mark.peers("dcmtk", "poppler-utils", "libarchive-tools", "p7zip-full", "xorriso"),
]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 40 MB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=40m", "tmpfs", str(folder)]
    if subprocess.run(mount, capture_output=True).returncode != 0:
        pytest.skip("mounting a small tmpfs needs root")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def fill(folder: Path, leave: int) -> Path:
    """A file that leaves at most so many bytes free, while the appliance writes beside it."""
    filler = folder / "filler"
    with filler.open("wb", buffering=0) as out:
        for _ in range(100):
            space = os.statvfs(folder)
            rest = space.f_bavail * space.f_frsize - leave
            try:
                if rest <= 0 or out.write(bytes(rest)) == 0:
                    break
            except OSError:
                break
    return filler


def store(tap: Tap, files: list[Path]) -> None:
    command = ["/usr/bin/storescu", "-xe", "-aec", "BURN_CD", "127.0.0.1", str(tap.port), *map(str, files)]
    subprocess.run(command, env=FOREIGN, capture_output=True, timeout=60)


def test_a_full_disk_has_its_statuses_and_recovers_by_itself(small_disk: Path, tmp_path: Path) -> None:
    draw = random.Random(fresh_seed())
    study = drawn_study(draw, Root.drawn(draw), 1, 4)
    files = [one.write(tmp_path / "in" / f"{number}.dcm") for number, one in enumerate(study)]
    picture = Source(np.full((900, 900, 1), draw.randrange(4096)), 12)
    with Daemon(small_disk) as daemon:
        filler = fill(small_disk, draw.choice([0, 4096, 100_000]))
        with Tap(daemon.port) as tap:
            store(tap, files[:1])
        assert [one.status for one in stored(tap)] == [0xA700]
        console = Console(daemon.port)
        console.create_session()
        film, (box,) = console.create_film("STANDARD\\1,1", {})
        assert console.set_image(box, 1, picture) == 0xC605
        assert console.act(FILM_BOX, film).status in (0xC602, 0xB603), "no film may be promised, or an empty one said"
        told = Peer(daemon.port, "GRAVURE", [("1.2.840.10008.1.1", EXPLICIT)])
        told.release()
        filler.unlink()
        with Tap(daemon.port) as tap:
            again = Console(tap.port)
            again.create_session()
            film, (box,) = again.create_film("STANDARD\\1,1", {0x20100050: ("CS", "8INX10IN")})
            assert again.set_image(box, 1, picture) == 0
            assert again.act(FILM_BOX, film).status == 0
            again.peer.release()
            store(tap, files)
        console.peer.abort()
        assert [one.status for one in stored(tap)] == [0] * len(files)
        job = daemon.ended("film", 1)[-1]
        (wanted,) = films(tap.exchanges())
        assert differences(wanted, made(job, ".pdf"), tmp_path / "seen", DPI) == []
        (job,) = daemon.ended("disc", 1)
        assert job["state"] == "DONE", job
        disc, complaints = unpacked(made(job, ".iso"), tmp_path / "read")
        pixels = {one.uid: raw(one.values, one.elements[0x00280101][1]) for one in study}
        assert complaints + list(disc_differences(disc, stored(tap), pixels, tmp_path)) == []


def test_an_image_that_fits_no_longer_makes_no_film(small_disk: Path) -> None:
    draw = random.Random(fresh_seed())
    with Daemon(small_disk) as daemon:
        for sop_class, status in ((FILM_BOX, 0xC602), (SESSION, 0xC601)):
            console = Console(daemon.port)
            console.create_session()
            film, (box,) = console.create_film("STANDARD\\1,1", {0x20100050: ("CS", "8INX10IN")})
            assert console.set_image(box, 1, Source(np.full((50, 50, 1), draw.randrange(4096)), 12)) == 0
            filler = fill(small_disk, 0)
            assert console.act(sop_class, film if sop_class == FILM_BOX else console.session).status == status
            filler.unlink()
            assert console.act(FILM_BOX, film).status == 0, "and then it can be printed after all"
            console.peer.release()
        jobs = daemon.ended("film", 2)
    assert [job["state"] for job in jobs] == ["DONE", "DONE"]


def _pdu(kind: int, body: bytes) -> bytes:
    return struct.pack(">BxI", kind, len(body)) + body


HARM: dict[str, Callable[[random.Random], bytes]] = {
    "nothing at all": lambda draw: b"",
    "noise": lambda draw: draw.randbytes(draw.randint(1, 5000)),
    "a request that never ends": lambda draw: struct.pack(">BxI", 1, 5000) + bytes(draw.randint(1, 4000)),
    "a request of 4 GB": lambda draw: struct.pack(">BxI", 1, 0xFFFFFFFF) + bytes(1000),
    "data before an association": lambda draw: _pdu(4, draw.randbytes(200)),
    "an abort": lambda draw: _pdu(7, bytes(4)),
    "items longer than the request": lambda draw: _pdu(
        1, struct.pack(">HH", 1, 0) + b"FILM".ljust(16) + b"HARM".ljust(16) + bytes(32) + b"\x20\0\xff\xff\1\0\0\0"
    ),
    "a web browser": lambda draw: b"GET / HTTP/1.1\r\nHost: printer\r\n\r\n",
}


def broken_after_associating(port: int, draw: random.Random) -> socket.socket:
    """An accepted console that then says something that is no message, or only the beginning of one."""
    peer = Peer(port, "FILM", [(GRAY_META, EXPLICIT)])
    context = peer.contexts[GRAY_META][0]
    kind = draw.randrange(4)
    if kind == 0:
        peer.socket.sendall(_pdu(4, struct.pack(">IBB", 60, context, 3) + draw.randbytes(58)))
    elif kind == 1:
        peer.socket.sendall(struct.pack(">BxIIBB", 4, 60_000, 59_990, context, 3) + bytes(10))
    elif kind == 2:
        peer.socket.sendall(_pdu(4, struct.pack(">IBB", 0xFFFFFFF0, context, 1) + bytes(50)))
    else:
        peer.socket.sendall(_pdu(4, struct.pack(">IBB", 12, 253, 3) + bytes(10)))
    return peer.socket


def test_peers_that_mean_harm_stop_nobody_else(tmp_path: Path) -> None:
    draw = random.Random(fresh_seed())
    study = drawn_study(draw, Root.drawn(draw), 1, 6)
    files = [one.write(tmp_path / "in" / f"{number}.dcm") for number, one in enumerate(study)]
    with Daemon(tmp_path) as daemon:
        lines = []
        for kind in draw.choices(list(HARM), k=30):
            line = socket.create_connection(("127.0.0.1", daemon.port), 10)
            try:
                line.sendall(HARM[kind](draw))
            except ConnectionError:
                pass  # refused already
            lines.append(line)
        lines += [broken_after_associating(daemon.port, draw) for _ in range(10)]
        with Tap(daemon.port) as tap:
            console = Console(tap.port)
            console.create_session()
            film, (box,) = console.create_film("STANDARD\\1,1", {0x20100050: ("CS", "8INX10IN")})
            assert console.set_image(box, 1, Source(np.full((90, 70, 1), draw.randrange(4096)), 12)) == 0
            assert console.act(FILM_BOX, film).status == 0
            console.peer.release()
            store(tap, files)
        assert [one.status for one in stored(tap)] == [0] * len(files)
        (job,) = daemon.ended("film", 1)
        (wanted,) = films(tap.exchanges())
        assert differences(wanted, made(job, ".pdf"), tmp_path / "seen", DPI) == []
        (job,) = daemon.ended("disc", 1)
        assert job["state"] == "DONE"
        assert daemon.process is not None and daemon.process.poll() is None
        for line in lines:
            line.close()
        assert not re.search(r"Traceback|Task exception", daemon.log.read_text())
