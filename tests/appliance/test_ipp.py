"""Films on paper: an IPP printer prints each once and tells how it is; what breaks is asked or told, never guessed."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from printing.terms import PRINT_JOB, PRINTER, PRINTER_INSTANCE, Command
from tests.appliance.print_rig import NetworkConsole
from tests.ipp_printer import IppPrinter, until
from tests.older_printer import OlderPrinter
from tests.serving import Serving

pytestmark = [
    pytest.mark.peers("cups-ipp-utils", "avahi-daemon", "dbus", "poppler-utils"),
    pytest.mark.skipif(os.getuid() != 0, reason="avahi needs root"),
]

TOML = """
[appliance]
state = "{state}"
disk_reserve_mb = 1
[listen]
port = 0
[printers.FILM]
output = "ipp"
{more}
dpi = 100
tone = "pvalue"
status_policy = "truthful"
[inboxes.STORE]
"""


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[IppPrinter]:
    one = IppPrinter(tmp_path_factory.mktemp("printer"))
    try:
        yield one.start()
    finally:
        one.stop()


@pytest.fixture
def printer(machine: IppPrinter) -> IppPrinter:
    """The printer, switched on, empty and willing."""
    for file in [*(machine.folder / "out").iterdir(), *machine.folder.glob("hold"), *machine.folder.glob("abort")]:
        file.unlink()
    machine.off()
    machine.on()
    return machine


@pytest.fixture
def appliance(tmp_path: Path, printer: IppPrinter) -> Iterator[Serving]:
    one = Serving(tmp_path, f'url = "{printer.url}"', TOML).start()
    yield one
    assert one.process is not None
    if one.process.poll() is None:
        one.kill()


def console(one: Serving) -> NetworkConsole:
    return NetworkConsole(None, one.port)


def status_of(one: NetworkConsole) -> Any:
    answer = one.exchange(Command.N_GET, PRINTER, PRINTER_INSTANCE)
    assert answer.status == 0
    return answer.data


def printed(one: Serving) -> dict[str, Any]:
    """The only film, when it has ended."""
    (job,) = one.all_ended()
    return job


def test_a_film_comes_out_once_on_the_paper_that_is_there(appliance: Serving, printer: IppPrinter) -> None:
    assert console(appliance).whole_film(FilmSizeID="14INX17IN").status == 0
    job = printed(appliance)
    assert job["state"] == "DONE" and job["files"] == []
    assert any("printed on na_letter_8.5x11in at" in warning for warning in job["warnings"])
    (sheet,) = printer.sheets
    said = subprocess.run(["pdfinfo", sheet], capture_output=True, text=True, check=True).stdout
    assert re.search(r"Page size:\s+612 x 792 pts", said)
    words = subprocess.run(["pdftotext", sheet, "-"], capture_output=True, text=True, check=True).stdout
    assert re.search(r"\d\d % of the film's size: not to scale", words)
    attributes = sheet.with_suffix(".env").read_text()
    for wanted in ("MEDIA=na_letter_8.5x11in", "COPIES=1", "PRINT_COLOR_MODE=monochrome", "SIDES=one-sided"):
        assert f"IPP_{wanted}\n" in attributes
    assert f"IPP_JOB_NAME={printer_name(job)}\n" in attributes


def printer_name(job: dict[str, Any]) -> str:
    stamp = re.sub(r"[-:]", "", job["created"][:19]).replace("T", "-")
    return f"{stamp}-{job['id']}"


def test_a_console_hears_every_state_of_its_job(appliance: Serving, printer: IppPrinter) -> None:
    printer.hold()
    one = console(appliance)
    assert one.whole_film().status == 0
    one.listen(lambda: 2 in one.told(PRINT_JOB))
    until(lambda: not printer.sheets and jobs_inside(printer), "the printer has no job")
    assert one.told(PRINT_JOB) == [1, 2]
    printer.let_go()
    one.listen(lambda: 3 in one.told(PRINT_JOB))
    assert one.told(PRINT_JOB) == [1, 2, 3] and len(printer.sheets) == 1


def jobs_inside(printer: IppPrinter) -> list[Any]:
    from printing.ipp.client import IppClient

    return list(IppClient(printer.url).jobs("not-completed"))


@pytest.mark.parametrize(
    ("reason", "info"),
    [
        ("media-empty", "SUPPLY EMPTY"),
        ("media-jam", "FILM JAM"),
        ("cover-open", "COVER OPEN"),
        ("toner-low", "SUPPLY LOW"),
    ],
)
def test_the_state_of_the_printer_is_told_and_read(
    appliance: Serving, printer: IppPrinter, reason: str, info: str
) -> None:
    """ippeveprinter calls each of them a warning; what an error becomes is in the tests of `states`."""
    printer.hold()
    one = console(appliance)
    assert one.whole_film().status == 0
    printer.say(f"STATE: +{reason}")
    one.listen(lambda: 2 in one.told(PRINTER))
    found = status_of(one)
    assert (found.PrinterStatus, found.PrinterStatusInfo) == ("WARNING", info)
    printer.say(f"STATE: -{reason}")
    one.listen(lambda: one.told(PRINTER)[-1] == 1)
    assert status_of(one).PrinterStatus == "NORMAL"
    printer.let_go()
    assert printed(appliance)["state"] == "DONE" and len(printer.sheets) == 1


def test_a_printer_that_is_off_gets_its_films_later_in_order_and_once(appliance: Serving, printer: IppPrinter) -> None:
    printer.off()
    one = console(appliance)
    for side in (1, 2):
        assert one.whole_film(rf"STANDARD\1,{side}").status == 0
    jobs = appliance.until(lambda jobs: all("does not answer" in job["error"] for job in jobs[:1]))
    assert [job["state"] for job in jobs] == ["PENDING", "PENDING"]
    printer.on()
    jobs = appliance.all_ended(2, seconds=60)
    assert [job["state"] for job in jobs] == ["DONE", "DONE"]
    assert len(printer.sheets) == 2


def test_a_film_that_the_printer_gives_up_is_a_failure_and_can_be_tried_again(
    appliance: Serving, printer: IppPrinter
) -> None:
    printer.abort()
    assert console(appliance).whole_film().status == 0
    job = printed(appliance)
    assert job["state"] == "FAILURE" and "gave the film up" in job["error"]
    (printer.folder / "abort").unlink()
    appliance.gravure("retry", job["id"])
    assert appliance.until(lambda jobs: jobs[0]["state"] == "DONE") and len(printer.sheets) == 1


def test_a_cancelled_film_is_cancelled_at_the_printer(appliance: Serving, printer: IppPrinter) -> None:
    printer.hold()
    assert console(appliance).whole_film().status == 0
    until(lambda: jobs_inside(printer), "the printer has no job")
    (job,) = appliance.jobs()
    appliance.gravure("cancel", job["id"])
    # ippeveprinter lets its command end; that it was asked is what we can see.
    until(lambda: "Cancel-Job" in (printer.folder / "printer.log").read_text(errors="replace"), "not asked")
    assert appliance.jobs()[0]["cancelled"] and printer.sheets == []


def test_kill_9_while_it_prints_and_the_film_comes_out_once(appliance: Serving, printer: IppPrinter) -> None:
    printer.hold()
    assert console(appliance).whole_film().status == 0
    until(lambda: jobs_inside(printer), "the printer has no job")
    until(lambda: '"whole": true' in "".join(note.read_text() for note in notes(appliance)), "no note")
    appliance.kill()
    appliance.start()
    printer.let_go()
    assert printed(appliance)["state"] == "DONE" and len(printer.sheets) == 1


def notes(one: Serving) -> list[Path]:
    return list((one.state / "spool" / "films").glob("*/sent.json"))


@pytest.mark.parametrize("operation", [0x05, 0x04], ids=["Create-Job", "Validate-Job"])
def test_an_answer_that_never_comes_does_not_print_the_film_twice(
    tmp_path: Path, printer: IppPrinter, operation: int
) -> None:
    way = OlderPrinter(printer.port, breaks=(operation, "after"))
    one = Serving(tmp_path, f'url = "{way.url}"', TOML).start()
    try:
        assert console(one).whole_film().status == 0
        (job,) = one.all_ended(seconds=60)
        assert way.breaks is None and job["state"] == "DONE" and len(printer.sheets) == 1
    finally:
        one.kill()
        way.close()


def test_a_film_that_may_have_come_through_in_part_is_held(tmp_path: Path, printer: IppPrinter) -> None:
    """A printer prints what it has got of a film and calls it completed: without its answer nobody knows."""
    way = OlderPrinter(printer.port, breaks=(0x06, "after"))
    one = Serving(tmp_path, f'url = "{way.url}"', TOML).start()
    try:
        assert console(one).whole_film().status == 0
        (job,) = one.until(lambda jobs: jobs[0]["held"], seconds=60)
        assert "possibly printed, and perhaps not all of it" in job["hold_reason"] and len(printer.sheets) == 1
        one.gravure("release", job["id"], "--reason", "half a film lies in the tray")
        (job,) = one.all_ended()
        assert way.breaks is None and job["state"] == "DONE" and len(printer.sheets) == 2
    finally:
        one.kill()
        way.close()


def test_a_film_that_was_sent_to_a_printer_that_forgot_it_is_held_and_a_person_decides(
    appliance: Serving, printer: IppPrinter
) -> None:
    printer.hold()
    assert console(appliance).whole_film().status == 0
    until(lambda: jobs_inside(printer), "the printer has no job")
    printer.off()
    printer.on()  # ippeveprinter knows nothing of what was before
    (job,) = appliance.until(lambda jobs: jobs[0]["held"], seconds=60)
    assert "possibly printed" in job["hold_reason"] and printer.sheets == []
    printer.let_go()
    appliance.gravure("release", job["id"], "--reason", "the tray is empty")
    (job,) = appliance.all_ended()
    assert job["state"] == "DONE" and len(printer.sheets) == 1


def test_the_record_and_the_command_line_know_the_paper(appliance: Serving, printer: IppPrinter) -> None:
    assert console(appliance).whole_film(FilmSizeID="8INX10IN").status == 0
    job = printed(appliance)
    assert job["warnings"] == [] or all("scale" not in warning for warning in job["warnings"])
    (sheet,) = printer.sheets
    images = subprocess.run(["pdfimages", "-list", sheet], capture_output=True, text=True, check=True).stdout
    assert re.search(r" 800 +1000 .* 100 +100 ", images), "an 8×10 film fits on letter and keeps its size"
    assert json.loads(appliance.gravure("job", job["id"], "--json").stdout)["state"] == "DONE"


def test_sigterm_while_it_prints_ends_in_time(appliance: Serving, printer: IppPrinter) -> None:
    printer.hold()
    assert console(appliance).whole_film().status == 0
    until(lambda: '"whole": true' in "".join(note.read_text() for note in notes(appliance)), "no note")
    assert appliance.process is not None
    appliance.process.send_signal(signal.SIGTERM)
    assert appliance.process.wait(12) == 0
    appliance.start()
    printer.let_go()
    assert printed(appliance)["state"] == "DONE" and len(printer.sheets) == 1
