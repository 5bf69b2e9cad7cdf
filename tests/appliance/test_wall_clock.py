"""The clock jumps while `gravure serve` runs, and between its starts: nothing goes early, nothing stays, all comes out.

libfaketime moves the wall clock alone; what the kernel counts since its boot is left as it is, as on a real machine.
"""

from __future__ import annotations

import json
import time
import zipfile
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.appliance.print_rig import NetworkConsole
from tests.instances import instance, written
from tests.serving import Serving, statuses

pytestmark = pytest.mark.peers("faketime", "dcmtk")

DAY_S = 86400
YEAR_S = 365 * DAY_S
TOML = """
[appliance]
state = "{state}"
disk_reserve_mb = 1
[listen]
port = 0
[printers.FILM]
dpi = 50
tone = "pvalue"
films_a_day = {films_a_day}
{film}
[discs.BURN_CD]
quiet_seconds = 1
{disc}
[discs.BURN_ZIP]
output = "zip"
quiet_seconds = 1
[inboxes.STORE]
{inbox}
"""


class Machine(Serving):
    """An appliance on a machine whose wall clock is off by as much as is wanted."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, toml="")
        self.offset = folder / "offset"
        self.configure()
        self.jump(0)

    def configure(self, films_a_day: int = 0, **keep: float) -> None:
        """Write the configuration; `keep_days` of what is named."""
        lines = {name: f"keep_days = {keep[name]}" if name in keep else "" for name in ("film", "disc", "inbox")}
        self.config.write_text(TOML.format(state=self.state, films_a_day=films_a_day, **lines))

    def jump(self, seconds: float) -> None:
        """Set the wall clock to so many seconds from the real time, at once."""
        new = self.offset.with_suffix(".new")
        new.write_text(f"{seconds:+.0f}\n")
        new.rename(self.offset)

    def start(self, **_: Any) -> Machine:
        super().start(
            LD_PRELOAD="/usr/$LIB/faketime/libfaketimeMT.so.1",
            FAKETIME_TIMESTAMP_FILE=str(self.offset),
            FAKETIME_NO_CACHE="1",
            FAKETIME_DONT_FAKE_MONOTONIC="1",
            NO_FAKE_STAT="1",
        )
        return self

    def restart(self) -> None:
        """Stop and start: what is old is looked for at every start."""
        assert self.stop() == 0
        self.start()

    def works(self, folder: Path, number: int, called: str = "BURN_CD") -> tuple[dict[str, Any], dict[str, Any]]:
        """A study becomes a disc and a film comes out, in seconds, whatever the clock says: disc and film."""
        before = {job["id"] for job in self.asked()}
        files = written(folder / f"in{number}", instance(number))
        assert statuses(self.storescu(*files, called=called)) == ["Success"]
        assert statuses(self.storescu(*files, called="STORE")) == ["Success"]
        assert NetworkConsole(None, self.port).whole_film(FilmSizeID="8INX10IN").status == 0

        def new(jobs: list[dict[str, Any]]) -> list[dict[str, Any]]:
            return sorted((job for job in jobs if job["id"] not in before), key=lambda job: str(job["kind"]))

        self.until(lambda jobs: [one["state"] for one in new(jobs)] == ["DONE", "DONE"], 20)
        disc, film = new(self.asked())
        assert all(Path(file).exists() for job in (disc, film) for file in job["files"])
        return disc, film

    def stored(self) -> int:
        """How many instances are kept."""
        return sum(1 for file in (self.state / "store").rglob("*") if file.is_file())


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    one = Machine(tmp_path).start()
    yield one
    if one.process is not None and one.process.poll() is None:
        one.kill()


def near(text: str, offset_s: float) -> bool:
    """Whether a time is what a clock that is off by so much shows now."""
    shown = datetime.fromisoformat(text)
    assert shown.tzinfo is not None
    return abs(shown - datetime.now().astimezone() - timedelta(seconds=offset_s)) < timedelta(minutes=2)


def soon(condition: Callable[[], bool], seconds: float = 10) -> bool:
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.1)
    return True


def test_jumps_while_it_runs_hurry_nothing_and_hold_nothing_up(machine: Machine, tmp_path: Path) -> None:
    machine.stop()
    machine.configure(films_a_day=1)
    machine.start()
    made = []
    for number, offset_s in enumerate((0, 10 * YEAR_S, -5 * YEAR_S), 1):
        machine.jump(offset_s)
        disc, film = machine.works(tmp_path, number)
        assert near(disc["created"], offset_s) and near(film["updated"], offset_s)
        made += [disc, film]
    machine.jump(DAY_S)  # another day than the first film's; one was printed ten years after it
    disc, film = machine.works(tmp_path, 4)
    made += [disc, film]
    machine.restart()
    assert {job["id"] for job in machine.jobs()} == {job["id"] for job in made}
    for job in made:
        told = json.loads(machine.gravure("job", job["id"], "--json").stdout)
        times = [datetime.fromisoformat(one["at"]) for one in told["events"]]
        assert times == sorted(times) and times[0] == datetime.fromisoformat(job["created"])
        assert all(Path(file).exists() for file in job["files"])
    assert machine.stored() == 4


def test_a_jump_while_a_study_comes_neither_ends_nor_delays_it(machine: Machine, tmp_path: Path) -> None:
    for number, offset_s in enumerate((10 * YEAR_S, -5 * YEAR_S), 1):
        first, second = written(tmp_path / f"in{number}", instance(1, study=number), instance(2, study=number))
        machine.storescu(first)
        machine.jump(offset_s)
        machine.storescu(second)
        machine.jump(0)
        jobs = machine.all_ended(number, 15)
        assert [job["state"] for job in jobs] == ["DONE"] * number, "one disc a study, not two"


def test_a_machine_that_wakes_in_1970_works_and_forgets_nothing(machine: Machine, tmp_path: Path) -> None:
    born_s = -time.time() + 60
    assert machine.works(tmp_path, 1)
    machine.stop()
    machine.jump(born_s)
    machine.start()
    disc, film = machine.works(tmp_path, 2, "BURN_ZIP")
    assert disc["created"][:4] in ("1969", "1970") and film["created"][:4] in ("1969", "1970")
    (packed,) = disc["files"]
    assert zipfile.ZipFile(packed).testzip() is None
    machine.jump(0)
    machine.works(tmp_path, 3, "BURN_ZIP")
    machine.restart()
    assert machine.stored() == 3 and len(machine.asked()) == 6
    assert all(Path(file).exists() for job in machine.asked() for file in job["files"])
    assert len(json.loads(machine.gravure("peers", "--json").stdout)) > 0


def test_jumps_across_restarts_delete_nothing_and_keep_nothing_for_ever(machine: Machine, tmp_path: Path) -> None:
    """Thirteen days are as long as a machine may well have been off; but this one was not."""
    machine.works(tmp_path, 1)
    machine.restart()  # it has seen all that
    before = machine.asked()
    files = [Path(file) for job in before for file in job["files"]]
    for days in (13, 0, -13, 0, 3650, 0, -5 * 365):
        machine.stop()
        machine.jump(days * DAY_S)
        machine.start()
        time.sleep(0.3)
        assert machine.asked() == before and machine.stored() == 1
        assert all(file.exists() for file in files)
    second_days = 1 / DAY_S
    machine.configure(film=second_days, disc=second_days, inbox=second_days)
    machine.restart()
    assert soon(lambda: machine.asked() == [] and machine.stored() == 0 and not any(one.exists() for one in files))
