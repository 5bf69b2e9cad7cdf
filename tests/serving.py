"""`gravure serve` as its users run it: a process of its own, a configuration file, DICOM and the command line."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from appliance.control import NotRunning, ask

ROOT = Path(__file__).resolve().parents[1]
STORESCU = "/usr/bin/storescu"
FOREIGN = {**os.environ, "TCP_NODELAY": "1"}
READY = re.compile(r"ready dicom=\[?([^\]]+)\]?:(\d+) ae=(\S+)")

DEFAULT = """
[appliance]
state = "{state}"
disk_reserve_mb = 1
[listen]
port = 0
[printers.FILM]
dpi = 100
tone = "pvalue"
[discs.BURN_CD]
quiet_seconds = 1
[inboxes.STORE]
{more}
"""


class Serving:
    """One appliance; starts, stops, is killed, starts again on the same state folder."""

    def __init__(self, folder: Path, more: str = "", toml: str = DEFAULT) -> None:
        self.state = folder / "state"
        self.config = folder / "gravure.toml"
        self.log = folder / "log"
        self.config.write_text(toml.format(state=self.state, more=more))
        self.process: subprocess.Popen[str] | None = None
        self.port = 0

    def start(self, *, prefix: tuple[str, ...] = (), pass_fds: tuple[int, ...] = (), **environment: str) -> Serving:
        """Start, and wait for the ready line."""
        with self.log.open("a") as log:
            self.process = subprocess.Popen(
                [*prefix, sys.executable, "-m", "appliance", "serve", "--config", str(self.config)],
                cwd=ROOT,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                env={**os.environ, **environment},
                pass_fds=pass_fds,
            )
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        match = READY.match(line)
        assert match, f"no ready line but {line!r}\n{self.log.read_text()}"
        self.port = int(match[2])
        return self

    def stop(self) -> int:
        """SIGTERM; the exit status."""
        assert self.process is not None
        self.process.terminate()
        return self.process.wait(20)

    def kill(self) -> None:
        """kill -9, and what it started goes with it by itself."""
        assert self.process is not None
        self.process.kill()
        self.process.wait(20)

    def gravure(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """The command line on the same configuration."""
        command = [sys.executable, "-m", "appliance", arguments[0], "--config", str(self.config), *arguments[1:]]
        return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=check)

    def jobs(self) -> list[dict[str, Any]]:
        """`gravure jobs --json`."""
        return list(json.loads(self.gravure("jobs", "--json").stdout))

    def asked(self) -> list[dict[str, Any]]:
        """The same, without a command for each look."""
        try:
            return list(ask(self.state, "jobs"))
        except NotRunning:
            return self.jobs()

    def until(self, condition: Callable[[list[dict[str, Any]]], bool], seconds: float = 40) -> list[dict[str, Any]]:
        """Wait until the jobs are as they should be."""
        end = time.monotonic() + seconds
        while not condition(jobs := self.asked()):
            assert time.monotonic() < end, f"still {jobs}\n{self.log.read_text()[-4000:]}"
            time.sleep(0.1)
        return jobs

    def all_ended(self, count: int = 1, seconds: float = 40) -> list[dict[str, Any]]:
        """Wait for at least so many jobs, all of them ended."""
        return self.until(
            lambda jobs: len(jobs) >= count and all(job["state"] in ("DONE", "FAILURE") for job in jobs), seconds
        )

    def storescu(self, *arguments: str | Path, called: str = "BURN_CD") -> subprocess.CompletedProcess[str]:
        """DCMTK's storescu, verbose."""
        command = [STORESCU, "-v", "-aec", called, *map(str, arguments)]
        target = command.index(called) + 1
        command[target:target] = []
        options = [one for one in command[4:] if one.startswith(("-", "+"))]
        files = [one for one in command[4:] if not one.startswith(("-", "+"))]
        return subprocess.run(
            [*command[:4], *options, "127.0.0.1", str(self.port), *files],
            capture_output=True,
            text=True,
            timeout=120,
            env=FOREIGN,
        )


@contextlib.contextmanager
def serving(folder: Path, more: str = "", toml: str = DEFAULT, prefix: tuple[str, ...] = ()) -> Iterator[Serving]:
    """A running appliance, ended by its process ID whatever happens; `prefix` is a command that starts it."""
    one = Serving(folder, more, toml).start(prefix=prefix)
    try:
        yield one
    finally:
        if one.process is not None and one.process.poll() is None:
            one.process.send_signal(signal.SIGKILL)
            one.process.wait(20)


def statuses(done: subprocess.CompletedProcess[str]) -> list[str]:
    """What storescu -v heard, instance by instance."""
    return re.findall(r"Received Store Response \((.*)\)", done.stdout + done.stderr)
