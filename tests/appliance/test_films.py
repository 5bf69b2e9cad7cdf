"""The spool of films: what becomes durable, what is refused, what is the same film."""

from __future__ import annotations

import errno
import os
from dataclasses import replace
from pathlib import Path

import pytest

from appliance import films as room
from appliance.database import Database
from appliance.films import FilmOrder, Films, NotSpooled
from appliance.jobs import JobEvent, Jobs
from printing.page import FilmDocument, FilmPage, PageImage, PixelReference, Rectangle

CELL = Rectangle(0, 0, 100, 100)


class Spool:
    """A spool with one association's pixels in it."""

    def __init__(self, folder: Path) -> None:
        self.database = Database(folder / "jobs.db")
        self.database.migrate()
        self.jobs = Jobs(self.database)
        self.now_s = 0.0
        self.films = Films(folder / "spool", self.jobs, clock=lambda: self.now_s)
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
