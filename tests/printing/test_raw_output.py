"""Output raw: when a film is out, when it surely is not, and when nobody can say."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from printing.outputs import PDF, POSTSCRIPT, PWG, Left, NotDelivered, PossiblyDelivered, RenderedFilm, Stop
from printing.outputs.raw import RawOutput
from printing.printer import PrinterState
from tests.ipp_printer import until
from tests.raw_printer import RawPrinter

MIB = 1 << 20


@pytest.fixture
def printer(tmp_path: Path) -> Iterator[RawPrinter]:
    one = RawPrinter(tmp_path / "printer").on()
    yield one
    one.stop()


@pytest.fixture
def film(tmp_path: Path) -> RenderedFilm:
    """Larger than what sockets hold between them."""
    folder = tmp_path / "job"
    folder.mkdir()
    (folder / "film.pdf").write_bytes(bytes(range(256)) * (16 * MIB // 256))
    return RenderedFilm("film", folder, (folder / "film.pdf",), {"film": {"number_of_copies": 1}})


def output(printer: RawPrinter, **more: float) -> RawOutput:
    return RawOutput("127.0.0.1", printer.port, **more)  # type: ignore[arg-type]


def again(film: RenderedFilm, said: str) -> RenderedFilm:
    return RenderedFilm(film.name, film.folder, film.files, film.record, said)


def test_every_byte_is_taken_in_order_and_only_then_is_it_delivered(printer: RawPrinter, film: RenderedFilm) -> None:
    heard: list[PrinterState] = []
    printer.says = b"%%[ status: busy ]%%\n" * 20000  # more than a socket holds: unread, it would stop the printer
    delivered = RawOutput("127.0.0.1", printer.port, heard.append).deliver(film)
    (came,) = printer.until_sheets(1)
    assert came.read_bytes() == film.files[0].read_bytes() and delivered.warnings == ()
    assert [state.status for state in heard] == ["NORMAL"]


def test_copies_that_nobody_makes_are_told_again_and_again(printer: RawPrinter, film: RenderedFilm) -> None:
    more = RenderedFilm("film", film.folder, film.files, {"film": {"number_of_copies": 3}})
    for _ in range(2):
        assert output(printer).deliver(more).warnings == ("3 copies were asked for, the printer makes 1",)
    assert printer.connections == 1


def test_a_refused_connection_printed_nothing_and_is_tried_again(printer: RawPrinter, film: RenderedFilm) -> None:
    heard: list[PrinterState] = []
    printer.off()
    with pytest.raises(NotDelivered) as failure:
        RawOutput("127.0.0.1", printer.port, heard.append).deliver(film)
    assert failure.value.passing and [state.info for state in heard] == ["PRINTER OFFLINE"]
    assert not list(film.folder.glob("*.json"))
    printer.on()
    output(printer).deliver(film)
    assert len(printer.until_sheets(1)) == 1


def test_a_connection_that_breaks_in_the_middle_leaves_the_decision_to_a_person(
    printer: RawPrinter, film: RenderedFilm
) -> None:
    printer.breaks_after = 100_000
    for words in ("the connection broke", "it was being sent"):  # now, and asked again after a crash
        with pytest.raises(PossiblyDelivered, match=words):
            output(printer).deliver(film)
    assert printer.connections == 1 and printer.sheets == []
    output(printer).deliver(again(film, "the tray is empty"))
    assert len(printer.until_sheets(1)) == 1


def test_a_crash_while_it_was_sent_is_no_second_film(printer: RawPrinter, film: RenderedFilm) -> None:
    (film.folder / "sent.json").write_text(json.dumps({"said": "", "job_id": None}))
    with pytest.raises(PossiblyDelivered):
        output(printer).deliver(film)
    assert printer.connections == 0


def test_a_printer_that_stops_taking_is_waited_for_and_not_for_ever(printer: RawPrinter, film: RenderedFilm) -> None:
    printer.hold()
    with pytest.raises(PossiblyDelivered, match="stopped taking"):
        output(printer, silent_s=0.5).deliver(film)
    printer.let_go()
    with pytest.raises(PossiblyDelivered):
        output(printer).deliver(film)


def test_a_printer_that_never_closes_has_the_film_when_it_has_confirmed_every_byte(
    printer: RawPrinter, film: RenderedFilm
) -> None:
    printer.closes = False
    output(printer, close_s=0.6).deliver(film)
    (came,) = printer.until_sheets(1)
    assert came.stat().st_size == 16 * MIB


def test_one_that_has_not_confirmed_every_byte_may_have_printed(printer: RawPrinter, film: RenderedFilm) -> None:
    """All of it is in our socket's buffer, and the printer, whose own is small, does not read."""
    printer.off()
    printer.buffer_bytes = 4096
    printer.on().hold()
    film.files[0].write_bytes(bytes(64 * 1024))
    with pytest.raises(PossiblyDelivered, match="has not taken all"):
        output(printer, close_s=0.5, silent_s=2.0).deliver(film)


def test_a_program_that_ends_while_it_sends_leaves_the_decision_to_a_person(
    printer: RawPrinter, film: RenderedFilm
) -> None:
    printer.hold()
    asked: list[int] = []

    def stop() -> Stop:
        asked.append(1)
        return Stop.LEAVE if len(asked) > 1 else Stop.NO

    with pytest.raises(Left):
        output(printer).deliver(film, stop)
    printer.let_go()
    until(lambda: printer.connections == 1, "no connection")
    with pytest.raises(PossiblyDelivered):
        output(printer).deliver(film)
    assert printer.sheets == [], "it was broken off, not ended: no printer takes that for a whole film"


def test_pwg_raster_has_one_resolution_and_the_others_have_any(printer: RawPrinter) -> None:
    for media_type, dpi in ((PDF, None), (POSTSCRIPT, None), (PWG, 300)):
        takes = RawOutput("127.0.0.1", printer.port, media_type=media_type).look().takes
        assert takes is not None and takes.dpi == dpi
