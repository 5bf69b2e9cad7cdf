"""Films at a printer that fails at random, through an appliance that is killed: each is printed once, or a person is
asked. $GRAVURE_FILMS sets how many; 200 take some minutes."""

from __future__ import annotations

import os
import random
import re
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from appliance.control import ControlProblem, NotRunning, ask
from tests.ipp_printer import IppPrinter
from tests.judge.console import Console, Source
from tests.judge.films import FILM_BOX, pages
from tests.serving import Serving

pytestmark = [
    pytest.mark.peers("cups-ipp-utils", "avahi-daemon", "dbus", "poppler-utils"),
    pytest.mark.skipif(os.getuid() != 0, reason="avahi needs root"),
]

FILMS = int(os.environ.get("GRAVURE_FILMS", "20"))
SEED = int(os.environ.get("GRAVURE_SEED", "0")) or random.randrange(1 << 30)

TOML = """
[appliance]
state = "{state}"
disk_reserve_mb = 1
[listen]
port = 0
[printers.FILM]
output = "ipp"
url = "ipp://127.0.0.1:{more}/ipp/print"
dpi = 50
tone = "pvalue"
[inboxes.STORE]
"""

OPERATIONS = {
    0x04: "Validate-Job",
    0x05: "Create-Job",
    0x06: "Send-Document",
    0x09: "Get-Job-Attributes",
    0x0A: "Get-Jobs",
    0x0B: "Get-Printer-Attributes",
}


class Line:
    """The way to the printer. It breaks when it was told to: before a request has come through, in its middle, or when
    the answer would come."""

    def __init__(self, printer: IppPrinter) -> None:
        self._printer = printer
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.breaks: tuple[int, str] | None = None
        self.broken: Counter[str] = Counter()
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        """No more of it."""
        self._listener.close()

    def _serve(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._carry, args=(near,), daemon=True).start()

    def _carry(self, near: socket.socket) -> None:
        with near:
            try:
                near.settimeout(20)
                request = _message(near)
                if not request:
                    return
                where = self._where(request)
                if where == "before":
                    return
                with socket.create_connection(("127.0.0.1", self._printer.port), 5) as far:
                    far.settimeout(20)
                    far.sendall(request[: len(request) - 200] if where == "within" else request)
                    if where == "within":
                        return
                    answer = _message(far)
                    if where != "after":
                        near.sendall(answer)
            except OSError:
                pass
            finally:
                near.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\1\0\0\0")

    def _where(self, request: bytes) -> str:
        operation = int.from_bytes(request[request.index(b"\r\n\r\n") + 6 :][:2], "big")
        wanted = self.breaks
        if wanted is None or wanted[0] != operation:
            return ""
        self.breaks = None
        self.broken[f"{OPERATIONS[operation]} {wanted[1]}"] += 1
        return wanted[1]


def _message(sock: socket.socket) -> bytes:
    """One HTTP message with a length, or chunked and small; empty where nothing came."""
    seen = b""
    while b"\r\n\r\n" not in seen:
        more = sock.recv(65536)
        if not more:
            return b""
        seen += more
    head = seen[: seen.index(b"\r\n\r\n") + 4]
    length = re.search(rb"(?i)content-length: (\d+)", head)
    while len(seen) < len(head) + int(length[1]) if length else not seen.endswith(b"0\r\n\r\n"):
        more = sock.recv(65536)
        if not more:
            break
        seen += more
    return seen


def numbered(number: int) -> Source:
    """Four flat quarters that tell the number of a film."""
    digits = [number % 8, number // 8 % 8, number // 64 % 8, 7 - number % 8]
    return Source(np.kron(np.array(digits).reshape(2, 2, 1) * 30 + 20, np.ones((40, 40, 1), int)), 8)


def number_of(page: Any) -> int:
    """The number that a sheet shows."""
    rows, columns = page.shape[:2]
    top, quarter = (rows - columns) // 2, columns // 4
    found = [round((int(page[top + quarter * y, quarter * x, 0]) - 20) / 30) for y in (1, 3) for x in (1, 3)]
    assert found[3] == 7 - found[0], found
    return found[0] + 8 * found[1] + 64 * found[2]


class Sender(threading.Thread):
    """A console that prints one film after the other, and calls again when the appliance is gone. No film is sent
    twice: of one whose N-ACTION was not answered nobody knows."""

    def __init__(self, serving: Serving, draw: random.Random) -> None:
        super().__init__(daemon=True)
        self._serving = serving
        self._draw = draw
        self.acknowledged: dict[str, int] = {}
        """Number of the film, by its Print Job."""
        self.tried = 0
        self.failure: BaseException | None = None

    def run(self) -> None:
        try:
            while len(self.acknowledged) < FILMS:
                try:
                    self._print()
                except OSError:  # a connection that ends raises ConnectionError, which is one
                    time.sleep(0.1)
        except BaseException as failure:
            self.failure = failure
            raise

    def _print(self) -> None:
        console = Console(self._serving.port, print_job=True)
        console.create_session()
        while len(self.acknowledged) < FILMS:
            self.tried += 1
            number = self.tried
            film, (box,) = console.create_film("STANDARD\\1,1", {0x20100050: ("CS", "8INX10IN")})
            assert console.set_image(box, 1, numbered(number)) == 0
            answer = console.act(FILM_BOX, film)
            assert answer.status == 0, f"{answer.status:04X}"
            self.acknowledged[console.job_of(answer)] = number
            console.delete(FILM_BOX, film)
            time.sleep(self._draw.uniform(0, 0.6))


class Weather:
    """What goes wrong, drawn."""

    def __init__(self, draw: random.Random, printer: IppPrinter, line: Line, serving: Serving) -> None:
        self._draw = draw
        self._printer = printer
        self._line = line
        self._serving = serving
        self.happened: Counter[str] = Counter()

    def happen(self) -> None:
        """One thing."""
        kinds: dict[Callable[[], None], int] = {
            self.cut: 10,
            self.switched_off: 3,
            self.gives_up: 2,
            self.is_slow: 3,
            self.killed: 2,
        }
        (what,) = self._draw.choices(list(kinds), list(kinds.values()))
        self.happened[what.__name__] += 1
        what()

    def cut(self) -> None:
        self._line.breaks = (self._draw.choice(list(OPERATIONS)), self._draw.choice(["before", "within", "after"]))
        self._pause(1.5)
        self._line.breaks = None

    def switched_off(self) -> None:
        self._printer.off()
        self._pause(2)
        self._printer.on()

    def gives_up(self) -> None:
        self._printer.abort()
        self._pause(1)
        (self._printer.folder / "abort").unlink()

    def is_slow(self) -> None:
        self._printer.hold()
        self._pause(2)
        self._printer.let_go()

    def killed(self) -> None:
        self._serving.kill()
        self._pause(0.5)
        self._serving.start()

    def _pause(self, most_s: float) -> None:
        time.sleep(self._draw.uniform(0.05, most_s))


def rests(job: dict[str, Any]) -> bool:
    """Whether nothing more happens to a job by itself."""
    return job["state"] in ("DONE", "FAILURE") or bool(job["held"])


def jobs_of(serving: Serving) -> list[dict[str, Any]]:
    """All jobs; the first is the oldest."""
    try:
        return list(ask(serving.state, "jobs"))
    except (NotRunning, ControlProblem):
        return []


@pytest.fixture
def printer(tmp_path: Path) -> Iterator[IppPrinter]:
    one = IppPrinter(tmp_path / "printer")
    try:
        yield one.start()
    finally:
        one.stop()


def test_each_film_is_printed_once_or_held_for_a_person(tmp_path: Path, printer: IppPrinter) -> None:
    print(f"GRAVURE_SEED={SEED} GRAVURE_FILMS={FILMS}")
    draw = random.Random(SEED)
    line = Line(printer)
    serving = Serving(tmp_path, str(line.port), TOML).start()
    weather = Weather(draw, printer, line, serving)
    sender = Sender(serving, random.Random(draw.random()))
    began_s = time.monotonic()
    try:
        sender.start()
        while sum(map(rests, jobs_of(serving))) < FILMS * 0.9:
            assert sender.failure is None, sender.failure
            assert time.monotonic() - began_s < 60 + 10 * FILMS, "nothing goes on"
            weather.happen()
            time.sleep(draw.uniform(0, 2))
        sender.join(60)
        assert not sender.is_alive() and sender.failure is None
        jobs = serving.until(lambda jobs: len(jobs) >= FILMS and all(map(rests, jobs)), 420)
        time.sleep(1)  # a sheet too many would come out now
    finally:
        assert serving.process is not None
        if serving.process.poll() is None:
            serving.kill()
        line.close()
    print(f"{time.monotonic() - began_s:.0f} s; {dict(weather.happened)}; {dict(line.broken)}")
    judge(jobs, sender, printer, tmp_path)


def judge(jobs: list[dict[str, Any]], sender: Sender, printer: IppPrinter, folder: Path) -> None:
    """No film is lost, none twice; all in order, each with its own image."""
    acknowledged = sender.acknowledged
    by_uid = {job["uid"]: job for job in jobs}
    assert acknowledged.keys() <= by_uid.keys(), "a film that was promised is lost"
    assert len(jobs) <= sender.tried
    at = {job["id"]: number for number, job in enumerate(jobs)}
    out = []
    for sheet in printer.sheets:
        name = re.search(r"IPP_JOB_NAME=\S+-([0-9a-f]+)\n", sheet.with_suffix(".env").read_text())
        assert name is not None
        out.append(name[1])
        job = jobs[at[name[1]]]
        if job["state"] == "DONE":  # what a person must look at may be half a film
            (page,) = pages(sheet, folder / "seen" / sheet.stem)
            assert number_of(page) == acknowledged.get(job["uid"], number_of(page)), "another film's image"
            assert 1 <= number_of(page) <= sender.tried
    sheets = Counter(out)
    ends: Counter[str] = Counter()
    for job in jobs:
        count = sheets[job["id"]]
        if job["state"] == "DONE":
            kind, right = "printed", count == 1
        elif job["held"]:
            kind, right = "held as possibly printed", count <= 1 and "possibly printed" in job["hold_reason"]
        else:
            kind, right = "given up by the printer", count == 0 and "gave the film up" in job["error"]
        ends[f"{kind}, {count} sheets"] += 1
        assert right, (kind, count, job)
    print(dict(ends))
    assert out == sorted(out, key=lambda job_id: at[job_id]), "out of order"
