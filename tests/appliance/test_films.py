"""The spool of films: what becomes durable, what is refused, what is the same film."""

from __future__ import annotations

import errno
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from appliance import spool as room
from appliance.database import Database
from appliance.films import Films, NotKept, NotSpooled
from appliance.jobs import Job, JobEvent, Jobs, NewJob, NoSuchJob
from appliance.orders import FilmOrder, Gate
from appliance.spool import document_of
from printing.page import FilmDocument, FilmPage, PageImage, PixelReference, Rectangle

CELL = Rectangle(0, 0, 100, 100)


class Spool:
    """A spool with one association's pixels in it."""

    def __init__(self, folder: Path) -> None:
        self.database = Database(folder / "jobs.db")
        self.database.migrate()
        self.now_s = 0.0
        self.wall_s = 1_800_000_000.0
        self.jobs = Jobs(self.database, lambda: self.wall_s)
        self.films = Films(folder / "spool", self.jobs, clock=lambda: self.now_s, wall=lambda: self.wall_s)
        self.pixels = self.films.open()
        self.folder = folder / "spool" / "films"

    def order(self, *contents: bytes, guard_s: float = 0.0, uid: str = "1.2.3", offset: int = 8) -> FilmOrder:
        images = []
        for number, content in enumerate(contents, 1):
            name = f"n{len(list(self.pixels.iterdir()))}"
            (self.pixels / name).write_bytes(bytes(offset) + content)
            pixels = PixelReference(name, offset, len(content), 1, len(content), 1, "MONOCHROME2", 0, 8, 8, 7)
            images.append(PageImage(number, CELL, pixels))
        page = FilmPage("A4", "PORTRAIT", 210, 297, r"STANDARD\1,1", tuple(images))
        return FilmOrder(FilmDocument((page,)), self.pixels, uid, "FILM", "CONSOLE", duplicate_within_s=guard_s)


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    return Spool(tmp_path)


def test_a_job_holds_everything_that_its_document_names(spool: Spool) -> None:
    order = spool.order(b"one", b"two")
    job = spool.films.submit(order)
    folder = spool.folder / job.folder
    assert FilmDocument.from_json((folder / "document.json").read_bytes()) == order.document
    for pixels, content in zip(order.document.references(), (b"one", b"two"), strict=True):
        assert (folder / pixels.file).read_bytes()[pixels.offset :] == content
    assert job.uid == "1.2.3" and job.payload["films"] == 1


def test_a_job_outlives_the_folder_of_its_association(spool: Spool) -> None:
    order = spool.order(b"one")
    job = spool.films.submit(order)
    spool.films.close(spool.pixels)
    assert not spool.pixels.exists()
    (pixels,) = order.document.references()
    assert (spool.folder / job.folder / pixels.file).exists()


def test_one_file_for_two_boxes_is_linked_once(spool: Spool) -> None:
    order = spool.order(b"one")
    (page,) = order.document.pages
    twice = replace(page, images=(page.images[0], replace(page.images[0], position=2)))
    job = spool.films.submit(replace(order, document=replace(order.document, pages=(twice,))))
    assert len([file for file in (spool.folder / job.folder).iterdir() if file.suffix != ".json"]) == 1


def test_a_missing_pixel_file_is_no_job_and_no_folder(spool: Spool) -> None:
    order = spool.order(b"one")
    (spool.pixels / order.document.references()[0].file).unlink()
    with pytest.raises(NotSpooled):
        spool.films.submit(order)
    assert list(spool.folder.iterdir()) == [] and spool.jobs.list() == []


@pytest.mark.parametrize("what", ["sync", "link"])
@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS])
def test_a_failing_disk_is_no_job_and_no_folder(
    spool: Spool, monkeypatch: pytest.MonkeyPatch, what: str, number: int
) -> None:
    def fail(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    order = spool.order(b"one")
    with monkeypatch.context() as failing:
        failing.setattr(room, what, fail)
        with pytest.raises(NotSpooled):
            spool.films.submit(order)
    assert list(spool.folder.iterdir()) == [] and spool.jobs.list() == []
    assert spool.films.submit(order).state == "PENDING"


def test_a_database_that_cannot_be_written_is_no_job_and_no_folder(spool: Spool) -> None:
    with spool.database.transaction() as connection:
        connection.exec_driver_sql("DROP TABLE job")
    with pytest.raises(NotSpooled):
        spool.films.submit(spool.order(b"one"))
    assert list(spool.folder.iterdir()) == []


def test_the_same_film_is_known_by_its_pixels_wherever_they_lie(spool: Spool) -> None:
    first = spool.films.submit(spool.order(b"one", b"two", guard_s=10, uid="1.1"))
    again = spool.films.submit(spool.order(b"one", b"two", guard_s=10, uid="1.2", offset=100))
    other = spool.films.submit(spool.order(b"one", b"2wo", guard_s=10, uid="1.3"))
    assert again == first and other.uid == "1.3"


def test_two_callers_may_print_the_same_film(spool: Spool) -> None:
    spool.films.submit(spool.order(b"one", guard_s=10, uid="1.1"))
    other = replace(spool.order(b"one", guard_s=10, uid="1.2"), calling_ae_title="OTHER")
    assert spool.films.submit(other).uid == "1.2"


def test_the_window_ends(spool: Spool) -> None:
    spool.films.submit(spool.order(b"one", guard_s=10, uid="1.1"))
    spool.now_s = 9.9
    assert spool.films.submit(spool.order(b"one", guard_s=10, uid="1.2")).uid == "1.1"
    spool.now_s = 10.1
    assert spool.films.submit(spool.order(b"one", guard_s=10, uid="1.3")).uid == "1.3"


def test_a_film_that_failed_may_be_sent_again(spool: Spool) -> None:
    job = spool.films.submit(spool.order(b"one", guard_s=10, uid="1.1"))
    spool.jobs.advance(job.id, JobEvent.CANCEL)
    assert spool.films.submit(spool.order(b"one", guard_s=10, uid="1.2")).uid == "1.2"


def test_the_sweep_keeps_what_was_promised(spool: Spool) -> None:
    job = spool.films.submit(spool.order(b"one"))
    (spool.folder / "0123456789abcdef").mkdir()
    spool.films.sweep()
    assert [path.name for path in spool.folder.iterdir()] == [job.folder]
    assert not spool.pixels.exists()


def test_a_reserve_that_is_reached_takes_no_film(tmp_path: Path, spool: Spool) -> None:
    films = Films(tmp_path / "spool", spool.jobs, reserve_bytes=1 << 62)
    assert not films.has_room()
    with pytest.raises(NotSpooled, match="reserve"):
        films.submit(spool.order(b"one"))
    assert spool.films.has_room()


# -- one film for several printers ------------------------------------------------------------------------------------


def test_each_printer_gets_a_job_and_a_folder_of_its_own_in_one_commit(spool: Spool) -> None:
    order = replace(spool.order(b"one", b"two"), also={"PAPER": Gate(), "ARCHIVE": Gate(hold=True)})
    heard: list[str] = []
    spool.jobs.subscribe(lambda job, _: heard.append(f"{job.ae_title} of {len(spool.jobs.list())}"))
    first = spool.films.submit(order)
    assert heard == ["FILM of 3", "PAPER of 3", "ARCHIVE of 3"], "nobody hears before all are there"
    own, paper, archive = spool.jobs.list()
    assert own == first and own.uid == "1.2.3" and own.payload["also"] == {"PAPER": paper.id, "ARCHIVE": archive.id}
    for one in (paper, archive):
        assert one.uid is None and one.payload["film_of"] == first.id and "also" not in one.payload
        assert (one.calling_ae_title, one.priority) == (own.calling_ae_title, own.priority)
        assert first.id in spool.jobs.events(one.id)[0].detail
    assert (own.held, paper.held, archive.held) == (False, False, True)
    spool.films.close(spool.pixels)
    files = [spool.folder / job.folder / order.document.references()[1].file for job in (own, paper, archive)]
    assert len({file.stat().st_ino for file in files}) == 1 and files[0].stat().st_nlink == 3
    spool.jobs.advance(own.id, JobEvent.CANCEL)
    assert [spool.jobs.get(one.id).step for one in (paper, archive)] == ["queued", "queued"]


@pytest.mark.parametrize("which", range(4))
def test_where_one_cannot_be_made_none_is(spool: Spool, monkeypatch: pytest.MonkeyPatch, which: int) -> None:
    """Of three jobs the first, the second or the third cannot be spooled; then the commit fails."""
    order = replace(spool.order(b"one"), also={"PAPER": Gate(), "ARCHIVE": Gate()})
    linked = 0

    def link(source: Path, target: Path) -> None:
        nonlocal linked
        if linked == which:
            raise OSError(errno.ENOSPC, "No space left on device")
        linked += 1
        os.link(source, target)

    with monkeypatch.context() as failing:
        failing.setattr(room, "link", link)
        if which == 3:
            with spool.database.transaction() as connection:
                connection.exec_driver_sql("ALTER TABLE job_event RENAME TO gone")
        with pytest.raises(NotSpooled):
            spool.films.submit(order)
    assert linked == min(which, 3) and spool.jobs.list() == [] and list(spool.folder.iterdir()) == []


def test_a_lost_database_finds_all_of_them_again_in_order_and_who_belongs_to_whom(tmp_path: Path) -> None:
    first = Spool(tmp_path)
    for number in range(3):
        uid = f"1.{number}"
        first.films.submit(replace(first.order(b"one", uid=uid), also={"PAPER": Gate(hold=number == 1)}))
    before = first.jobs.list()
    for at, job in enumerate(before):  # faster than a file system's clock
        os.utime(first.folder / job.folder / "order.json", (at, at))
    first.database.close()
    for file in tmp_path.glob("jobs.db*"):
        file.unlink()
    again = Spool(tmp_path)
    again.films.sweep(database_lost=True)
    after = again.jobs.list()
    for key in ("id", "uid", "ae_title", "held", "folder", "payload"):
        assert [getattr(job, key) for job in after] == [getattr(job, key) for job in before], key


# -- what waits for a person ------------------------------------------------------------------------------------------


def test_films_of_a_printer_that_holds_wait_and_go_when_released(spool: Spool) -> None:
    job = spool.films.submit(replace(spool.order(b"one"), gate=Gate(hold=True)))
    assert (job.state, job.held) == ("PENDING", True) and "releases" in job.hold_reason
    assert spool.jobs.claim("film", "w") is None
    spool.jobs.advance(job.id, JobEvent.RELEASE, reason="seen")
    claimed = spool.jobs.claim("film", "w")
    assert claimed is not None and claimed.id == job.id


def of_the_day(spool: Spool, uid: int, gate: Gate, copies: int = 1, calling: str = "CONSOLE") -> bool:
    """Print a film; whether it is held."""
    order = spool.order(b"one", uid=f"1.{uid}")
    document = replace(order.document, number_of_copies=copies)
    return spool.films.submit(replace(order, document=document, gate=gate, calling_ae_title=calling)).held


def test_what_is_over_the_quota_of_a_day_waits_and_is_not_lost(spool: Spool) -> None:
    gate = Gate(films_a_day=4)
    assert [of_the_day(spool, uid, gate) for uid in range(3)] == [False] * 3
    assert of_the_day(spool, 3, gate, copies=2), "copies count"
    assert not of_the_day(spool, 4, gate), "what waits is not counted"
    assert of_the_day(spool, 5, gate)
    assert not of_the_day(spool, 6, gate, calling="OTHER"), "each caller has its own"
    held = [job for job in spool.jobs.list() if job.held]
    assert len(held) == 2 and all("quota of 4 films a day" in job.hold_reason for job in held)
    spool.wall_s += 86400
    assert not of_the_day(spool, 7, gate)
    assert spool.jobs.get(held[0].id).held, "another day releases nothing by itself"
    spool.jobs.advance(held[0].id, JobEvent.RELEASE, reason="a busy day")
    assert not spool.jobs.get(held[0].id).held


def test_films_dated_ahead_are_not_those_of_today(spool: Spool) -> None:
    """The clock was wrong for a while: what was printed then takes nothing from the days until that date."""
    gate = Gate(films_a_day=1)
    spool.wall_s += 10 * 365 * 86400
    assert not of_the_day(spool, 0, gate)
    spool.wall_s -= 10 * 365 * 86400
    assert not of_the_day(spool, 1, gate) and of_the_day(spool, 2, gate)


def test_of_films_at_once_no_more_than_the_quota_go(spool: Spool) -> None:
    orders = [replace(spool.order(b"one", uid=f"1.{uid}"), gate=Gate(films_a_day=5)) for uid in range(16)]
    with ThreadPoolExecutor(8) as threads:
        held = [job.held for job in threads.map(spool.films.submit, orders)]
    assert held.count(False) == 5


# -- once more --------------------------------------------------------------------------------------------------------


def came_out(spool: Spool, job: Job, days: float = 1) -> Job:
    """The film was printed, with what that leaves in its folder."""
    spool.films = Films(spool.folder.parent, spool.jobs, reprint_days={"FILM": days, "PAPER": days})
    spool.jobs.advance(job.id, JobEvent.CLAIM, owner="w")
    (spool.folder / job.folder / "film.pdf").write_bytes(b"%PDF")
    (spool.folder / job.folder / "sent.json").write_text("{}")
    (spool.folder / job.folder / "fallback").mkdir()
    job = spool.jobs.advance(job.id, JobEvent.FINISH, files=[])
    spool.films.reprints.keep(job)
    return job


def test_a_film_that_came_out_can_be_printed_again(spool: Spool) -> None:
    order = replace(spool.order(b"one"), warnings=("a remark",), also={"PAPER": Gate()})
    job = came_out(spool, spool.films.submit(order))
    kept = spool.folder.parent / "printed" / job.folder
    pixels = order.document.references()[0].file
    assert {path.name for path in kept.iterdir()} == {"document.json", "order.json", pixels}
    assert not (spool.folder / job.folder).exists()
    again = spool.films.reprint(job.id)
    elsewhere = spool.films.reprint(job.id, "PAPER", 3)
    spool.films.reprints.forget([job.folder])
    for one, printer, copies in ((again, "FILM", 1), (elsewhere, "PAPER", 3)):
        assert (one.state, one.ae_title, one.uid, one.calling_ae_title) == ("PENDING", printer, None, "CONSOLE")
        assert one.payload["reprint_of"] == job.id and "also" not in one.payload
        assert one.payload["number_of_copies"] == copies and one.warnings == ("a remark",)
        assert job.id in spool.jobs.events(one.id)[0].detail
        document = document_of(spool.folder / one.folder)
        assert replace(document, number_of_copies=1) == order.document and document.number_of_copies == copies
        assert (spool.folder / one.folder / pixels).read_bytes()[8:] == b"one"
    with pytest.raises(NotKept, match="not kept any more"):
        spool.films.reprint(job.id)


def test_a_reprint_counts_for_no_quota(spool: Spool) -> None:
    gate = Gate(films_a_day=2)
    job = came_out(spool, spool.films.submit(replace(spool.order(b"one"), gate=gate)))
    assert not spool.films.reprint(job.id, copies=5).held
    spool.films = Films(spool.folder.parent, spool.jobs, wall=lambda: spool.wall_s)
    assert not of_the_day(spool, 1, gate)


def test_what_has_not_ended_or_is_no_film_is_not_printed_again(spool: Spool) -> None:
    waiting = spool.films.submit(spool.order(b"one"))
    disc = spool.jobs.create(NewJob("disc", "BURN_CD"))
    for job, words in ((waiting, "must have ended"), (disc, "no film")):
        with pytest.raises(NotKept, match=words):
            spool.films.reprint(job.id)
    with pytest.raises(NoSuchJob):
        spool.films.reprint("nothing")
    assert len(spool.jobs.list()) == 2
    spool.jobs.advance(waiting.id, JobEvent.CANCEL)
    assert spool.films.reprint(waiting.id, "PAPER").ae_title == "PAPER", (
        "the printer is broken: cancel, print elsewhere"
    )


def test_a_printer_that_keeps_nothing_keeps_nothing(spool: Spool) -> None:
    job = came_out(spool, spool.films.submit(spool.order(b"one")), days=0)
    assert not (spool.folder / job.folder).exists() and spool.films.reprints.names() == set()


def test_a_crash_after_a_film_came_out_leaves_it_for_reprint_and_not_to_be_printed(spool: Spool) -> None:
    first, second = (spool.films.submit(spool.order(b"one", uid=uid)) for uid in ("1.1", "1.2"))
    came_out(spool, first)
    spool.jobs.advance(second.id, JobEvent.CLAIM, owner="w")
    spool.jobs.advance(second.id, JobEvent.FINISH, files=[])  # and here it crashed
    spool.films.sweep()
    assert spool.films.reprints.names() == {first.folder, second.folder} and list(spool.folder.iterdir()) == []
    spool.database.close()
    for file in spool.folder.parent.parent.glob("jobs.db*"):
        file.unlink()
    again = Spool(spool.folder.parent.parent)
    again.films.sweep(database_lost=True)
    assert again.jobs.list() == [] and again.films.reprints.names() == set(), "it came out: nothing is printed again"


class Disk:
    """A disk whose room a test sets: so much, and what is kept takes the rest."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, printed: Path) -> None:
        self.printed = printed
        self.free = 0
        monkeypatch.setattr(os, "statvfs", lambda _: self)
        self.f_frsize, self.f_blocks, self.f_files, self.f_favail = 1, 10_000, 0, 0

    @property
    def f_bavail(self) -> int:
        return self.free - 100 * len(list(self.printed.iterdir()))


def test_what_is_kept_for_reprint_goes_first_when_the_disk_fills_up(
    spool: Spool, monkeypatch: pytest.MonkeyPatch
) -> None:
    spool.films = Films(spool.folder.parent, spool.jobs, reserve_bytes=0)
    jobs = [came_out(spool, spool.films.submit(spool.order(b"one", uid=f"1.{at}"))) for at in range(5)]
    printed = spool.folder.parent / "printed"
    for at, job in enumerate(jobs):
        os.utime(printed / job.folder, (at, at))
    films = Films(spool.folder.parent, spool.jobs, reserve_bytes=1000, reprint_days={"FILM": 1})
    disk = Disk(monkeypatch, printed)
    disk.free = 2600
    assert not films.reprints.give_way() and len(films.reprints.names()) == 5
    disk.free = 2400  # less than twice the reserve but for two of them
    assert films.reprints.give_way()
    assert films.reprints.names() == {job.folder for job in jobs[1:]}
    disk.free = 1350  # a film comes, and less than the reserve is free: that is no reason to refuse it
    assert films.has_room() and films.reprints.names() == set()
    disk.free = 900
    assert not films.has_room()
