"""`gravure serve` from the outside: its command, a TOML file, its ready line and `gravure jobs --json`."""

from __future__ import annotations

import json
import os
import random
import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

GRAVURE = Path(sys.executable).parent / "gravure"
FOREIGN = {**os.environ, "TCP_NODELAY": "1"}
"""Environment of DCMTK's programs and of Orthanc, which otherwise wait for acknowledgements of TCP."""
CORPUS = Path(os.environ.get("GRAVURE_CORPUS") or Path(__file__).resolve().parents[3] / "shared" / "corpus")
DPI = 100

CONFIGURATION = """
[appliance]
state = "{state}"
disk_reserve_mb = 1
[listen]
address = "127.0.0.1"
port = 0
[printers.FILM]
output = "folder"
dpi = {dpi}
tone = "pvalue"
[printers.PAPER]
output = "folder"
folder = "paper"
dpi = {dpi}
tone = "paper"
black_point = false
[discs.BURN_CD]
profile = "STD-GEN-CD"
output = "iso"
quiet_seconds = {quiet}
[inboxes.STORE]
"""


def fresh_seed() -> int:
    """$GRAVURE_SEED, else a new one; printed, so that a failure can be had again."""
    seed = int(os.environ.get("GRAVURE_SEED") or random.SystemRandom().randrange(1, 1 << 30))
    print(f"GRAVURE_SEED={seed}")
    return seed


class Daemon:
    """One appliance on one state folder: started, stopped, killed, started again."""

    def __init__(self, folder: Path, quiet: float = 1, dpi: int = DPI) -> None:
        self.state = folder / "state"
        self.log = folder / "log"
        self.config = folder / "judge.toml"
        self.config.write_text(CONFIGURATION.format(state=self.state, quiet=quiet, dpi=dpi))
        self.process: subprocess.Popen[str] | None = None
        self.port = 0

    def __enter__(self) -> Daemon:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def start(self) -> None:
        """Start it and read where it listens."""
        with self.log.open("a") as log:
            command = [str(GRAVURE), "serve", "--config", str(self.config)]
            self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True)
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        ready = re.match(r"ready dicom=127\.0\.0\.1:(\d+) ae=(\S+)", line)
        assert ready, f"{line!r}\n{self.log.read_text()}"
        assert {"FILM", "BURN_CD", "STORE", "GRAVURE"} <= set(ready[2].split(","))
        self.port = int(ready[1])

    def kill(self) -> None:
        """kill -9."""
        if self.process is not None:
            self.process.kill()
            self.process.wait(20)

    def ask(self, command: str, *arguments: str) -> Any:
        """What `gravure COMMAND --json` says."""
        told = subprocess.run(
            [str(GRAVURE), command, "--config", str(self.config), "--json", *arguments],
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert told.returncode in (0, 1), told.stderr
        return json.loads(told.stdout)

    def ask_plainly(self, command: str, *arguments: str) -> None:
        """A command that says nothing in JSON and must end well."""
        subprocess.run(
            [str(GRAVURE), command, "--config", str(self.config), *arguments],
            check=True,
            timeout=60,
            capture_output=True,
        )

    def jobs(self, kind: str) -> list[dict[str, Any]]:
        """Jobs of a kind, the oldest first."""
        found = [job for job in self.ask("jobs") if job["kind"] == kind]
        return sorted(found, key=lambda job: str(job["created"]))

    def ended(self, kind: str, count: int, *, held: bool = False, seconds: float = 60) -> list[dict[str, Any]]:
        """Wait until there are so many jobs of a kind and none has anything left to do."""

        def rests(job: dict[str, Any]) -> bool:
            return job["state"] in ("DONE", "FAILURE") or (held and bool(job["held"]))

        def condition(jobs: list[dict[str, Any]]) -> bool:
            return len(jobs) >= count and all(map(rests, jobs))

        return self.until(kind, condition, seconds)

    def until(
        self, kind: str, condition: Callable[[list[dict[str, Any]]], bool], seconds: float
    ) -> list[dict[str, Any]]:
        """Wait until the jobs of a kind are as they should be."""
        end = time.monotonic() + seconds
        while not condition(jobs := self.jobs(kind)):
            assert time.monotonic() < end, f"after {seconds} s still {jobs}\n{self.log.read_text()[-4000:]}"
            time.sleep(0.2)
        return jobs


def made(job: dict[str, Any], suffix: str) -> Path:
    """The one file of a kind that a job made."""
    (file,) = (Path(one) for one in job["files"] if one.endswith(suffix))
    assert file.is_absolute()
    return file
