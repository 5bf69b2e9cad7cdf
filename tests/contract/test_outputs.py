"""What every output promises, whatever it is: one suite for all of them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from printing.ipp.client import IppClient
from printing.job import render_document
from printing.outputs import DICOM, Left, NotDelivered, Output, Properties, RenderedFilm, Stop
from printing.outputs.archive.archive import ArchiveOutput
from printing.outputs.dicom.imager import DicomOutput
from printing.outputs.folder import FolderOutput
from printing.outputs.ipp import IppOutput
from printing.page import DOCUMENT, FilmDocument, PixelReference, plain
from printing.printer import NORMAL
from printing.render.finish import Finish
from printing.terms import PrinterStatus
from tests.film_imager import PERMISSIVE, Archive, Imager
from tests.ipp_printer import IppPrinter
from tests.printing.render.films import box, film


@dataclass
class Place:
    """An output, how it is broken and mended, and what has come out of it."""

    output: Output
    came_out: Callable[[], list[Path]]
    stop_working: Callable[[], None]
    work_again: Callable[[], None]
    keep: Callable[[], None] | None = None
    """Lets films be delivered without an end; None where a delivery cannot be caught in the middle."""
    let_go: Callable[[], None] = lambda: None


def folder_place(folder: Path) -> Iterator[Place]:
    target = folder / "films"

    def block() -> None:
        if target.exists():
            target.rename(folder / "away")
        target.write_text("in the way")

    def unblock() -> None:
        target.unlink()
        if (folder / "away").exists():
            (folder / "away").rename(target)

    yield Place(FolderOutput(target), lambda: sorted(target.glob("*.pdf")), block, unblock)


def ipp_place(folder: Path) -> Iterator[Place]:
    printer = IppPrinter(folder / "printer")
    try:
        printer.start()
        yield Place(
            IppOutput(IppClient(printer.url)),
            lambda: printer.sheets,
            printer.off,
            printer.on,
            printer.hold,
            printer.let_go,
        )
    finally:
        printer.stop()


def dicom_place(folder: Path) -> Iterator[Place]:
    imager = Imager(folder / "imager", PERMISSIVE)
    imager.on()
    try:
        yield Place(
            DicomOutput("127.0.0.1", imager.port, "IMAGER"),
            lambda: sorted((imager.folder / "database").glob("SP_*.dcm")),
            imager.off,
            imager.on,
        )
    finally:
        imager.off()


def archive_place(folder: Path) -> Iterator[Place]:
    archive = Archive(folder / "archive")
    archive.on()
    try:
        yield Place(
            ArchiveOutput("127.0.0.1", archive.port, "ARCHIVE", unidentified="send"),
            lambda: sorted(archive.folder.iterdir()),
            archive.off,
            archive.on,
        )
    finally:
        archive.off()


PLACES = {
    "folder": folder_place,
    "dicom": pytest.param(dicom_place, marks=pytest.mark.peers("dcmtk")),
    "archive": pytest.param(archive_place, marks=pytest.mark.peers("dcmtk")),
    "ipp": pytest.param(
        ipp_place,
        marks=[
            pytest.mark.peers("cups-ipp-utils", "avahi-daemon", "dbus"),
            pytest.mark.skipif(os.getuid() != 0, reason="avahi needs root"),
        ],
    ),
}


@pytest.fixture(params=[one if name != "folder" else folder_place for name, one in PLACES.items()], ids=list(PLACES))
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    yield from request.param(tmp_path)


@pytest.fixture
def made(tmp_path: Path) -> Callable[..., RenderedFilm]:
    """Films by name, rendered for the paper that an output has."""

    def make(place: Place, name: str, said: str = "") -> RenderedFilm:
        folder = tmp_path / name
        folder.mkdir(exist_ok=True)
        pixels = PixelReference("pixels", 0, 64, 8, 8, 1, "MONOCHROME2", 0, 8, 8, 7)
        (folder / "pixels").write_bytes(bytes(range(64)))
        document = FilmDocument((film([box(pixels, w=203.2, h=254.0)], 203.2, 254.0, given=()),))
        (folder / DOCUMENT).write_text(document.to_json())
        target = place.output.target()
        papers = tuple((one.name, one.width_mm, one.height_mm, one.margin_mm) for one in target.papers)
        finish = Finish(target.dpi or 50, papers=papers, color=target.color)
        files: tuple[Path, ...] = ()
        if target.media_type != DICOM:
            files = render_document(document, folder, finish, folder / "film", media_type=target.media_type).files
        return RenderedFilm(name, folder, files, {"film": plain(document)}, said)

    return make


def test_a_delivered_film_is_there_and_once(place: Place, made: Callable[..., RenderedFilm]) -> None:
    one = made(place, "one")
    delivered = place.output.deliver(one)
    assert len(place.came_out()) == 1 and all(file.is_absolute() and file.exists() for file in delivered.files)
    assert place.output.deliver(one) == delivered, "asked again, as after a crash"
    assert len(place.came_out()) == 1
    place.output.deliver(made(place, "two"))
    assert len(place.came_out()) == 2


def test_a_broken_output_says_so_and_goes_on_where_it_was(place: Place, made: Callable[..., RenderedFilm]) -> None:
    one = made(place, "one")
    place.stop_working()
    with pytest.raises((NotDelivered, OSError)) as failure:
        place.output.deliver(one)
    assert not isinstance(failure.value, NotDelivered) or failure.value.passing
    place.work_again()
    place.output.deliver(one)
    assert len(place.came_out()) == 1


def test_a_delivery_that_is_left_is_taken_up_and_one_that_is_cancelled_is_not(
    place: Place, made: Callable[..., RenderedFilm]
) -> None:
    if place.keep is None:
        place.output.deliver(made(place, "one"), lambda: Stop.LEAVE)
        assert len(place.came_out()) == 1, "it is done before it could be left"
        return
    place.keep()
    one = made(place, "one")
    with pytest.raises(Left):
        place.output.deliver(one, lambda: Stop.LEAVE)
    place.let_go()
    place.output.deliver(one)
    assert len(place.came_out()) == 1
    place.keep()
    with pytest.raises(NotDelivered) as cancelled:
        place.output.deliver(made(place, "two"), lambda: Stop.CANCEL)
    assert not cancelled.value.passing
    assert len(place.came_out()) == 1


def test_properties_say_what_is_so(place: Place, made: Callable[..., RenderedFilm]) -> None:
    properties = place.output.properties
    assert isinstance(properties, Properties) and place.output.target().media_type in properties.formats
    assert properties.safe_to_repeat == (not properties.reports_status)
    assert not place.output.target().papers or properties.reports_status


def test_a_look_says_how_it_is_and_never_raises(place: Place) -> None:
    first = place.output.look()
    assert first.state == NORMAL and first.takes is not None
    place.stop_working()
    assert place.output.look().state.status is PrinterStatus.FAILURE
    place.work_again()
    assert place.output.look() == first
    assert place.came_out() == []
