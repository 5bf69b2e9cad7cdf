"""What every output promises, whatever it is: one suite for all of them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from printing.ipp.client import IppClient
from printing.job import render_document
from printing.outputs import DICOM, PNG, POSTSCRIPT, PWG, TIFF, Left, NotDelivered, Output, Paper, RenderedFilm, Stop
from printing.outputs.archive.archive import ArchiveOutput
from printing.outputs.dicom.imager import DicomOutput
from printing.outputs.folder import FolderOutput
from printing.outputs.ipp import IppOutput
from printing.outputs.raw import RawOutput
from printing.page import DOCUMENT, FilmDocument, PixelReference, plain
from printing.printer import NORMAL
from printing.render.finish import Finish
from printing.render.formats import FORMATS
from printing.terms import PrinterStatus
from tests.film_imager import PERMISSIVE, Archive, Imager
from tests.ipp_printer import IppPrinter
from tests.printing.render.films import box, film
from tests.raw_printer import RawPrinter


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


def folder_place(folder: Path, formats: tuple[str, ...] = ("application/pdf",)) -> Iterator[Place]:
    target = folder / "films"
    first, *others = (FORMATS[one].suffix for one in formats)

    def block() -> None:
        if target.exists():
            target.rename(folder / "away")
        target.write_text("in the way")

    def unblock() -> None:
        target.unlink()
        if (folder / "away").exists():
            (folder / "away").rename(target)

    def whole() -> list[Path]:
        found = sorted(target.glob(f"*{first}"))
        assert all(one.with_suffix(suffix).exists() for one in found for suffix in others)
        return found

    yield Place(FolderOutput(target, formats=formats), whole, block, unblock)


def pictures_place(folder: Path) -> Iterator[Place]:
    yield from folder_place(folder, (PNG, TIFF))


def raw_place(folder: Path, media_type: str = "application/pdf") -> Iterator[Place]:
    printer = RawPrinter(folder / "printer").on()
    output = RawOutput(
        "127.0.0.1", printer.port, media_type=media_type, papers=(Paper("iso_a4_210x297mm", 210, 297, 5),)
    )
    try:
        yield Place(output, lambda: printer.sheets, printer.off, printer.on, printer.hold, printer.let_go)
    finally:
        printer.stop()


def raw_postscript_place(folder: Path) -> Iterator[Place]:
    yield from raw_place(folder, POSTSCRIPT)


def ipp_place(folder: Path, formats: str = "application/pdf") -> Iterator[Place]:
    printer = IppPrinter(folder / "printer", formats)
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


def ipp_pwg_place(folder: Path) -> Iterator[Place]:
    yield from ipp_place(folder, PWG)


NEEDS_AVAHI = [
    pytest.mark.peers("cups-ipp-utils", "avahi-daemon", "dbus"),
    pytest.mark.skipif(os.getuid() != 0, reason="avahi needs root"),
]
PLACES = {
    "folder": folder_place,
    "folder-png-tiff": pictures_place,
    "dicom": pytest.param(dicom_place, marks=pytest.mark.peers("dcmtk")),
    "archive": pytest.param(archive_place, marks=pytest.mark.peers("dcmtk")),
    "raw-pdf": raw_place,
    "raw-postscript": raw_postscript_place,
    "ipp": pytest.param(ipp_place, marks=NEEDS_AVAHI),
    "ipp-pwg": pytest.param(ipp_pwg_place, marks=NEEDS_AVAHI),
}


@pytest.fixture(params=list(PLACES.values()), ids=list(PLACES))
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
        finish = Finish(target.dpi or 50, papers=papers, color=target.color, gray=target.gray)
        files: list[Path] = []
        for media_type in (target.media_type, *target.also) if target.media_type != DICOM else ():
            out = folder / f"film{FORMATS[media_type].suffix}"
            files += render_document(document, folder, finish, out, media_type=media_type).files
        return RenderedFilm(name, folder, tuple(files), {"film": plain(document)}, said, target.media_type)

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
    properties, target = place.output.properties, place.output.target()
    assert {target.media_type, *target.also} <= set(properties.formats)
    one = made(place, "one")
    kept = set(one.folder.iterdir())
    place.output.deliver(one)
    notes = set(one.folder.iterdir()) - kept
    assert bool(notes) != properties.safe_to_repeat, "what comes out twice is noted"
    for note in notes:
        note.unlink()
    place.output.deliver(one)
    assert len(place.came_out()) == (1 if properties.safe_to_repeat else 2), "twice delivered, as if the first was lost"


def test_a_look_says_how_it_is_and_never_raises(place: Place) -> None:
    first = place.output.look()
    assert first.state == NORMAL and first.takes is not None
    place.stop_working()
    assert place.output.look().state.status is PrinterStatus.FAILURE
    place.work_again()
    assert place.output.look() == first
    assert place.came_out() == []
