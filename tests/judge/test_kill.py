"""kill -9 at drawn moments of sending and printing: what a peer saw acknowledged is there, and nothing twice."""

from __future__ import annotations

import random
import subprocess
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.judge.console import Console, Source
from tests.judge.daemon import FOREIGN, Daemon, fresh_seed, made
from tests.judge.discs import differences, directory_complaints, instances_on, unpacked
from tests.judge.films import FILM_BOX, PRINT_JOB, pages
from tests.judge.part10 import Root, drawn_study, raw
from tests.judge.tap import Stored, Tap, stored

pytestmark = [
    pytest.mark.peers("dcmtk", "poppler-utils", "libarchive-tools", "p7zip-full", "xorriso", "dicom3tools"),
]


def acknowledged_and_killed(daemon: Daemon, files: list[Path], after: float) -> tuple[list[Stored], set[str]]:
    """Send files and kill the appliance on the way: what went out, and what was acknowledged."""
    with Tap(daemon.port) as tap:
        command = ["/usr/bin/storescu", "-xe", "-aec", "BURN_CD", "127.0.0.1", str(tap.port), *map(str, files)]
        sender = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=FOREIGN)
        time.sleep(after)
        daemon.kill()
        sender.wait(30)
    sent = stored(tap)
    assert {one.status for one in sent} <= {0, None}
    return sent, {one.uid for one in sent if one.status == 0}


def test_a_study_that_was_sent_through_kills_is_on_disc_once(tmp_path: Path) -> None:
    draw = random.Random(fresh_seed())
    study = drawn_study(draw, Root.drawn(draw), 1, 120, side=160)
    files = {one.uid: one.write(tmp_path / "in" / f"{number}.dcm") for number, one in enumerate(study)}
    daemon = Daemon(tmp_path, quiet=4)
    sent: dict[str, Stored] = {}
    rest = list(files)
    try:
        daemon.start()
        for _ in range(5):
            went_out, acknowledged = acknowledged_and_killed(
                daemon, [files[uid] for uid in rest], draw.uniform(0.02, 0.35)
            )
            sent |= {one.uid: one for one in went_out if one.status == 0}
            rest = [uid for uid in rest if uid not in acknowledged]
            daemon.start()
        with Tap(daemon.port) as tap:
            command = ["/usr/bin/storescu", "-xe", "-aec", "BURN_CD", "127.0.0.1", str(tap.port)]
            if rest:
                subprocess.run([*command, *(str(files[uid]) for uid in rest)], check=True, env=FOREIGN, timeout=60)
        sent |= {one.uid: one for one in stored(tap)}
        assert sent.keys() == files.keys()
        for _ in range(4):  # and then while the disc is made
            daemon.until("disc", lambda jobs: len(jobs) > 0, 30)
            time.sleep(draw.uniform(0, 0.5))
            daemon.kill()
            daemon.start()
        (job,) = daemon.ended("disc", 1)
        assert job["state"] == "DONE", job
        disc, complaints = unpacked(made(job, ".iso"), tmp_path / "disc")
        pixels = {one.uid: raw(one.values, one.elements[0x00280101][1]) for one in study}
        complaints += [*differences(disc, sent.values(), pixels, tmp_path), *directory_complaints(disc, tmp_path)]
        assert complaints == []
        assert len(instances_on(disc)) == 120
        left = {file.name for file in (daemon.state / "discs").iterdir()}
        assert left == {Path(file).name for file in job["files"]}, "nothing half made lies about"
    finally:
        daemon.kill()


def numbered(number: int) -> Source:
    """Four flat quarters that tell the number of a film."""
    digits = [number % 6, number // 6 % 6, number // 36 % 6, 5 - number % 6]
    corners = np.array(digits).reshape(2, 2, 1) * 40 + 40
    return Source(np.kron(corners, np.ones((300, 300, 1), int)), 8)


def number_of(page: Any) -> int:
    """The number that a film shows."""
    rows, columns = page.shape[:2]
    top, left = (rows - columns) // 2, 0
    quarter = columns // 4
    values = [round((int(page[top + quarter * y, left + quarter * x, 0]) - 40) / 40) for y in (1, 3) for x in (1, 3)]
    assert values[3] == 5 - values[0], values
    return values[0] + 6 * values[1] + 36 * values[2]


class Printing:
    """A console that prints one numbered film after the other until the line breaks."""

    def __init__(self) -> None:
        self.tried: list[int] = []
        self.acknowledged: dict[int, str] = {}
        """Number of a film → its Print Job."""
        self.next = 0

    def until_it_breaks(self, port: int) -> None:
        """Print until the appliance is gone, each film once."""
        try:
            console = Console(port, print_job=True)
            console.create_session()
            while True:
                number, self.next = self.next, self.next + 1
                film, (box,) = console.create_film("STANDARD\\1,1", {0x20100050: ("CS", "8INX10IN")})
                assert console.set_image(box, 1, numbered(number)) == 0
                self.tried.append(number)
                answer = console.act(FILM_BOX, film)
                assert answer.status == 0, f"{answer.status:04X}"
                self.acknowledged[number] = console.job_of(answer)
                assert console.delete(FILM_BOX, film) == 0
                time.sleep(0.05)
        except (ConnectionError, OSError):
            pass


def test_films_printed_through_kills_are_each_there_once(tmp_path: Path) -> None:
    draw = random.Random(fresh_seed())
    daemon = Daemon(tmp_path)
    printing = Printing()
    try:
        daemon.start()
        for _ in range(5):
            console = threading.Thread(target=printing.until_it_breaks, args=(daemon.port,))
            console.start()
            time.sleep(draw.uniform(0.05, 0.9))
            daemon.kill()
            console.join(30)
            daemon.start()
            if draw.random() < 0.5:  # and once more, while it still takes up what was left
                time.sleep(draw.uniform(0, 0.6))
                daemon.kill()
                daemon.start()
        assert printing.acknowledged
        jobs = daemon.ended("film", len(printing.acknowledged))
        assert {job["state"] for job in jobs} == {"DONE"}, jobs
        shown: Counter[int] = Counter()
        by_number = {}
        for at, job in enumerate(jobs):
            (page,) = pages(made(job, ".pdf"), tmp_path / f"seen{at}")
            shown[number_of(page)] += 1
            by_number[number_of(page)] = job
        assert max(shown.values()) == 1, "nothing twice"
        assert printing.acknowledged.keys() <= shown.keys() <= set(printing.tried)
        made_files = {str(file) for file in (daemon.state / "films").rglob("*.pdf")}
        assert made_files == {str(made(job, ".pdf")) for job in jobs}, "one PDF for each job, and no other"
        later = Console(daemon.port, print_job=True)
        for uid in printing.acknowledged.values():
            assert later.state_of(later.ask_job(uid)) == "DONE"
        later.peer.release()
        assert PRINT_JOB in later.peer.contexts
    finally:
        daemon.kill()
