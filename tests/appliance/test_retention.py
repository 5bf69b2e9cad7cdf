"""Retention: what is old goes, what is needed stays, and a clock that jumps takes nothing with it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from sqlalchemy import text

from appliance.arrivals import Arrival
from appliance.config import Config
from appliance.database import Database
from appliance.films import Films
from appliance.instances import InstanceIndex
from appliance.jobs import Job, JobEvent, Jobs, NewJob
from appliance.retention import DAY_S, Retention
from media.store import InstanceStore
from printing.page import FilmDocument


@dataclass
class Times:
    """Both clocks of a machine."""

    wall: float = 1_800_000_000.0
    monotonic: float = 1000.0
    boot: str = "first"

    def reboot(self, off_days: float) -> None:
        """The machine was off, or its clock says so."""
        self.wall += off_days * DAY_S
        self.monotonic, self.boot = 5.0, self.boot + "'"

    def pass_days(self, days: float) -> None:
        self.wall += days * DAY_S
        self.monotonic += days * DAY_S


@dataclass
class House:
    """What retention looks at, in a folder of its own."""

    folder: Path
    times: Times = field(default_factory=Times)

    def __post_init__(self) -> None:
        self.config = Config.from_dict(
            {
                "appliance": {"state": str(self.folder)},
                "printers": {"FILM": {"keep_days": 7}},
                "discs": {"BURN_CD": {"keep_days": 14}},
                "inboxes": {"STORE": {"keep_days": 3}},
            }
        )
        (self.folder / "spool").mkdir()
        self.database = Database(self.folder / "gravure.db")
        self.database.migrate()
        self.jobs = Jobs(self.database, lambda: self.times.wall)
        self.store = InstanceStore(self.folder / "store")
        self.index = InstanceIndex(self.database, self.store, lambda: self.times.wall)
        self.index.collected = frozenset(self.config.discs)
        self.films = Films(self.folder / "spool", self.jobs, reprint_days={"FILM": 1})

    def look(self, *, restart: bool = False) -> None:
        """One look, as the hourly one; `restart` begins with a new process."""

        async def once() -> None:
            if restart or not hasattr(self, "retention"):
                self.retention = Retention(
                    self.config,
                    self.database,
                    self.jobs,
                    self.index,
                    self.films.reprints,
                    lambda: self.times.wall,
                    lambda: self.times.monotonic,
                    lambda: self.times.boot,
                )
            self.retention.look()

        asyncio.run(once())

    def film(self) -> tuple[Job, Path]:
        """A film that was printed."""
        file = self.folder / f"{len(self.jobs.list())}.pdf"
        file.write_bytes(b"%PDF")
        job = self.jobs.create(NewJob("film", "FILM", folder="f"))
        self.jobs.advance(job.id, JobEvent.CLAIM, owner="w")
        return self.jobs.advance(job.id, JobEvent.FINISH, files=[str(file)]), file

    def arrive(self, uid: str, ae_title: str, sop_class: str = "1.2") -> Path:
        """An instance that a station was sent."""
        incoming = self.store.begin(sop_class, uid, "1.2.840.10008.1.2.1")
        incoming.write(memoryview(b"data of " + uid.encode()))
        relative = incoming.keep()
        of_file = (relative, 100, incoming.data_offset, "1.2.840.10008.1.2.1", ae_title, "CT1", "a")
        self.index.enter([Arrival(*of_file, sop_class, uid, "1.1", "1.1.1", "P", "", "DOE", "", self.times.wall, b"")])
        return self.store.path(relative)

    def stored(self) -> set[str]:
        with self.database.read() as connection:
            return set(connection.execute(text("SELECT sop_instance_uid FROM instance")).scalars())


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    one = House(tmp_path)
    one.look()
    yield one
    one.database.close()


def test_a_film_goes_when_its_days_are_over(house: House) -> None:
    _, file = house.film()
    house.look()
    house.times.pass_days(6.9)
    house.look()
    assert file.exists() and house.jobs.list()
    house.times.pass_days(0.2)
    house.look()
    assert not file.exists() and house.jobs.list() == []


def test_what_is_kept_for_reprint_goes_before_the_film(house: House) -> None:
    job, file = house.film()
    kept = house.folder / "spool" / "printed" / "f"
    (house.folder / "spool" / "films" / "f").mkdir()
    (house.folder / "spool" / "films" / "f" / "document.json").write_text(FilmDocument(()).to_json())
    house.films.reprints.keep(job)
    house.look()
    house.times.pass_days(0.9)
    house.look()
    assert kept.exists()
    house.times.pass_days(0.2)
    house.look()
    assert not kept.exists() and file.exists() and not house.films.reprints.any


def test_nothing_that_has_not_ended_goes(house: House) -> None:
    waiting = house.jobs.create(NewJob("film", "FILM"))
    running = house.jobs.create(NewJob("disc", "BURN_CD"))
    house.jobs.advance(running.id, JobEvent.CLAIM, owner="w")
    for _ in range(3):
        house.times.pass_days(100)
        house.look()
    assert {job.id for job in house.jobs.list()} == {waiting.id, running.id}


@pytest.mark.parametrize("jump_days", [3650, -3650, 8])
def test_a_jump_of_the_clock_takes_nothing(house: House, jump_days: float) -> None:
    _, file = house.film()
    house.look()
    house.times.wall += jump_days * DAY_S
    house.look()
    assert file.exists()


def test_a_jump_while_it_is_off_takes_nothing_either(house: House) -> None:
    _, file = house.film()
    house.look()
    house.times.reboot(3650)
    house.look(restart=True)
    assert file.exists()
    house.times.pass_days(6.9)
    house.look()
    assert file.exists()
    house.times.pass_days(0.2)
    house.look()
    assert not file.exists()


def test_a_plausible_absence_counts(house: House) -> None:
    _, file = house.film()
    house.look()
    house.times.reboot(8)
    house.look(restart=True)
    assert not file.exists()


@pytest.mark.parametrize("jump_days", [8, -8])
def test_a_jump_of_days_across_a_restart_takes_nothing(house: House, jump_days: float) -> None:
    """The machine stayed on: it knows how long the appliance was off."""
    house.times.wall += min(0, jump_days) * DAY_S
    _, file = house.film()
    house.look()
    house.times.wall += 8 * DAY_S
    house.look(restart=True)
    assert file.exists()
    house.times.monotonic += 7.1 * DAY_S
    house.look(restart=True)
    assert not file.exists()


def test_a_job_of_a_service_that_is_gone_stays_for_thirty_days(house: House) -> None:
    job = house.jobs.create(NewJob("film", "OLD"))
    house.jobs.advance(job.id, JobEvent.CANCEL)
    house.look()
    house.times.pass_days(29)
    house.look()
    assert house.jobs.list()
    house.times.pass_days(1.1)
    house.look()
    assert house.jobs.list() == []


def test_a_file_that_cannot_be_removed_does_not_stop_the_rest(house: House) -> None:
    _, first = house.film()
    _, second = house.film()
    first.unlink()
    first.mkdir()
    (first / "inside").write_text("x")
    house.look()
    house.times.pass_days(8)
    house.look()
    assert not first.exists() and not second.exists()


def test_an_instance_goes_by_the_station_that_keeps_it_longest(house: House) -> None:
    only = house.arrive("1.5.1", "STORE")
    both = house.arrive("1.5.2", "STORE")
    house.arrive("1.5.2", "BURN_CD")
    job = house.jobs.create(
        NewJob("disc", "BURN_CD"),
        also=lambda connection, job: house.index.take(
            connection, [one for _, one in house.index.pending(["BURN_CD"])], job.id
        ),
    )
    house.look()
    house.times.pass_days(3.1)
    house.look()
    assert house.stored() == {"1.5.2"} and not only.exists() and both.exists()
    house.times.pass_days(100)
    house.look()
    assert house.stored() == {"1.5.2"}, "a waiting disc needs it"
    house.jobs.advance(job.id, JobEvent.CANCEL)
    house.look()
    house.times.pass_days(14.1)
    house.look()
    assert house.stored() == set() and not both.exists()


def test_what_waits_for_a_disc_stays_whatever_its_age(house: House) -> None:
    house.arrive("1.5.3", "BURN_CD")
    house.times.pass_days(400)
    house.look()
    house.look()
    assert house.stored() == {"1.5.3"}


def test_an_object_of_no_patient_waits_for_no_disc(house: House) -> None:
    """A hanging protocol that a disc station was sent goes by its age: no disc will ever take it."""
    file = house.arrive("1.5.5", "BURN_CD", "1.2.840.10008.5.1.4.38.1")
    house.look()
    house.times.pass_days(13)
    house.look()
    assert file.exists()
    house.times.pass_days(2)
    house.look()
    assert house.stored() == set() and not file.exists()


def test_what_is_sent_again_is_young_again(house: House) -> None:
    file = house.arrive("1.5.4", "STORE")
    house.look()
    house.times.pass_days(2.9)
    house.arrive("1.5.4", "BURN_CD")
    house.look()
    house.times.pass_days(0.2)
    house.look()
    assert house.stored() == {"1.5.4"} and file.exists()


def test_more_than_one_batch_is_forgotten(house: House) -> None:
    files = [house.arrive(f"1.6.{number}", "STORE") for number in range(25)]
    house.look()
    assert house.index.forget({"STORE": 1e12}, 1e12, most=10) == 25
    assert house.stored() == set() and not any(file.exists() for file in files)
